//! `docs/reference/cli.md` is what the program says of itself.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};

use super::Arguments;

const HEAD: &str = "# Command line

Every command of `helmctl`, in its own words: this page is made of what `--help` prints. stdout is data, stderr is
progress and notes. Exit codes: 0 fine, 1 a check said no, 2 wrong use or input, 3 too little data to tell, 130 interrupted.

The options of `helmctl` itself hold for all commands and are not repeated below.
";

/// A section for each command, a level deeper than that of the command above it.
fn reference() -> String {
    let mut program = Arguments::command().term_width(100);
    program.build();
    let mut text = HEAD.to_owned();
    write_all(&program, 2, &mut text);
    text
}

fn write_all(command: &Command, level: usize, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let help = own(command, level).render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    let (marks, help) = ("#".repeat(level.min(4)), lines.join("\n"));
    writeln!(text, "\n{marks} {name}\n\n```text\n{}\n```", help.trim_end()).unwrap();
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        write_all(below, level + 1, text);
    }
}

/// The command without what all commands have.
fn own(command: &Command, level: usize) -> Command {
    let hidden: &[&str] = if level > 2 { &["config", "database", "output", "help"] } else { &[] };
    let there = |name: &&&str| {
        let found = command.get_arguments().find(|argument| argument.get_id().as_str() == **name);
        found.is_some_and(|argument| argument.is_global_set() || **name == "help")
    };
    hidden
        .iter()
        .filter(there)
        .fold(command.clone(), |command, name| command.mut_arg(*name, |argument| argument.hide(true)))
}

#[test]
fn the_reference_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let made = reference();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if made != kept && std::env::var_os("HELM_UPDATE_CLI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(made == kept, "docs/reference/cli.md is out of date; HELM_UPDATE_CLI=1 updates it");
}
