use std::time::Duration;

use helm_core::Timestamp;

/// How old what a process knows of adopted weights may be, at most.
const FRESH: Duration = Duration::from_secs(10);

/// How fast weights are learned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From a rating to learning from it.
    pub(crate) pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: Duration::from_mins(10) }
    }
}

impl Pace {
    /// Ratings of one slot of time are learned from by one job; what comes in while that runs is of another slot.
    pub(crate) fn slot(self, now: Timestamp) -> i64 {
        let length = self.pause.max(Duration::from_secs(1)).as_micros();
        now.as_micros().div_euclid(i64::try_from(length).unwrap_or(i64::MAX))
    }

    /// How old what is known of adopted weights may be.
    pub(crate) fn fresh(self) -> Duration {
        (self.pause / 10).min(FRESH)
    }

    /// After what time every process knows what was adopted, with room for what was being settled meanwhile.
    pub(crate) fn known_everywhere(self) -> Duration {
        3 * self.fresh()
    }
}
