use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::forget::Forgetting;

/// What every policy has, whatever its kind.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Options {
    /// The exploration that is always kept. Default: shrinking.
    #[serde(skip_serializing_if = "is_default")]
    pub floor: Floor,
    /// The length of the time buckets, in seconds: the resolution at which a policy can forget. Default: 3,600.
    #[serde(skip_serializing_if = "is_hour")]
    pub epoch_seconds: u64,
    /// How older rewards fade. Default: never; `auto` forgets as fast as the rewards say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget: Option<Forgetting>,
    /// What may be spent. Default: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_hour(seconds: &u64) -> bool {
    *seconds == 3_600
}

impl Default for Options {
    fn default() -> Self {
        Self { floor: Floor::default(), epoch_seconds: 3_600, forget: None, budget: None }
    }
}

impl Options {
    /// Sets the floor.
    #[must_use]
    pub fn with_floor(mut self, floor: Floor) -> Self {
        self.floor = floor;
        self
    }

    /// Sets the length of the time buckets, in seconds.
    #[must_use]
    pub fn with_epoch_seconds(mut self, seconds: u64) -> Self {
        self.epoch_seconds = seconds;
        self
    }

    /// Sets how older rewards fade.
    #[must_use]
    pub fn with_forgetting(mut self, forget: Forgetting) -> Self {
        self.forget = Some(forget);
        self
    }

    /// Sets what may be spent.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Checks the durations and the budget.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when an epoch has no length, forgetting is faster than epochs can
    /// tell, or the budget is no amount.
    pub fn checked(self) -> Result<Self> {
        if self.epoch_seconds == 0 {
            let value = "0".to_owned();
            let parameter = "epoch_seconds";
            return Err(Error::InvalidParameter { parameter, accepted: "at least 1", value });
        }
        self.forgetting().checked(self.epoch())?;
        self.budget.map(Budget::checked).transpose()?;
        Ok(self)
    }

    /// The length of the time buckets.
    #[must_use]
    pub fn epoch(&self) -> Duration {
        Duration::from_secs(self.epoch_seconds)
    }

    pub(crate) fn forgetting(&self) -> Forgetting {
        self.forget.unwrap_or_default()
    }
}
