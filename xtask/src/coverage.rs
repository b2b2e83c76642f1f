//! `cargo xtask coverage`: which lines the tests run.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::Value;

use crate::tool;

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask coverage
  HELM_TEST_PG=… HELM_TEST_REDIS=… cargo xtask coverage --html target/coverage

Needs cargo-llvm-cov (cargo install cargo-llvm-cov) and the compiler's tools (rustup component add llvm-tools). Everything
is built anew, with counters, examples too, which tests start. Without PostgreSQL and Redis what needs them is not run,
and counts as not covered; eval \"$(tests/services up)\" starts both. Exit code 1 below the bar.";

/// Runs all tests with counters, and tells which part of the lines of crates/*/src they run.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The least percentage of lines
    #[arg(long, default_value_t = 85.0)]
    bar: f64,
    /// Also writes pages that show each line
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
    /// Reads what the last run measured, instead of running
    #[arg(long)]
    again: bool,
}

/// What is no part of what is shipped.
const LEFT_OUT: &str = "(/tests/|/examples/|/benches/|/xtask/|helm-testkit/|/registry/)";

/// Whether the bar is reached.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    tool::need("cargo", &["llvm-cov", "--version"], "cargo install cargo-llvm-cov")?;
    let root = crate::root();
    let common = ["--workspace", "--ignore-filename-regex", LEFT_OUT];
    let file = crate::target(&root).join("coverage.json");
    if !arguments.again {
        count(&root)?;
    }
    cov(
        &root,
        &[&["llvm-cov", "report", "--json", "--summary-only"], &common[..]].concat(),
        Some(("--output-path", &file)),
    )?;
    if let Some(folder) = &arguments.html {
        cov(
            &root,
            &[&["llvm-cov", "report", "--html"], &common[..]].concat(),
            Some(("--output-dir", folder)),
        )?;
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let crates = crates(&serde_json::from_str(&text)?);
    let whole = Lines::sum(crates.iter().map(|(_, lines)| *lines));
    writeln!(std::io::stdout(), "{}", table(&crates, whole))?;
    Ok(whole.percent() >= arguments.bar)
}

/// Gives what follows the environment in which programs count, in the folder that cargo-llvm-cov reads by itself.
const COUNTED: &str = r#"export CARGO_TARGET_DIR="$1"; shift; counted=$(cargo llvm-cov show-env --sh); eval "$counted"; exec cargo "$@""#;

/// As cargo-llvm-cov's own way to run tests, but with the examples, as the test command builds them.
fn count(root: &Path) -> anyhow::Result<()> {
    let all = ["--workspace", "--all-features", "--locked"];
    cov(root, &["llvm-cov", "clean", "--profraw-only"], None)?;
    cov(root, &[&["build"], &all[..], &["--examples"]].concat(), None)?;
    cov(root, &[&["test"], &all[..], &["--no-fail-fast", "--lib", "--bins", "--tests"]].concat(), None)
}

fn cov(root: &Path, arguments: &[&str], to: Option<(&str, &Path)>) -> anyhow::Result<()> {
    let mut cov = tool::foreign("sh");
    let folder = crate::target(root).join("llvm-cov-target");
    cov.args(["-ec", COUNTED, "coverage"]).arg(folder).args(arguments);
    cov.current_dir(root).stdout(std::io::stderr());
    if let Some((option, path)) = to {
        cov.arg(option).arg(path);
    }
    ensure!(cov.status()?.success(), "cargo {} failed", arguments.join(" "));
    Ok(())
}

/// How many lines there are, and how many of them were run.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Lines {
    all: u64,
    covered: u64,
}

impl Lines {
    fn sum(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            all: sum.all + part.all,
            covered: sum.covered + part.covered,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "lines are far below 2^53")]
    fn percent(self) -> f64 {
        100.0 * self.covered as f64 / self.all.max(1) as f64
    }
}

/// The lines of each crate, by what LLVM exports of each file.
fn crates(export: &Value) -> Vec<(String, Lines)> {
    let files = export.pointer("/data/0/files").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut crates = std::collections::BTreeMap::<String, Lines>::new();
    for file in &files {
        let name = file.get("filename").and_then(Value::as_str).and_then(|name| name.split_once("/crates/"));
        let Some((name, _)) = name.and_then(|(_, rest)| rest.split_once("/src/")) else { continue };
        let count = |what: &str| file.pointer(&format!("/summary/lines/{what}")).and_then(Value::as_u64);
        let lines = Lines { all: count("count").unwrap_or(0), covered: count("covered").unwrap_or(0) };
        let sum = crates.entry(name.to_owned()).or_default();
        *sum = Lines::sum([*sum, lines].into_iter());
    }
    crates.into_iter().collect()
}

fn table(crates: &[(String, Lines)], whole: Lines) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["crate", "lines", "run", "%"]);
    let all = ("all".to_owned(), whole);
    for (name, lines) in crates.iter().chain([&all]) {
        let percent = format!("{:.1}", lines.percent());
        table.add_row([name, &lines.all.to_string(), &lines.covered.to_string(), &percent]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_by_crate() {
        let file = |name: &str, count: u64, covered: u64| serde_json::json!({ "filename": name, "summary": { "lines": { "count": count, "covered": covered } } });
        let files = [
            file("/x/crates/helm-core/src/a.rs", 10, 9),
            file("/x/crates/helm-core/src/b/c.rs", 10, 8),
            file("/x/crates/helm-llm/src/a.rs", 4, 0),
            file("/x/fuzz/src/lib.rs", 4, 0),
        ];
        let crates = crates(&serde_json::json!({ "data": [{ "files": files }] }));
        assert_eq!(crates[0], ("helm-core".to_owned(), Lines { all: 20, covered: 17 }));
        assert_eq!((crates.len(), crates[1].1.percent()), (2, 0.0));
        assert!((Lines::sum(crates.iter().map(|(_, lines)| *lines)).percent() - 70.833).abs() < 0.001);
    }
}
