//! How much older rewards count. Weights on time buckets at read time, so they commute with merging.

use std::time::Duration;

use helm_core::{Epoch, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a policy forgets.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Forgetting {
    /// Every reward counts in full, for ever.
    #[default]
    Never,
    /// A reward counts half after this many seconds, a quarter after twice as many. An epoch counts in full until
    /// it ends.
    HalfLifeSeconds(u64),
    /// Rewards of epochs that ended longer ago than this many seconds do not count.
    WindowSeconds(u64),
    /// As fast as the rewards themselves say, not at all where they say nothing: dynamic model averaging over half-lives of
    /// 2 to 16 epochs and none.
    Adaptive,
}

impl Forgetting {
    /// Checks the duration against the length of an epoch.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when it is shorter than one epoch.
    pub fn checked(self, epoch: Duration) -> Result<Self> {
        match self {
            Self::HalfLifeSeconds(seconds) | Self::WindowSeconds(seconds) if seconds < epoch.as_secs() => {
                Err(Error::InvalidParameter {
                    parameter: "half_life_seconds or window_seconds",
                    accepted: "at least epoch_seconds, the resolution at which time is kept",
                    value: seconds.to_string(),
                })
            }
            _ => Ok(self),
        }
    }
}

/// The weight of each epoch at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EpochWeights {
    half_life: Option<f64>,
    window: Option<f64>,
    length: f64,
    now: f64,
}

impl EpochWeights {
    /// Every epoch counts in full.
    #[must_use]
    pub fn full() -> Self {
        Self { half_life: None, window: None, length: 0.0, now: 0.0 }
    }

    /// Halved with every `half_life` seconds since the epoch's end.
    #[must_use]
    pub fn half_life(half_life: f64, length: Duration, now: Timestamp) -> Self {
        Self { half_life: Some(half_life), window: None, ..Self::at(length, now) }
    }

    /// 1 within `window` seconds of the epoch's end, else 0.
    #[must_use]
    pub fn window(window: f64, length: Duration, now: Timestamp) -> Self {
        Self { half_life: None, window: Some(window), ..Self::at(length, now) }
    }

    fn at(length: Duration, now: Timestamp) -> Self {
        let now = now.as_micros() as f64 / 1e6;
        Self { half_life: None, window: None, length: length.as_secs_f64(), now }
    }

    /// The weight of one epoch, in \[0, 1\].
    #[must_use]
    pub fn of(&self, epoch: Epoch) -> f64 {
        let age = (self.now - (epoch.start() as f64 + self.length)).max(0.0);
        match (self.half_life, self.window) {
            (Some(half_life), _) => libm::exp2(-age / half_life),
            (None, Some(window)) => f64::from(age <= window),
            (None, None) => 1.0,
        }
    }
}
