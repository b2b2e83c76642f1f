//! Links lead to files and headings that are there.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::page::{Page, below, root};

/// Where files of the repository that are no part of the book are linked to: the book's pages are read elsewhere, too.
const REPOSITORY: [&str; 2] =
    ["https://github.com/helm-rs/helm/blob/main/", "https://github.com/helm-rs/helm/tree/main/"];

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for target in targets(&page.text) {
            seen += 1;
            if let Err(why) = resolve(&page, &target) {
                wrong.push(format!("{}: {target}: {why}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "{seen}");
}

/// The book, and what stands at the root and in the crates.
fn pages() -> Vec<Page> {
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let readmes = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let readmes = readmes.map(|folder| folder.join("README.md")).filter(|path| path.is_file());
    let readmes = readmes.map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
    let others = others.map(str::to_owned).into_iter().chain(readmes);
    below("docs").into_iter().chain(others.map(|path| Page::read(&path))).collect()
}

fn resolve(page: &Page, target: &str) -> Result<(), String> {
    if let Some(path) = REPOSITORY.iter().find_map(|address| target.strip_prefix(address)) {
        let path = path.split('#').next().unwrap_or_default();
        return if root().join(path).exists() { Ok(()) } else { Err("no such file".to_owned()) };
    }
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return Ok(());
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let here = root().join(&page.path);
    let path = if path.is_empty() { here.clone() } else { normal(&here.parent().unwrap().join(path)) };
    if !path.is_file() {
        return Err("no such file".to_owned());
    }
    let docs = root().join("docs");
    if here.starts_with(&docs) && !path.starts_with(&docs) {
        return Err(format!("it leaves the book: write {}…", REPOSITORY[0]));
    }
    if heading.is_empty() || headings(&std::fs::read_to_string(&path).unwrap()).contains(&heading.to_owned())
    {
        return Ok(());
    }
    Err("no such heading".to_owned())
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        if component == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(component);
        }
        normal
    })
}

/// What links of a page lead to.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(target, _)| target.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

/// A text without its code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let spans: Vec<_> = line.split('`').collect();
            // Every second part is code; link texts may hold code, so what is taken out leaves a mark.
            let kept = spans.iter().enumerate().map(|(at, part)| if at % 2 == 0 { *part } else { "`" });
            prose.extend(kept);
            prose.push('\n');
        }
    }
    prose
}

/// The names that headings can be linked by, as GitHub and mdBook make them.
pub(crate) fn headings(text: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        if fenced || marks == 0 || !line[marks..].starts_with(' ') {
            continue;
        }
        let name: String = line[marks..]
            .trim()
            .to_lowercase()
            .chars()
            .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
            .map(|character| if character == ' ' { '-' } else { character })
            .collect();
        let count = counts.entry(name.clone()).or_default();
        found.push(if *count == 0 { name } else { format!("{name}-{count}") });
        *count += 1;
    }
    found
}

#[test]
fn headings_and_links_are_found() {
    let text =
        "# One `two`, three\n## A\n## A\n```\n# no\n[x](y)\n```\nsee [`a`](b.md#c) and `[n](o)` [d](e)\n";
    assert_eq!(headings(text), ["one-two-three", "a", "a-1"]);
    assert_eq!(targets(text), ["b.md#c", "e"]);
}
