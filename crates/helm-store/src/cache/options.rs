use std::{fmt, sync::Arc, time::Duration};

use helm_core::{Clock, SystemClock};

use super::{Cache, level::LONGEST_TTL};

/// How a [`TwoLevel`](super::TwoLevel) cache is made.
#[derive(Clone)]
#[non_exhaustive]
pub struct TwoLevelOptions {
    /// How long a value may be answered after it was read from its source, in both levels together. Each value's
    /// own time is within 10 % of it, so that values read together do not end together. 0: every call reads the
    /// source. More than a year is a year. Default: 60 s.
    pub ttl: Duration,
    /// The same for things that do not exist. Default: 5 s.
    pub negative_ttl: Duration,
    /// How many bytes the first level may take, counting values by the size of their encoding; what is used
    /// least goes first. Default: 64 MiB.
    pub max_bytes: u64,
    /// The version of the values' encoding. Raise it whenever their type changes: bytes of another version are
    /// a miss. Default: 1.
    pub version: u8,
    /// The second level. Default: none.
    pub far: Option<Arc<dyn Cache>>,
    /// Where the time comes from. Replicas that share a second level should agree on it to well within the ttl.
    /// Default: the system's clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for TwoLevelOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            negative_ttl: Duration::from_secs(5),
            max_bytes: 64 << 20,
            version: 1,
            far: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl TwoLevelOptions {
    /// For learning state, which serves well as long as it is hardly old: nothing is answered that is older than
    /// `age`, absence neither. 0: always the database. The usual choice is 1 s.
    #[must_use]
    pub fn with_max_staleness(self, age: Duration) -> Self {
        // The longest that a time to live can become is then `age` itself.
        let ttl = age.min(LONGEST_TTL) * 10 / 11;
        self.with_ttl(ttl).with_negative_ttl(ttl)
    }

    /// Sets how long a value may be answered.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how long absence may be answered.
    #[must_use]
    pub fn with_negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = ttl;
        self
    }

    /// Sets how many bytes the first level may take.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the version of the values' encoding.
    #[must_use]
    pub fn with_version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Sets the second level.
    #[must_use]
    pub fn with_far(mut self, far: Arc<dyn Cache>) -> Self {
        self.far = Some(far);
        self
    }

    /// Sets where the time comes from.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for TwoLevelOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwoLevelOptions")
            .field("ttl", &self.ttl)
            .field("negative_ttl", &self.negative_ttl)
            .field("max_bytes", &self.max_bytes)
            .field("version", &self.version)
            .field("far", &self.far.as_ref().map(Cache::capabilities))
            .finish_non_exhaustive()
    }
}
