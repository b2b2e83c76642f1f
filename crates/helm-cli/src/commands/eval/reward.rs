use std::collections::BTreeMap;
use std::path::Path;

use helm_core::{RewardName, TaskId};
use helm_orchestrator::eval::{EvaluationEngine, RewardSpec, RewardSpecConfig};
use serde::Deserialize;

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;

/// A file with a reward: its table alone, or a `[rewards.NAME]` as a configuration has it.
#[derive(Deserialize)]
struct Rewards {
    rewards: BTreeMap<RewardName, RewardSpecConfig>,
}

/// The reward that is meant: a TOML file, a name in the configuration, or nothing said, which is that of the task, and without
/// one `default`.
pub(super) fn spec(global: &Global, wanted: Option<&str>, task: Option<&str>) -> Result<RewardSpec> {
    let wanted = match (wanted, task) {
        (Some(wanted), _) => wanted,
        (None, Some(task)) => return Ok(open::config(global)?.reward_of(&TaskId::new(task)?)?),
        (None, None) => "default",
    };
    if Path::new(wanted).extension().is_some_and(|extension| extension == "toml") {
        return of_file(Path::new(wanted));
    }
    Ok(open::config(global)?.reward_named(&RewardName::new(wanted)?)?)
}

fn of_file(path: &Path) -> Result<RewardSpec> {
    let wrong = |error: String| Failure::wrong(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let (name, config) = if table.contains_key("rewards") {
        let Rewards { rewards } = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let mut rewards = rewards.into_iter();
        match (rewards.next(), rewards.next()) {
            (Some(only), None) => only,
            _ => return Err(wrong("it needs exactly one [rewards.NAME]".to_owned())),
        }
    } else {
        let config = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        (RewardName::new("file")?, config)
    };
    config.build(&name).map_err(|error| wrong(error.to_string()))
}

/// Refuses a reward that counts what nobody here measures. The configured judges are not asked, and their scores missing.
pub(super) fn check_measured(global: &Global, spec: &RewardSpec, engine: &EvaluationEngine) -> Result<()> {
    let mut unknown = spec.evaluators().filter(|name| !engine.names().any(|known| known == *name)).peekable();
    if unknown.peek().is_none() {
        return Ok(());
    }
    let judges = open::config(global)?.judges;
    let unknown = unknown.find(|name| !judges.contains_key(*name));
    let Some(unknown) = unknown else { return Ok(()) };
    let known = engine.names().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let id = spec.id();
    Err(Failure::wrong(format!(
        "the reward {id} counts {unknown}, which is not measured here; there are: {known}"
    )))
}
