use std::fs::File;
use std::io::Write;
use std::path::Path;

use helm_core::PolicyHash;
use helm_orchestrator::experiment::Spec;
use serde::{Deserialize, Serialize};

use crate::arguments::{Design, ExperimentRunArguments};
use crate::error::{Failure, Result};
use crate::locked_file;

/// Says in a folder what was played into it.
const NAME: &str = "experiment.json";

/// What must be the same for a run to go on: users played otherwise cannot be told apart later.
#[derive(PartialEq, Serialize, Deserialize)]
struct Manifest {
    experiment: String,
    version: u32,
    spec: String,
    design: String,
    users: String,
}

impl Manifest {
    fn new(spec: &Spec, arguments: &ExperimentRunArguments) -> Result<Self> {
        let users = match &arguments.scenario {
            None => format!("simulated from the seed {}, {} turns each", arguments.seed, arguments.turns),
            Some(file) => format!("the scenario {}", fingerprint(file)?),
        };
        let design = match arguments.design {
            Design::Paired => "paired",
            Design::Between => "between",
        };
        Ok(Self {
            experiment: spec.key().to_string(),
            version: spec.version(),
            spec: spec.digest().to_string(),
            design: design.to_owned(),
            users,
        })
    }

    /// Where they differ, for people.
    fn differences(&self, other: &Self) -> String {
        let version = |own: &Self| own.version.to_string();
        let parts = [
            ("experiment", self.experiment.clone(), other.experiment.clone()),
            ("version", version(self), version(other)),
            ("specification", self.spec.clone(), other.spec.clone()),
            ("design", self.design.clone(), other.design.clone()),
            ("users", self.users.clone(), other.users.clone()),
        ];
        let differing = parts.into_iter().filter(|(_, own, other)| own != other);
        differing
            .map(|(what, own, other)| format!("{what}: {own}, not {other}"))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// A scenario by what stands in it, so that it may be moved but not changed.
fn fingerprint(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|error| unusable(file, &error))?;
    Ok(PolicyHash::of(&text).to_string())
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!("cannot use {}: {error}", path.display()))
}

/// A folder of what was played, which nobody else may play into meanwhile.
pub(super) struct Played(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Played {
    /// Opens the folder to go on with, or begins it.
    pub(super) fn open(spec: &Spec, arguments: &ExperimentRunArguments) -> Result<Self> {
        let (folder, own) = (&arguments.results, Manifest::new(spec, arguments)?);
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        let path = folder.join(NAME);
        let (mut file, text) = locked_file::open(&path)?;
        match serde_json::from_str::<Manifest>(&text) {
            Ok(kept) if kept == own => {}
            Ok(kept) => {
                let differences = kept.differences(&own);
                let why =
                    format!("it holds something else ({differences}); name another folder with --results");
                return Err(unusable(folder, &why));
            }
            Err(_) if text.is_empty() => write(&mut file, &own).map_err(|error| unusable(&path, &error))?,
            Err(error) => return Err(unusable(&path, &error)),
        }
        Ok(Self(file))
    }
}

fn write(file: &mut File, manifest: &Manifest) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *file, manifest)?;
    file.flush()
}
