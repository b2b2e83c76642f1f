//! Sections of strategies, made strategies.

use std::path::Path;
use std::time::Duration;

use helm_core::{ModelName, NanoUsd, Sampling, Strategy, StrategyId, StrategyName, TokenCount, UnitInterval};

use super::sections::{SemanticCacheSection, StrategySection, TaskSection};
use crate::error::{Error, Result};
use crate::semantic::SemanticCache;

/// How similar questions must be to have one answer, and for how long, unless somebody says otherwise.
pub(super) const SIMILARITY: f64 = 0.97;
pub(super) const SIMILAR_SECONDS: f64 = 3_600.0;
/// No setting in seconds is longer.
pub(super) const DAY: u64 = 86_400;

pub(super) fn version(section: &StrategySection, place: &str) -> Result<u32> {
    match section.version {
        Some(0) => Err(Error::config(place, "versions are counted from 1")),
        given => Ok(given.unwrap_or(1)),
    }
}

/// Refuses a policy that names strategies which the task has not: a misspelt one would change who is served.
pub(super) fn known_strategies(policy: &serde_json::Value, section: &TaskSection) -> Result<(), String> {
    let named = [policy.get("weights"), policy.pointer("/ridge/strategies")].into_iter().flatten();
    let mut names = named.filter_map(serde_json::Value::as_object).flat_map(serde_json::Map::keys);
    let known = || section.strategies.keys().map(StrategyName::as_str);
    match names.find(|name| !known().any(|known| known == name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known = known().collect::<Vec<_>>().join(", ");
            Err(format!("the task has no strategy {name:?}; it has: {known}"))
        }
    }
}

pub(super) fn strategy_of(
    id: StrategyId,
    section: &StrategySection,
    folder: &Path,
    place: &str,
) -> Result<Strategy> {
    let model = match &section.model {
        Some(model) => model.clone(),
        None => ModelName::new("main")?,
    };
    let mut strategy = Strategy::new(id, model).with_system(system(section, folder, place)?);
    strategy.parent.clone_from(&section.parent);
    strategy.sampling =
        Sampling { temperature: section.temperature, top_p: section.top_p, effort: section.effort.clone() };
    strategy.max_output_tokens = section.max_output_tokens.map(TokenCount::new);
    strategy.retrieval = section.retrieve.clone().unwrap_or_default();
    if let Some(given) = section.deadline_seconds {
        strategy.limits.deadline = seconds(given, &format!("{place}.deadline_seconds"))?;
    }
    if let Some(given) = section.cache_seconds {
        strategy.cache = seconds(given, &format!("{place}.cache_seconds"))?;
    }
    strategy.tools.clone_from(&section.tools);
    strategy.limits.tool_turns = section.tool_turns.unwrap_or(strategy.limits.tool_turns);
    if let Some(given) = section.drain_seconds {
        strategy.limits.drain = seconds(given, &format!("{place}.drain_seconds"))?;
    }
    if let Some(dollars) = section.max_dollars {
        let place = format!("{place}.max_dollars");
        let most = NanoUsd::from_dollars(dollars).ok().filter(|most| most.nanos() > 0);
        let refuse = || Error::config(place, format!("write a number of dollars above 0, not {dollars}"));
        strategy.limits.cost = Some(most.ok_or_else(refuse)?);
    }
    Ok(strategy)
}

pub(super) fn semantic_cache(given: &SemanticCacheSection, place: &str) -> Result<SemanticCache> {
    let similarity = given.similarity.unwrap_or(SIMILARITY);
    let similarity = UnitInterval::new(similarity)
        .map_err(|_| Error::config(format!("{place}.similarity"), "write a number from 0 to 1"))?;
    let ttl = seconds(given.seconds.unwrap_or(SIMILAR_SECONDS), &format!("{place}.seconds"))?;
    Ok(SemanticCache::new(similarity, ttl))
}

/// A duration that is worth waiting for, and that no clock is too short for.
pub(super) fn seconds(given: f64, place: &str) -> Result<Duration> {
    let duration = Duration::try_from_secs_f64(given).ok();
    let accepted = Duration::from_millis(10)..=Duration::from_secs(DAY);
    duration.filter(|duration| accepted.contains(duration)).ok_or_else(|| {
        Error::config(place, format!("write a number of seconds from 0.01 to {DAY}, not {given}"))
    })
}

fn system(section: &StrategySection, folder: &Path, place: &str) -> Result<String> {
    match (&section.system, &section.system_file) {
        (Some(_), Some(_)) => Err(Error::config(place, "give either system or system_file, not both")),
        (Some(text), None) => Ok(text.clone()),
        (None, Some(file)) => read(&folder.join(file)),
        (None, None) => Ok(String::new()),
    }
}

pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::ConfigFile { path: path.display().to_string(), source })
}
