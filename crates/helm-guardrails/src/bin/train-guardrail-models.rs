//! Trains the linear models that come with helm-guardrails: `train-guardrail-models --data DIR [--out DIR]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let (mut data, mut out) = (None, own);
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match (name.to_str(), value) {
            (Some("--data"), Some(value)) => data = Some(value),
            (Some("--out"), Some(value)) => out = value,
            _ => return Err(USAGE.into()),
        }
    }
    let trained = helm_guardrails::train::train(&data.ok_or(USAGE)?)?;
    std::fs::create_dir_all(&out)?;
    for (file, bytes) in &trained.models {
        std::fs::write(out.join(file), bytes)?;
    }
    std::fs::write(out.join("figures.md"), &trained.figures)?;
    Ok(())
}

const USAGE: &str = "usage: train-guardrail-models --data DIR [--out DIR]";

#[expect(clippy::print_stderr, reason = "a program says on stderr why it failed")]
fn complain(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        eprintln!("{error}");
        cause = error.source();
    }
}
