use helm_core::{
    Assignment, Candidate, Decision, DecisionId, DecisionMode, Epoch, Exclusion, PolicyHash, PolicyName,
    Probability, StrategyId,
};
use helm_experiment::{Enrolment, Person};
use helm_policy::{ChoiceRequest, Policy};

use super::{recall::Recalled, run::Turn};
use crate::error::{Error, Result};
use crate::experiments::Given;
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
        policy: &dyn Policy,
        strategy: StrategyId,
        mode: DecisionMode,
        assignment: Option<Assignment>,
    ) -> Self {
        let (propensity, candidates, law) = (Probability::ONE, Vec::new(), law(policy));
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

fn law(policy: &dyn Policy) -> (PolicyName, PolicyHash) {
    (policy.name().clone(), policy.hash().clone())
}

impl Turn {
    /// Caller's wish first, then a running experiment, then the draw that is kept to, then the policy; with nothing eligible, the fallback.
    pub(super) fn decide(&self, task: &TaskRuntime, recalled: &Recalled) -> Result<Decision> {
        let sorted = self.inner.eligibility(task, self.request.chat.as_ref());
        let chosen = self.choose(task, recalled, &sorted.eligible)?;
        Ok(self.decision(&*recalled.policy, chosen, sorted.excluded))
    }

    fn choose(&self, task: &TaskRuntime, recalled: &Recalled, eligible: &[StrategyId]) -> Result<Chosen> {
        let deciding = &*recalled.policy;
        if let Some(name) = &self.request.strategy {
            let strategy = task.strategy_named(name)?.id.clone();
            return Ok(Chosen::certain(deciding, strategy, DecisionMode::Pinned, None));
        }
        if eligible.is_empty() {
            let last = task.fallbacks.first().cloned().ok_or_else(|| self.nobody(task))?;
            return Ok(Chosen::certain(deciding, last, DecisionMode::Fallback, None));
        }
        let assigned = self.assigned(task, recalled);
        if let Some((assignment, Given::Strategy(strategy))) = &assigned
            && eligible.contains(strategy)
        {
            let assignment = Some(assignment.clone());
            return Ok(Chosen::certain(deciding, strategy.clone(), DecisionMode::Assigned, assignment));
        }
        // A variant without a strategy leaves the choice to a policy. A variant whose strategy is not
        // eligible now cannot be shown, so the turn is no exposure.
        let left = |given: &Given| given.among(eligible).filter(|among| !among.is_empty());
        let assigned =
            assigned.and_then(|(assignment, given)| Some((assignment, left(given)?, given.policy())));
        let (assignment, eligible, policy) = match assigned {
            Some((assignment, among, policy)) => (Some(assignment), among, policy),
            None => (None, eligible.to_vec(), None),
        };
        let is_kept = |draw: &&Decision| {
            let is_own = policy.is_none_or(|policy| draw.policy == *policy.name());
            is_own && eligible.contains(&draw.strategy)
        };
        if let Some(draw) = recalled.held.as_ref().filter(is_kept) {
            return Ok(Chosen::kept(draw, assignment));
        }
        let policy = policy.map_or(deciding, |policy| &**policy);
        let context = self.context();
        let arms = task.arms(&eligible);
        let request = ChoiceRequest::new(self.id, &context, &arms, &recalled.snapshot);
        // What is learnt about a running experiment rests on every strategy being tried now and then.
        let least = if task.experiments.is_empty() { 0.0 } else { INFERENCE_FLOOR };
        let choice = policy.choose(&request.with_least_floor(least))?;
        Ok(Chosen {
            strategy: choice.strategy,
            propensity: choice.propensity,
            candidates: choice.candidates,
            floor: choice.floor,
            mode: DecisionMode::Sampled,
            drawn_by: recalled.held.as_ref().map(|replaced| replaced.id),
            assignment,
            law: law(policy),
        })
    }

    fn nobody(&self, task: &TaskRuntime) -> Error {
        Error::config(format!("tasks.{}", task.id), "there is no strategy to fall back on")
    }

    /// The variant of the experiment that the user takes part in, if there is one, and what it gives.
    fn assigned<'t>(&self, task: &'t TaskRuntime, recalled: &Recalled) -> Option<(Assignment, &'t Given)> {
        let segment = self.request.segment.as_ref();
        let person = Person::new(&self.tenant, &self.request.user).in_segment(segment);
        task.experiments.iter().find_map(|running| {
            let held = recalled.variants.get(running.spec.key());
            match running.spec.enrol(&person, self.began, held) {
                Enrolment::In(variant, assignment) => Some((assignment, running.given.get(&variant.name)?)),
                Enrolment::Out(_) => None,
            }
        })
    }

    fn decision(&self, policy: &dyn Policy, chosen: Chosen, excluded: Vec<Exclusion>) -> Decision {
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
            epoch: Epoch::containing(self.began, policy.epoch_length()),
            candidates: chosen.candidates,
            floor: chosen.floor,
            excluded,
            at: self.began,
        }
    }
}
