//! Every command of `helmctl` that a page names is one, with options that it has: also those that are not run here.

use std::collections::BTreeMap;

use crate::blocks::blocks;
use crate::page::{Page, below};

/// The help text of each command, by its name, as `docs/reference/cli.md` has it.
fn reference() -> BTreeMap<String, String> {
    let page = Page::read("docs/reference/cli.md");
    let sections = page.text.split("\n#").skip(1).filter_map(|section| {
        let (name, help) = section.trim_start_matches('#').trim_start().split_once('\n')?;
        Some((name.to_owned(), help.to_owned()))
    });
    sections.collect()
}

/// The commands in the shell blocks of a page; what a line ends with `\` goes on.
fn written(text: &str) -> Vec<String> {
    let shell = blocks(text).into_iter().filter(|block| block.language() == "sh");
    let joined: Vec<_> = shell.map(|block| block.text.replace("\\\n", " ")).collect();
    let lines = joined.iter().flat_map(|text| text.lines());
    let parts = lines.flat_map(|line| line.split([';', '|', '(', ')']).flat_map(|part| part.split("&&")));
    let commands = parts.filter_map(|part| part.trim().strip_prefix("helmctl ").map(str::to_owned));
    commands.collect()
}

fn wrong(reference: &BTreeMap<String, String>, command: &str) -> Option<String> {
    let mut name = "helmctl".to_owned();
    let words: Vec<_> = command.split(" #").next().unwrap().split_whitespace().collect();
    for word in &words {
        let longer = format!("{name} {word}");
        if !reference.contains_key(&longer) {
            break;
        }
        name = longer;
    }
    if name == "helmctl" {
        return Some("no such command".to_owned());
    }
    let known = [&reference["helmctl"], &reference[&name]];
    let options = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    let names = options.map(|option| option.split('=').next().unwrap());
    let unknown = names.filter(|option| !known.iter().any(|help| help.contains(option)));
    unknown.map(|option| format!("{name} has no {option}")).next()
}

#[test]
fn commands_and_their_options_exist() {
    let reference = reference();
    assert!(reference.len() > 40, "{}", reference.len());
    let mut seen = 0;
    let others = ["README.md", "crates/helm-cli/README.md"].map(Page::read);
    let pages = below("docs");
    for page in pages.iter().chain(&others) {
        for command in written(&page.text) {
            seen += 1;
            if let Some(why) = wrong(&reference, &command) {
                panic!("{}: helmctl {command}: {why}", page.path);
            }
        }
    }
    assert!(seen > 60, "{seen}");
    assert!(wrong(&reference, "chat --tasks x").is_some() && wrong(&reference, "nonsense").is_some());
}
