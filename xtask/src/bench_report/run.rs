use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::bench_report::Arguments;
use crate::bench_report::database::Database;
use crate::bench_report::figure::{self, Figure};
use crate::bench_report::plan::{Bench, Reads};
use crate::bench_report::python;

/// What makes criterion's benchmarks short.
const SHORT: [&str; 7] = ["--", "--warm-up-time", "0.5", "--measurement-time", "1", "--sample-size", "10"];

/// Runs a benchmark; what it measured.
pub(crate) async fn measure(
    root: &Path,
    bench: &Bench,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let database = match bench.command.iter().any(|word| word == "{postgres}") {
        true => Some(Database::create().await?),
        false => None,
    };
    let url = database.as_ref().map_or("", |database| &database.url);
    let ran = command(root, bench, arguments, folder.path(), url)
        .and_then(|command| finish(command, folder.path()));
    if let Some(database) = database {
        database.remove().await?;
    }
    ran?;
    let mut figures = figure::lines(&folder.path().join("figures.jsonl"))?;
    if bench.reads != Reads::Figures {
        figures.extend(figure::criterion(&folder.path().join("criterion"))?);
    }
    ensure!(!figures.is_empty(), "it told no figure");
    Ok(figures)
}

fn command(
    root: &Path,
    bench: &Bench,
    arguments: &Arguments,
    folder: &Path,
    url: &str,
) -> anyhow::Result<Command> {
    if let Some(python) = &bench.python {
        let interpreter = python::interpreter(root, &bench.name, &python.join("requirements.txt"))?;
        let mut command = Command::new(interpreter);
        command.arg(root.join(python).join("bench.py"));
        return Ok(command);
    }
    let quick = arguments.quick;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    helm_testkit::without_package(&mut command);
    let words = if quick && !bench.quick.is_empty() { &bench.quick } else { &bench.command };
    let folder = folder.to_string_lossy();
    command.args(words.iter().map(|word| word.replace("{folder}", &folder).replace("{postgres}", url)));
    if quick && bench.quick.is_empty() && bench.reads != Reads::Figures {
        command.args(SHORT);
    }
    if let Some(requirements) = bench.requirements.as_ref().filter(|_| arguments.python) {
        command.env("HELM_BENCH_PYTHON", python::interpreter(root, &bench.name, requirements)?);
    }
    command.current_dir(root);
    Ok(command)
}

fn finish(mut command: Command, folder: &Path) -> anyhow::Result<()> {
    command.env("HELM_BENCH_FIGURES", folder.join("figures.jsonl"));
    command.env("CRITERION_HOME", folder.join("criterion"));
    // What it prints is progress here.
    let status = command.stdout(std::io::stderr()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
