use std::path::PathBuf;
use std::process::ExitCode;

use helm_orchestrator::experiment::Spec;
use helm_orchestrator::experiment::spec::{SpecProblem, SpecProblems, conflicts};
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::error::{Failure, Result, SAID_NO};
use crate::output::{self, Format};

/// Says of each file everything that is wrong with it, and of all together whether they can run beside each other.
pub(super) fn run(global: &Global, files: &[PathBuf]) -> Result<ExitCode> {
    let mut read = Vec::with_capacity(files.len());
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::wrong(format!("{}: {error}", file.display())))?;
        read.push((file, Spec::from_toml(&text)));
    }
    let specs: Vec<&Spec> = read.iter().filter_map(|(_, spec)| spec.as_ref().ok()).collect();
    let conflicts = conflicts(&specs);
    let is_fine = conflicts.is_empty() && specs.len() == files.len();
    if global.output == Format::Table {
        for (file, spec) in &read {
            let file = file.display();
            match spec {
                Ok(spec) => {
                    output::line(&format!("{file}: fine ({} version {})", spec.key(), spec.version()))?;
                }
                Err(problems) => {
                    for problem in problems.all() {
                        output::line(&format!("{file}, {problem}"))?;
                    }
                }
            }
        }
        conflicts.iter().try_for_each(|conflict| output::line(conflict))?;
    } else {
        let files: Vec<Value> =
            read.iter().map(|(file, spec)| as_json(&file.display().to_string(), spec)).collect();
        output::json(global.output, &json!({ "ok": is_fine, "files": files, "conflicts": conflicts }))?;
    }
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::from(SAID_NO) })
}

fn as_json(file: &str, spec: &Result<Spec, SpecProblems>) -> Value {
    let problem = |one: &SpecProblem| json!({ "line": one.line, "column": one.column, "path": one.path, "message": one.message });
    match spec {
        Ok(spec) => json!({
            "file": file, "key": spec.key(), "version": spec.version(), "digest": spec.digest(), "problems": [],
        }),
        Err(problems) => {
            json!({ "file": file, "problems": problems.all().iter().map(problem).collect::<Vec<_>>() })
        }
    }
}
