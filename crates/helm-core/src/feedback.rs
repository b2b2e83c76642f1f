use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{DecisionId, IdempotencyKey, SourceName, UnitInterval};

/// A judgement of a turn by a person or, from a [source](SourceName::judge) of its own, a model judge. One source has one
/// current value for a decision; a later one corrects it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feedback {
    /// Which turn.
    pub decision: DecisionId,
    /// Who says so.
    pub source: SourceName,
    /// From 0, bad, to 1, good.
    pub value: UnitInterval,
    /// Makes a repeated request harmless even after a later correction. Without it a repetition is
    /// recognised by its value being the current one.
    pub key: Option<IdempotencyKey>,
}

impl Feedback {
    /// A judgement in \[0, 1\] by the user.
    #[must_use]
    pub fn new(decision: DecisionId, value: UnitInterval) -> Self {
        Self { decision, source: SourceName::user(), value, key: None }
    }

    /// A rating from 1, worst, to 5, best, by the user.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `rating` is not from 1 to 5.
    pub fn rating(decision: DecisionId, rating: f64) -> Result<Self> {
        if !(1.0..=5.0).contains(&rating) {
            return Err(Error::OutOfRange { what: "a rating", accepted: "from 1 to 5", value: rating });
        }
        Ok(Self::new(decision, UnitInterval::new((rating - 1.0) / 4.0)?))
    }

    /// Thumbs up or down, by the user.
    #[must_use]
    pub fn thumbs(decision: DecisionId, up: bool) -> Self {
        Self::new(decision, if up { UnitInterval::ONE } else { UnitInterval::ZERO })
    }

    /// Sets who says so.
    #[must_use]
    pub fn from_source(mut self, source: SourceName) -> Self {
        self.source = source;
        self
    }

    /// Sets the idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_map_to_the_unit_interval() {
        let id = DecisionId::from_bytes([0; 16]);
        assert_eq!(Feedback::rating(id, 5.0).unwrap().value, UnitInterval::ONE);
        assert_eq!(Feedback::rating(id, 2.0).unwrap().value.get(), 0.25);
        for bad in [0.0, 5.5, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Feedback::rating(id, bad).is_err(), "{bad}");
        }
    }
}
