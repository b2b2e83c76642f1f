//! The configured judges, for the rows of a data set.

use std::collections::{BTreeMap, BTreeSet};

use helm_core::{EvaluatorName, NanoUsd, NotScored, PolicyHash, ScoreEntry, ScoreOutcome, TenantId};
use helm_orchestrator::TaskJudge;
use helm_orchestrator::eval::{Exchange, RewardSpec};
use helm_orchestrator::llm::Call;

use super::answer::Price;
use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;

/// Who judges.
pub(super) struct Judges(Vec<TaskJudge>);

/// What judges said of a row.
pub(super) struct Said {
    pub(super) scores: Vec<ScoreEntry>,
    pub(super) dollars: f64,
    /// Why one of them said nothing.
    pub(super) silent: Option<String>,
}

impl Judges {
    /// Nobody.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Those that a reward counts.
    pub(super) fn of(global: &Global, spec: &RewardSpec) -> Result<Self> {
        let mut known = open::config(global)?.judges(&open::variable)?;
        let named: BTreeSet<&EvaluatorName> = spec.evaluators().collect();
        let listed = known.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        known.retain(|name, _| named.contains(name));
        if known.is_empty() {
            let id = spec.id();
            return Err(Failure::wrong(match listed.as_str() {
                "" => "--judges: no judge is configured; add a [judges.NAME]".to_owned(),
                _ => format!("--judges: the reward {id} counts none of the configured judges: {listed}"),
            }));
        }
        Ok(Self(known.into_values().collect()))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn price(&self) -> Price {
        let exchange = Exchange::new("", "").with_reference("");
        let most: Option<i64> = self.0.iter().map(|judge| judge.most(&exchange).map(NanoUsd::nanos)).sum();
        match most {
            Some(0) => Price::Free,
            Some(_) => Price::Known,
            None => Price::Unknown,
        }
    }

    /// What changes with their questions and models.
    pub(super) fn fingerprints(&self) -> BTreeMap<EvaluatorName, String> {
        let one = |judge: &TaskJudge| (judge.name().clone(), PolicyHash::of(&judge.identity()).to_string());
        self.0.iter().map(one).collect()
    }

    /// Asks them, one after the other.
    pub(super) async fn judge(&self, exchange: &Exchange<'_>) -> Said {
        let call = Call::new(TenantId::single());
        let mut said = Said { scores: Vec::new(), dollars: 0.0, silent: None };
        for judge in &self.0 {
            let judged = judge.ask(exchange, &call).await;
            // What nobody knows the cost of may have cost the most.
            let cost = judged.cost.or_else(|| judge.most(exchange));
            said.dollars += cost.map_or(0.0, NanoUsd::dollars);
            if let ScoreOutcome::NotScored(NotScored::Failed(why)) = &judged.outcome {
                said.silent = Some(format!("{}: {why}", judge.name()));
            }
            said.scores.push(ScoreEntry { evaluator: judge.name().clone(), outcome: judged.outcome });
        }
        said
    }
}
