use std::time::Duration;

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
    /// How old what is known of adopted weights may be.
    pub(crate) fn fresh(self) -> Duration {
        (self.pause / 10).min(FRESH)
    }

    /// After what time every process knows what was adopted, with room for what was being settled meanwhile.
    pub(crate) fn known_everywhere(self) -> Duration {
        3 * self.fresh()
    }
}
