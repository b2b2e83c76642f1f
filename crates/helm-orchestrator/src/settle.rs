use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{
    Decision, EvaluatorName, ExperimentKey, Fixed, Outcome, PolicyHash, Reward, Score, ScoreEntry,
    ScoreOutcome, SourceName, Stats, StatsRow, TaskId, TurnStatus, UnitInterval, VariantName,
};
use helm_eval::{Composition, Evidence, RewardSpec};
use helm_policy::{Contribution, Policy};
use helm_store::{Case, Settle, SettleError, Settlement};

use crate::experiments::RunningExperiment;
use crate::inner::TaskRuntime;
use crate::seldom::Seldom;
use crate::weights::{self, Adopted};

/// Joins the two halves that a store must not know: the reward specification says what a decision's evidence
/// is worth, the policy what that adds to learning state.
pub(crate) struct TaskSettler {
    rules: BTreeMap<TaskId, Rules>,
    /// Which weights, learned from people, count by now.
    adopted: Arc<Adopted>,
}

struct Rules {
    reward: RewardSpec,
    /// Of the reward's learned weights, where it learns.
    weights: Option<PolicyHash>,
    policy: Arc<dyn Policy>,
    /// The candidate that may be raised at any time, and then is to know what was before.
    candidate: Option<Arc<dyn Policy>>,
    /// Whether somebody was told that it refuses decisions.
    told: Seldom,
    /// Of variants of experiments that have policies of their own.
    variants: BTreeMap<(ExperimentKey, VariantName), Arc<dyn Policy>>,
}

impl Rules {
    /// What a decision teaches: the policy of its variant; else the task's, and the candidate that may take its place.
    fn contribution(
        &self,
        decision: &Decision,
        evidence: &Contribution,
    ) -> helm_policy::Result<Vec<StatsRow>> {
        let assigned = decision.assignment.as_ref();
        let own = assigned.and_then(|own| self.variants.get(&(own.experiment.clone(), own.variant.clone())));
        if let Some(own) = own {
            return own.contribution(decision, evidence);
        }
        let rows = self.policy.contribution(decision, evidence)?;
        Ok(together(rows, self.candidate_rows(decision, evidence)))
    }

    /// What the candidate learns: nothing where it refuses a decision, for that is no fault of those who decide and of what
    /// they learn.
    fn candidate_rows(&self, decision: &Decision, evidence: &Contribution) -> Vec<StatsRow> {
        let rows = self.candidate.as_ref().map(|candidate| candidate.contribution(decision, evidence));
        rows.transpose().map(Option::unwrap_or_default).unwrap_or_else(|error| {
            let (task, id) = (&decision.context.task, decision.id);
            metrics::counter!("helm_candidate_refusals_total", "task" => task.to_string()).increment(1);
            if self.told.is_due() {
                tracing::warn!(%task, decision = %id, %error, "the candidate learns nothing of some decisions");
            }
            Vec::new()
        })
    }
}

/// What two policies learn from one decision. Both read the same sums of rewards, which count once; what the other one keeps
/// beside them is added in rows of its own.
fn together(mut rows: Vec<StatsRow>, other: Vec<StatsRow>) -> Vec<StatsRow> {
    let is_beside = |own: &StatsRow, theirs: &StatsRow| {
        (&own.scope, &own.strategy, own.epoch) == (&theirs.scope, &theirs.strategy, theirs.epoch)
    };
    for theirs in other {
        let Some(own) = rows.iter_mut().find(|own| is_beside(own, &theirs)) else {
            rows.push(theirs);
            continue;
        };
        if own.stats.loss == Fixed::default() {
            own.stats.loss = theirs.stats.loss;
        }
        if !theirs.stats.packed.is_empty() && theirs.layout != own.layout {
            let stats = Stats { packed: theirs.stats.packed, ..Stats::default() };
            rows.push(StatsRow { stats, ..theirs });
        }
    }
    rows
}

impl TaskSettler {
    pub(crate) fn new<'a>(
        tasks: impl Iterator<Item = (&'a TaskRuntime, RewardSpec)>,
        adopted: Arc<Adopted>,
    ) -> Self {
        let rules = tasks.map(|(task, reward)| {
            let variants = task.experiments.iter().flat_map(RunningExperiment::policies).collect();
            let (weights, policy) = (weights::key(&reward), Arc::clone(&task.policy));
            let candidate = task.automatic().map(|(candidate, _)| Arc::clone(&candidate.policy));
            (task.id.clone(), Rules { reward, weights, policy, candidate, told: Seldom::default(), variants })
        });
        Self { rules: rules.collect(), adopted }
    }
}

impl Settle for TaskSettler {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let task = &case.decision.context.task;
        let rules = self.rules.get(task).ok_or_else(|| {
            format!("task {task} is no longer configured; put it back to let its decisions be judged")
        })?;
        let learned = rules.weights.as_ref();
        let learned = learned.and_then(|key| self.adopted.spec(&case.decision.context.tenant, task, key));
        let reward = compose(learned.as_deref().unwrap_or(&rules.reward), case)?;
        let contribution = match teaches(case.decision, case.outcome) {
            true => rules.contribution(case.decision, &evidence_for_policy(case.outcome, reward.as_ref()))?,
            false => Vec::new(),
        };
        Ok(Settlement { reward, contribution })
    }
}

pub(crate) fn compose(spec: &RewardSpec, case: &Case<'_>) -> Result<Option<Reward>, SettleError> {
    // Nobody judges an answer that never came, so the default is no stand-in for their silence.
    let answered = case.outcome.is_some_and(|outcome| outcome.status.is_answered());
    let (judged, people) = apart(case.feedback);
    let strategy = case.decision.strategy.to_string();
    let evidence = Evidence {
        scores: case.outcome.map_or(&[], |outcome| &outcome.scores),
        judged: &judged,
        strategy: Some(&strategy),
        feedback: if was_met(case.outcome) { &people } else { &[] },
        cost: case.outcome.and_then(|outcome| outcome.cost),
        latency: case.outcome.map(|outcome| outcome.latency),
        silence_ended: case.silence_ended && answered,
    };
    match spec.compose(&evidence)? {
        Composition::Reward(reward) => Ok(Some(reward)),
        _ => Ok(None),
    }
}

/// What model judges said, as scores, and what people said.
fn apart(feedback: &[(SourceName, UnitInterval)]) -> (Vec<ScoreEntry>, Vec<(SourceName, UnitInterval)>) {
    let (mut judged, mut people) = (Vec::new(), Vec::new());
    for (source, value) in feedback {
        match source.as_judge().and_then(|name| EvaluatorName::new(name).ok()) {
            Some(evaluator) => {
                let outcome = ScoreOutcome::Scored(Score::new(*value, UnitInterval::ONE));
                judged.push(ScoreEntry { evaluator, outcome });
            }
            None => people.push((source.clone(), *value)),
        }
    }
    (judged, people)
}

/// Whether a person met what the strategy wrote: what is said of a failure, or of a turn that ended before its
/// first word, is no judgement of the strategy. It is kept, and counts nowhere.
fn was_met(outcome: Option<&Outcome>) -> bool {
    outcome.is_none_or(|outcome| match outcome.status {
        status if status.is_failure() => false,
        TurnStatus::Cancelled => outcome.served.is_some(),
        _ => true,
    })
}

/// Only a draw whose law is known, answered by the strategy that was drawn, teaches.
fn teaches(decision: &Decision, outcome: Option<&Outcome>) -> bool {
    let served_as_chosen = outcome.is_none_or(|outcome| match &outcome.served {
        Some(served) => *served == decision.strategy,
        None => true,
    });
    decision.mode.teaches() && served_as_chosen
}

fn evidence_for_policy(outcome: Option<&Outcome>, reward: Option<&Reward>) -> Contribution {
    Contribution {
        reward: reward.map(|reward| reward.value),
        cost: outcome.and_then(|outcome| outcome.cost),
        tokens: outcome.map(|outcome| outcome.usage.total()),
        latency: outcome.map(|outcome| outcome.latency),
        failed: outcome.is_some_and(|outcome| outcome.status.is_failure()),
    }
}
