use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use helm_core::{DecisionId, DecisionMode, StrategyId, UserId};
use helm_policy::{Arm, ChoiceRequest, Policy};

use super::learning::Learning;
use super::past_turn::PastTurn;
use crate::error::Result;

/// The other policy.
#[derive(Clone)]
#[non_exhaustive]
pub enum Target {
    /// Each strategy that could have been chosen, equally often.
    Uniform,
    /// The strategy that the rewards of other turns speak for.
    Best,
    /// Always this strategy: a name, of whose versions the last is taken, or `NAME@VERSION`.
    Strategy(String),
    /// What a policy would have chosen, had it learnt from the log's turns as they came.
    Policy(Arc<dyn Policy>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("Uniform"),
            Self::Best => f.write_str("Best"),
            Self::Strategy(name) => write!(f, "Strategy({name})"),
            Self::Policy(policy) => write!(f, "Policy({})", policy.name()),
        }
    }
}

impl Target {
    /// Whether a strategy is the one that is named, with or without its version.
    #[must_use]
    pub fn is_named(strategy: &StrategyId, name: &str) -> bool {
        strategy.name().as_str() == name || strategy.to_string() == name
    }
}

/// A draw that later turns keep to.
type Draw = (UserId, String);

/// The other policy, going through the log.
pub(super) struct Chooser<'a> {
    target: &'a Target,
    learning: Learning,
    /// What it would have drawn with where the log drew for later turns too.
    draws: BTreeMap<Draw, Vec<f64>>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        Self { target, learning: Learning::default(), draws: BTreeMap::new() }
    }

    /// Learns from a turn that has ended.
    pub(super) fn learn(&mut self, turn: &PastTurn) -> Result<()> {
        let Target::Policy(policy) = self.target else { return Ok(()) };
        let Some((decision, evidence)) = turn.lesson(&**policy, |strategy| self.learning.pulls(strategy))
        else {
            return Ok(());
        };
        let rows = policy.contribution(&decision, &evidence)?;
        Ok(self.learning.add(&**policy, rows)?)
    }

    /// Its probabilities of a turn's candidates, of which `model` says what they are expected to earn; `None` where it could
    /// have chosen none of them, or that cannot be told.
    pub(super) fn probabilities(&mut self, turn: &PastTurn, model: &[f64]) -> Result<Option<Vec<f64>>> {
        let count = turn.candidates.len();
        let always = |chosen: usize| (0..count).map(|at| if at == chosen { 1.0 } else { 0.0 }).collect();
        Ok(match self.target {
            _ if count == 0 => None,
            Target::Uniform => Some(vec![1.0 / count as f64; count]),
            Target::Best => {
                let greatest = model.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                model.iter().position(|value| *value >= greatest).map(always)
            }
            Target::Strategy(name) => turn
                .candidates
                .iter()
                .rposition(|candidate| Target::is_named(&candidate.strategy, name))
                .map(always),
            Target::Policy(policy) => self.drawn(policy, turn)?,
        })
    }

    fn drawn(&mut self, policy: &Arc<dyn Policy>, turn: &PastTurn) -> Result<Option<Vec<f64>>> {
        let Some(draw) = draw(turn) else { return Ok(None) };
        // What the log kept to stands or falls with the draw, and so does what is put in its place.
        if turn.mode == Some(DecisionMode::Sticky) {
            return Ok(self.draws.get(&draw).cloned());
        }
        let Some(context) = turn.context() else { return Ok(None) };
        let arms: Vec<Arm> =
            turn.candidates.iter().map(|candidate| Arm::new(candidate.strategy.clone())).collect();
        let snapshot = self.learning.snapshot(&**policy, &context)?;
        let id = DecisionId::from_bytes([0; 16]);
        let choice = policy.choose(&ChoiceRequest::new(id, &context, &arms, &snapshot))?;
        let law: Vec<f64> = choice.candidates.iter().map(|candidate| candidate.probability.get()).collect();
        self.draws.insert(draw, law.clone());
        Ok(Some(law))
    }
}

/// The user, and the law and the outcome of the draw, by which later turns know it.
fn draw(turn: &PastTurn) -> Option<Draw> {
    let mut law = turn.strategy.as_ref()?.to_string();
    for candidate in &turn.candidates {
        law.push_str(&format!(" {} {}", candidate.strategy, candidate.probability.get()));
    }
    Some((turn.user.clone()?, law))
}
