use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::view::Signals;

/// Standard deviations beyond which a signal counts no more.
const FARTHEST: f64 = 3.0;
/// A probability that is this near to 0 or 1 is as good as certain.
const UNSURE: f64 = 0.1;

/// A logistic function of signals.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) bias: f64,
    pub(crate) terms: Vec<Term>,
}

/// One signal's part: its weight, after it was centred and scaled.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Term {
    pub(crate) signal: String,
    pub(crate) centre: f64,
    pub(crate) scale: f64,
    pub(crate) weight: f64,
}

/// `models/heads.json`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Heads {
    pub(crate) format_version: u32,
    pub(crate) heads: BTreeMap<String, Head>,
}

impl Term {
    /// The signal in standard deviations, at most 3 to each side.
    pub(crate) fn standard(&self, value: f64) -> f64 {
        ((value - self.centre) / self.scale).clamp(-FARTHEST, FARTHEST)
    }
}

impl Head {
    /// The head of this name that comes with the crate, with the places of its signals; without terms when there is
    /// none.
    pub(crate) fn built_in(name: &str) -> Placed {
        static HEADS: LazyLock<Option<Heads>> =
            LazyLock::new(|| serde_json::from_str(include_str!("../../models/heads.json")).ok());
        let head = HEADS.as_ref().and_then(|heads| heads.heads.get(name)).cloned().unwrap_or_default();
        head.place()
    }

    pub(crate) fn place(self) -> Placed {
        let place = |term: Term| {
            let place = Signals::names().iter().position(|name| *name == term.signal)?;
            Some((place, term))
        };
        Placed { bias: self.bias, terms: self.terms.into_iter().filter_map(place).collect() }
    }
}

/// A head with the places of its signals.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    bias: f64,
    terms: Vec<(usize, Term)>,
}

impl Placed {
    /// The sum before the logistic function.
    pub(crate) fn logit(&self, signals: &Signals) -> f64 {
        let value = |place: &usize| signals.values().get(*place).copied().unwrap_or(0.0);
        self.bias
            + self.terms.iter().map(|(place, term)| term.weight * term.standard(value(place))).sum::<f64>()
    }

    /// From 0 to 1.
    pub(crate) fn probability(&self, signals: &Signals) -> f64 {
        1.0 / (1.0 + (-self.logit(signals)).exp())
    }

    /// The same where people know few levels: what is surer than nine in ten is certain.
    pub(crate) fn level(&self, signals: &Signals) -> f64 {
        ((self.probability(signals) - UNSURE) / (1.0 - 2.0 * UNSURE)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heads_that_come_with_the_crate_are_whole() {
        let heads: Heads = serde_json::from_str(include_str!("../../models/heads.json")).unwrap();
        for name in ["relevance", "groundedness", "compliance", "specificity", "preference"] {
            let head = &heads.heads[name];
            assert!(!head.terms.is_empty());
            for term in &head.terms {
                assert!(Signals::names().contains(&term.signal.as_str()), "{}", term.signal);
                assert!(term.scale > 0.0 && term.weight.is_finite() && term.centre.is_finite());
            }
        }
        assert_eq!(heads.format_version, 1);
    }
}
