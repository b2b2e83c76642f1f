//! How well the scores agree with people: `eval-report --data DIR`, with `--fit DIR` also the files of `models`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use helm_eval::report::{figures, fit_models, read};

const USAGE: &str = "usage: eval-report --data DIR [--fit DIR]";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).map(PathBuf::from).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let (mut data, mut fit) = (None, None);
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        match (name.to_str(), arguments.next()) {
            (Some("--data"), Some(folder)) => data = Some(folder),
            (Some("--fit"), Some(folder)) => fit = Some(folder),
            _ => return Err(USAGE.into()),
        }
    }
    let rows = read(&data.ok_or(USAGE)?)?;
    if let Some(folder) = fit {
        let models = fit_models(&rows)?;
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("words.txt"), models.words)?;
        std::fs::write(folder.join("heads.json"), models.heads)?;
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "| figure | rows | value | 95 % interval | should be | |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for figure in figures(&rows)? {
        let (value, bar) = (figure.value, figure.bar);
        let should = match bar {
            (0.0, to) if to >= 1.0 => String::new(),
            (from, to) if to >= 1.0 => format!("at least {from}"),
            (0.0, to) => format!("at most {to}"),
            (from, to) => format!("{from} to {to}"),
        };
        let met = if should.is_empty() || figure.is_met() { "" } else { "missed" };
        let (note, name) = (figure.note, figure.name);
        let (rows, at, low, high) = (figure.rows, value.value, value.low, value.high);
        let interval = if value.stderr > 0.0 { format!("{low:.3} to {high:.3}") } else { String::new() };
        writeln!(out, "| {name} | {rows} | {at:.3} | {interval} | {should} | {met} {note} |")?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program says on stderr why it failed")]
fn complain(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        eprintln!("{error}");
        cause = error.source();
    }
}
