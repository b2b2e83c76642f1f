use std::path::{Path, PathBuf};
use std::process::ExitCode;

use helm_core::{Clock, SystemClock};
use helm_orchestrator::experiment::Spec;
use helm_orchestrator::experiment::spec::{SpecProblem, SpecProblems, conflicts_from};
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::error::{Result, SAID_NO, WRONG};
use crate::output::{self, Format};

/// What is wrong with a file.
enum Wrong {
    Unreadable(std::io::Error),
    Problems(SpecProblems),
}

/// Says of each file everything that is wrong with it, and of all together whether they can run beside each other.
pub(super) fn run(global: &Global, files: &[PathBuf]) -> Result<ExitCode> {
    let read: Vec<_> = files.iter().map(|file| (file, specification(file))).collect();
    let specs: Vec<&Spec> = read.iter().filter_map(|(_, spec)| spec.as_ref().ok()).collect();
    let conflicts = conflicts_from(&specs, SystemClock.now());
    let is_fine = conflicts.is_empty() && specs.len() == files.len();
    if global.output == Format::Table {
        for (file, spec) in &read {
            let file = file.display();
            match spec {
                Ok(spec) => {
                    output::line(&format!("{file}: fine ({} version {})", spec.key(), spec.version()))?;
                }
                Err(wrong) => wrong.lines().try_for_each(|line| output::line(&format!("{file}, {line}")))?,
            }
        }
        conflicts.iter().try_for_each(|conflict| output::line(conflict))?;
    } else {
        let files: Vec<Value> = read.iter().map(|(file, spec)| as_json(file, spec)).collect();
        output::json(global.output, &json!({ "ok": is_fine, "files": files, "conflicts": conflicts }))?;
    }
    let is_unreadable = read.iter().any(|(_, spec)| matches!(spec, Err(Wrong::Unreadable(_))));
    Ok(match (is_fine, is_unreadable) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(WRONG),
        (false, false) => ExitCode::from(SAID_NO),
    })
}

fn specification(file: &Path) -> Result<Spec, Wrong> {
    let text = std::fs::read_to_string(file).map_err(Wrong::Unreadable)?;
    Spec::from_toml(&text).map_err(Wrong::Problems)
}

impl Wrong {
    fn lines(&self) -> impl Iterator<Item = String> {
        let (unreadable, problems) = match self {
            Self::Unreadable(error) => (Some(format!("it cannot be read: {error}")), None),
            Self::Problems(problems) => (None, Some(problems.all())),
        };
        unreadable.into_iter().chain(problems.into_iter().flatten().map(ToString::to_string))
    }
}

fn as_json(file: &Path, spec: &Result<Spec, Wrong>) -> Value {
    let problem = |one: &SpecProblem| json!({ "line": one.line, "column": one.column, "path": one.path, "message": one.message });
    let file = file.display().to_string();
    match spec {
        Ok(spec) => json!({
            "file": file, "key": spec.key(), "version": spec.version(), "digest": spec.digest(), "problems": [],
        }),
        Err(Wrong::Problems(problems)) => {
            json!({ "file": file, "problems": problems.all().iter().map(problem).collect::<Vec<_>>() })
        }
        Err(Wrong::Unreadable(error)) => {
            json!({ "file": file, "problems": [{ "path": "", "message": format!("it cannot be read: {error}") }] })
        }
    }
}
