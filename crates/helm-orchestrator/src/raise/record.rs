use helm_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents;
use crate::what_if::{Gate, GateVerdict};

/// What became of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CandidateStep {
    /// It decides from then on, in the place of the configured policy.
    Raised,
    /// The configured policy decides again; the candidate is not raised any more.
    RolledBack,
}

impl CandidateStep {
    /// Its name in logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// A change of who decides, a task's policy or its candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CandidateChange {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub step: CandidateStep,
    /// Why, in a sentence.
    pub because: String,
    /// Whether somebody did it by hand.
    pub by_hand: bool,
    /// What the one that waited would have earned more than the one that decided, a decision, with what bounds it at all looks
    /// together; `None` by hand.
    pub gain: Option<[f64; 3]>,
}

impl CandidateChange {
    /// What a look of the gate led to.
    pub(super) fn of(step: CandidateStep, gate: &Gate, at: Timestamp) -> Self {
        let bounds = gate.low.zip(gate.high);
        let bounds =
            bounds.map_or_else(String::new, |(low, high)| format!(": {low:+.4} to {high:+.4} a decision"));
        let because = match step {
            CandidateStep::Raised => format!("it earns more than the policy{bounds}"),
            CandidateStep::RolledBack => format!("the policy earns more than it{bounds}"),
        };
        Self { at, step, because, by_hand: false, gain: gate.bounds() }
    }

    /// What somebody did by hand.
    pub(super) fn by_hand(step: CandidateStep, because: String, at: Timestamp) -> Self {
        Self { at, step, because, by_hand: true, gain: None }
    }
}

/// What is stored of a policy and its candidate.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The oldest first: the candidate is raised once, and rolled back once.
    pub(crate) changes: Vec<CandidateChange>,
}

impl documents::Document for Record {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "changes of the candidate";
}

impl Record {
    /// Since when the candidate decides; `None` while the policy does.
    pub(crate) fn live_since(&self) -> Option<Timestamp> {
        self.changes.last().filter(|last| last.step == CandidateStep::Raised).map(|last| last.at)
    }

    /// Whether the candidate decides.
    pub(crate) fn is_live(&self) -> bool {
        self.live_since().is_some()
    }

    /// What is to be done where the one that waits is found to earn so much: it takes the other's place, but a candidate does
    /// so once.
    pub(crate) fn step(&self, found: GateVerdict) -> Option<CandidateStep> {
        match (found, self.changes.last().map(|last| last.step)) {
            (GateVerdict::Raise, None) => Some(CandidateStep::Raised),
            (GateVerdict::Raise, Some(CandidateStep::Raised)) => Some(CandidateStep::RolledBack),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(steps: &[CandidateStep]) -> Record {
        let change = |step: &CandidateStep| {
            CandidateChange::by_hand(*step, "so".to_owned(), Timestamp::from_micros(1))
        };
        Record { changes: steps.iter().map(change).collect() }
    }

    #[test]
    fn a_candidate_is_raised_once_and_rolled_back_once() {
        use CandidateStep::{Raised, RolledBack};
        let step = |steps: &[CandidateStep], found| record(steps).step(found);
        assert_eq!(step(&[], GateVerdict::Raise), Some(Raised));
        assert_eq!(step(&[Raised], GateVerdict::Raise), Some(RolledBack), "it is the policy that waits");
        assert_eq!(step(&[Raised, RolledBack], GateVerdict::Raise), None, "not again");
        for found in [GateVerdict::RollBack, GateVerdict::NotYet, GateVerdict::TooLittle] {
            assert_eq!((step(&[], found), step(&[Raised], found)), (None, None), "{found:?}");
        }
        assert!(!record(&[]).is_live() && record(&[Raised]).is_live());
        assert!(!record(&[Raised, RolledBack]).is_live());
    }
}
