use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is said after it was said once.
const PAUSE: Duration = Duration::from_secs(60);

/// Something that may be due at every turn, and is said once a while.
#[derive(Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is to be said now; not again for a while then.
    pub(crate) fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_once_a_while() {
        let seldom = Seldom::default();
        assert_eq!((seldom.is_due(), seldom.is_due()), (true, false));
        tokio::time::advance(PAUSE).await;
        assert_eq!((seldom.is_due(), seldom.is_due()), (true, false));
    }
}
