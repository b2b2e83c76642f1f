use helm_core::{
    Assignment, Candidate, Decision, DecisionId, DecisionMode, Epoch, Exclusion, PolicyHash, PolicyName,
    Probability, StrategyId,
};
use helm_experiment::Unit;
use helm_policy::ChoiceRequest;

use super::{recall::Recalled, run::Turn};
use crate::error::{Error, Result};
use crate::inner::TaskRuntime;

/// The exploration that a task keeps while an experiment runs on it, as a total probability mass.
const INFERENCE_FLOOR: f64 = 0.05;

/// How the strategy was arrived at, before it becomes a [`Decision`].
struct Chosen {
    strategy: StrategyId,
    propensity: Probability,
    candidates: Vec<Candidate>,
    floor: Option<Probability>,
    mode: DecisionMode,
    drawn_by: Option<DecisionId>,
    assignment: Option<Assignment>,
    /// The policy whose law it is, and its configuration.
    law: (PolicyName, PolicyHash),
}

impl Chosen {
    fn certain(
        task: &TaskRuntime,
        strategy: StrategyId,
        mode: DecisionMode,
        assignment: Option<Assignment>,
    ) -> Self {
        let (propensity, candidates, law) = (Probability::ONE, Vec::new(), law(task));
        Self { strategy, propensity, candidates, floor: None, mode, drawn_by: None, assignment, law }
    }

    /// As an earlier draw had it, under the law of that draw.
    fn kept(draw: &Decision, assignment: Option<Assignment>) -> Self {
        Self {
            strategy: draw.strategy.clone(),
            propensity: draw.propensity,
            candidates: draw.candidates.clone(),
            floor: draw.floor,
            mode: DecisionMode::Sticky,
            drawn_by: Some(draw.id),
            assignment,
            law: (draw.policy.clone(), draw.policy_hash.clone()),
        }
    }
}

/// The law of a task's own policy.
fn law(task: &TaskRuntime) -> (PolicyName, PolicyHash) {
    (task.policy.name().clone(), task.policy.hash().clone())
}

impl Turn {
    /// Caller's wish first, then a running experiment, then the draw that is kept to, then the policy; with nothing eligible, the fallback.
    pub(super) fn decide(&self, task: &TaskRuntime, recalled: &Recalled) -> Result<Decision> {
        let sorted = self.inner.eligibility(task, self.request.chat.as_ref());
        let chosen = self.choose(task, recalled, &sorted.eligible)?;
        Ok(self.decision(task, chosen, sorted.excluded))
    }

    fn choose(&self, task: &TaskRuntime, recalled: &Recalled, eligible: &[StrategyId]) -> Result<Chosen> {
        if let Some(name) = &self.request.strategy {
            let strategy = task.strategy_named(name)?.id.clone();
            return Ok(Chosen::certain(task, strategy, DecisionMode::Pinned, None));
        }
        if eligible.is_empty() {
            let last = task.fallbacks.first().cloned().ok_or_else(|| self.nobody(task))?;
            return Ok(Chosen::certain(task, last, DecisionMode::Fallback, None));
        }
        let assigned = self.assigned(task);
        if let Some((assignment, Some(strategy))) = &assigned
            && eligible.contains(strategy)
        {
            let assignment = Some(assignment.clone());
            return Ok(Chosen::certain(task, strategy.clone(), DecisionMode::Assigned, assignment));
        }
        // A variant without a strategy leaves the choice to the policy. A variant whose strategy is not
        // eligible now cannot be shown, so the turn is no exposure.
        let assignment = assigned.and_then(|(assignment, pinned)| pinned.is_none().then_some(assignment));
        if let Some(draw) = recalled.held.as_ref().filter(|draw| eligible.contains(&draw.strategy)) {
            return Ok(Chosen::kept(draw, assignment));
        }
        let context = self.context();
        let arms = task.arms(eligible);
        let request = ChoiceRequest::new(self.id, &context, &arms, &recalled.snapshot);
        // What is learnt about a running experiment rests on every strategy being tried now and then.
        let least = if task.experiment.is_some() { INFERENCE_FLOOR } else { 0.0 };
        let choice = task.policy.choose(&request.with_least_floor(least))?;
        Ok(Chosen {
            strategy: choice.strategy,
            propensity: choice.propensity,
            candidates: choice.candidates,
            floor: choice.floor,
            mode: DecisionMode::Sampled,
            drawn_by: recalled.held.as_ref().map(|replaced| replaced.id),
            assignment,
            law: law(task),
        })
    }

    fn nobody(&self, task: &TaskRuntime) -> Error {
        Error::config(format!("tasks.{}", task.id), "there is no strategy to fall back on")
    }

    fn assigned(&self, task: &TaskRuntime) -> Option<(Assignment, Option<StrategyId>)> {
        let running = task.experiment.as_ref()?;
        let assignment = running.experiment.assign(&Unit::user(&self.tenant, &self.request.user));
        let strategy = running.strategies.get(&assignment.variant).cloned().flatten();
        Some((assignment, strategy))
    }

    fn decision(&self, task: &TaskRuntime, chosen: Chosen, excluded: Vec<Exclusion>) -> Decision {
        Decision {
            id: self.id,
            context: self.context(),
            strategy: chosen.strategy,
            propensity: chosen.propensity,
            mode: chosen.mode,
            drawn_by: chosen.drawn_by,
            assignment: chosen.assignment,
            policy: chosen.law.0,
            policy_hash: chosen.law.1,
            epoch: Epoch::containing(self.began, task.policy.epoch_length()),
            candidates: chosen.candidates,
            floor: chosen.floor,
            excluded,
            at: self.began,
        }
    }
}
