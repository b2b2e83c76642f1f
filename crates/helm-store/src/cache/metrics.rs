use metrics::{Counter, counter};

/// What a [`TwoLevel`](super::TwoLevel) counts, looked up once.
pub(super) struct Counters {
    /// Answered by the first level.
    pub(super) near: Counter,
    /// Answered by the second.
    pub(super) far: Counter,
    /// Read from the source.
    pub(super) misses: Counter,
    /// Bytes of the second level that could not be read.
    pub(super) damaged: Counter,
    /// Values forgotten because another replica changed the thing.
    pub(super) dropped: Counter,
    /// How often the whole first level was forgotten because notices may have been missed.
    pub(super) distrusted: Counter,
}

impl Counters {
    pub(super) fn new(kind: &'static str) -> Self {
        let requests =
            |result: &'static str| counter!("helm_cache_requests_total", "kind" => kind, "result" => result);
        Self {
            near: requests("near"),
            far: requests("far"),
            misses: requests("miss"),
            damaged: counter!("helm_cache_damaged_total", "kind" => kind),
            dropped: counter!("helm_cache_dropped_total", "kind" => kind),
            distrusted: counter!("helm_cache_distrusted_total", "kind" => kind),
        }
    }
}
