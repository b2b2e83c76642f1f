//! A policy that waits to take the place of a task's present one.

use std::sync::Arc;

use helm_core::TaskId;
use helm_policy::{Policy, Registry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::PolicyTable;
use super::sections::{HelmConfig, TaskSection};
use super::strategies::known_strategies;
use crate::error::{Error, Result};
use crate::inner::no_such;
use crate::what_if::{Candidate, GateOptions};

/// A policy that waits to take the place of a task's present one: it chooses nothing until it is raised, and `helmctl policy
/// gate` says when the log shows that it earns more.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CandidateSection {
    /// The policy: a table with `kind` and that kind's parameters.
    #[schemars(with = "PolicyTable")]
    pub policy: Value,
    /// How often, at most, it is raised that is no better, or dropped that is no worse, however often one looks. Default: 0.05.
    #[serde(default)]
    pub alpha: Option<f64>,
    /// How many of its own decisions the log must be worth. Default: 50.
    #[serde(default)]
    pub min_effective: Option<f64>,
    /// How many users must have been seen. Default: 100.
    #[serde(default)]
    pub min_users: Option<u64>,
    /// Whether it is put in the policy's place as soon as it has shown that, and taken out again when the policy has shown the
    /// same of the turns since, without anybody; for each tenant. Default: no.
    #[serde(default)]
    pub automatic: bool,
}

impl CandidateSection {
    fn options(&self, place: &str) -> Result<GateOptions> {
        let defaults = GateOptions::default();
        let alpha = self.alpha.unwrap_or(defaults.alpha);
        if !(alpha > 0.0 && alpha < 0.5) {
            return Err(Error::config(format!("{place}.alpha"), "write a number above 0 and below 0.5"));
        }
        let effective = self.min_effective.unwrap_or(defaults.min_effective);
        if !(effective >= 0.0 && effective.is_finite()) {
            return Err(Error::config(format!("{place}.min_effective"), "write a number of at least 0"));
        }
        Ok(defaults.with_alpha(alpha).with_least(effective, self.min_users.unwrap_or(defaults.min_users)))
    }
}

impl HelmConfig {
    /// The policy that a task has.
    ///
    /// # Errors
    ///
    /// Fails when there is no such task, or its policy is refused.
    pub fn policy(&self, task: &TaskId, registry: &Registry) -> Result<Arc<dyn Policy>> {
        let section = self.tasks.get(task);
        let absent = || Error::config("tasks", no_such("tasks", task.as_str(), self.tasks.keys()));
        let section = section.ok_or_else(absent)?;
        let table = section.policy.clone().unwrap_or_else(|| json!({ "kind": "auto" }));
        built(&table, section, registry, &format!("tasks.{task}.policy")).map_err(|error| self.locate(error))
    }

    /// The policy that waits to take its place, if there is one, with what it must show.
    ///
    /// # Errors
    ///
    /// Fails when there is no such task, or the candidate is refused.
    pub fn candidate(&self, task: &TaskId, registry: &Registry) -> Result<Option<Candidate>> {
        let section = self.tasks.get(task);
        let absent = || Error::config("tasks", no_such("tasks", task.as_str(), self.tasks.keys()));
        candidate(section.ok_or_else(absent)?, registry, &format!("tasks.{task}"))
            .map_err(|error| self.locate(error))
    }
}

pub(super) fn candidate(
    section: &TaskSection,
    registry: &Registry,
    place: &str,
) -> Result<Option<Candidate>> {
    let Some(given) = &section.candidate else { return Ok(None) };
    let place = format!("{place}.candidate");
    let options = given.options(&place)?;
    let policy = built(&given.policy, section, registry, &format!("{place}.policy"))?;
    if given.automatic {
        knows_all_strategies(&given.policy, section)
            .map_err(|error| Error::config(format!("{place}.policy.ridge.strategies"), error))?;
    }
    Ok(Some(Candidate { policy, options, automatic: given.automatic }))
}

/// One that may be raised without anybody must be able to choose any strategy.
fn knows_all_strategies(policy: &Value, section: &TaskSection) -> Result<(), String> {
    let Some(given) = policy.pointer("/ridge/strategies").and_then(Value::as_object) else { return Ok(()) };
    let absent = section.strategies.keys().find(|name| !given.contains_key(name.as_str()));
    match absent.filter(|_| !given.is_empty()) {
        Some(name) => Err(format!("an automatic candidate needs the features of strategy {name} too")),
        None => Ok(()),
    }
}

fn built(table: &Value, section: &TaskSection, registry: &Registry, place: &str) -> Result<Arc<dyn Policy>> {
    known_strategies(table, section).map_err(|error| Error::config(place, error))?;
    registry.build(table).map_err(|error| Error::config(place, error.to_string()))
}
