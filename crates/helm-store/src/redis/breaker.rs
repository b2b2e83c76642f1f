use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::watch;

/// Keeps callers from waiting for a server that does not answer.
///
/// Closed, everything passes. It opens when failures come `limit` times in a row, or when one of them was a
/// timeout: a second caller would wait as long as the first. While it is open nothing passes; whoever watches the
/// server closes it again once the server has answered.
pub(super) struct Breaker {
    closed: watch::Sender<bool>,
    failures: AtomicU32,
    limit: u32,
}

/// How a command failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// At once.
    Refused,
    /// After waiting.
    TimedOut,
}

impl Breaker {
    /// Open, as nothing is known yet; the gauge says so, for a server that never answers switches nothing.
    pub(super) fn new(limit: u32) -> Self {
        metrics::gauge!("helm_redis_up").set(0.0);
        Self { closed: watch::Sender::new(false), failures: AtomicU32::new(0), limit: limit.max(1) }
    }

    /// Whether anything passes.
    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Tells when it opens and closes.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    pub(super) fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.switch(true);
    }

    pub(super) fn open(&self) {
        self.switch(false);
    }

    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= self.limit || failure == Failure::TimedOut {
            self.open();
        }
    }

    fn switch(&self, to: bool) {
        let switched = self.closed.send_if_modified(|closed| std::mem::replace(closed, to) != to);
        if switched {
            metrics::gauge!("helm_redis_up").set(if to { 1.0 } else { 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let breaker = Breaker::new(5);
        assert!(!breaker.is_closed(), "nothing is known yet");
        breaker.close();
        for _ in 0..4 {
            breaker.failed(Failure::Refused);
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(Failure::Refused);
        }
        assert!(breaker.is_closed());
        breaker.failed(Failure::Refused);
        assert!(!breaker.is_closed());
        breaker.succeeded();
        assert!(!breaker.is_closed(), "an answer that was on its way closes nothing");
        breaker.close();
        breaker.failed(Failure::Refused);
        assert!(breaker.is_closed(), "it begins to count anew");
    }

    #[test]
    fn it_opens_after_one_timeout() {
        let breaker = Breaker::new(5);
        breaker.close();
        breaker.failed(Failure::TimedOut);
        assert!(!breaker.is_closed());
    }
}
