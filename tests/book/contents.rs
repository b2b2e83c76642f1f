//! The table of contents has every page.

use std::collections::BTreeSet;

use crate::page::{Page, below, root};

/// The paths in `docs/SUMMARY.md`, in order.
fn listed() -> Vec<String> {
    let summary = Page::read("docs/SUMMARY.md");
    let links = summary.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(path, _)| format!("docs/{path}")).collect()
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let listed = listed();
    let pages: BTreeSet<_> =
        below("docs").into_iter().map(|page| page.path).filter(|path| path != "docs/SUMMARY.md").collect();
    let unique: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a page is listed twice");
    assert_eq!(unique, pages);
}

#[test]
fn pages_begin_with_their_title_and_what_they_are_about() {
    for page in below("docs").iter().filter(|page| page.path != "docs/SUMMARY.md") {
        let mut lines = page.text.lines().filter(|line| !line.is_empty());
        assert!(lines.next().is_some_and(|line| line.starts_with("# ")), "{}", page.path);
        let plain =
            |line: &str| line.starts_with(|first: char| first.is_alphanumeric() || "`[".contains(first));
        assert!(lines.next().is_some_and(plain), "{} begins without a sentence", page.path);
    }
}

#[test]
fn what_is_included_is_there() {
    let mut seen = 0;
    for page in below("docs") {
        let folder = root().join(&page.path);
        let folder = folder.parent().unwrap();
        for rest in page.text.split("{{#include ").skip(1) {
            let path = rest.split(['}', ':']).next().unwrap();
            assert!(folder.join(path).is_file(), "{} includes {path}", page.path);
            seen += 1;
        }
    }
    assert!(seen > 0);
}
