//! How many turns and judgements work with the store at once, and how long others wait to begin.
//!
//! Callers give up after some seconds and ask again; work that waited longer than that would be done for nobody, and an overload
//! would feed itself. So a bounded number is inside. What comes beyond waits outside in the order of its arrival, where nothing of
//! it has begun: its caller may go away, and nothing is left of it. What has begun comes to its end: it goes in again without waiting.
//!
//! How long somebody waits follows B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015, after the controlled delay of K. Nichols and
//! V. Jacobson, ACM Queue 10(5), 2012: a queue that was empty a moment ago is a burst, and its end is waited for. One that has stood
//! for longer makes everybody wait and nobody served more, so that its newcomers are told at once to go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How long a burst is waited out, and how long there may be no room before that is no burst any more.
const BURST: Duration = Duration::from_secs(1);
/// How long somebody waits once it is none.
const STANDING: Duration = Duration::from_millis(100);

/// The way to the store.
pub(crate) struct Intake {
    room: Semaphore,
    /// How many are inside beyond the room.
    beyond: AtomicUsize,
    started: Instant,
    /// When there was room last, in milliseconds since the start.
    had_room: AtomicU64,
}

/// Somebody's being inside, which ends when this is dropped.
pub(crate) struct Inside(Arc<Intake>);

impl Intake {
    /// Room for so many, one at least.
    pub(crate) fn new(most: usize) -> Self {
        // The first refusal is seen as an increase only of what was there before.
        for what in ["turn", "feedback"] {
            metrics::counter!("helm_intake_refused_total", "operation" => what).increment(0);
        }
        let room = Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS));
        Self { room, beyond: AtomicUsize::new(0), started: Instant::now(), had_room: AtomicU64::new(0) }
    }

    /// Waits for room, for `what` that has not begun.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] when there is none in time.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future gives the place in the queue away.
    pub(crate) async fn enter(self: &Arc<Self>, what: &'static str) -> Result<Inside> {
        if let Some(inside) = self.enter_at_once() {
            return Ok(inside);
        }
        let waited = tokio::time::timeout(self.patience(), self.room.acquire()).await;
        let Ok(Ok(permit)) = waited else {
            metrics::counter!("helm_intake_refused_total", "operation" => what).increment(1);
            return Err(Error::Overloaded);
        };
        permit.forget();
        Ok(Inside(Arc::clone(self)))
    }

    /// Goes on with what has begun, whether there is room or not.
    pub(crate) fn enter_again(self: &Arc<Self>) -> Inside {
        self.enter_at_once().unwrap_or_else(|| {
            self.beyond.fetch_add(1, Ordering::AcqRel);
            Inside(Arc::clone(self))
        })
    }

    fn enter_at_once(self: &Arc<Self>) -> Option<Inside> {
        self.room.try_acquire().ok()?.forget();
        self.had_room.store(self.now(), Ordering::Relaxed);
        Some(Inside(Arc::clone(self)))
    }

    fn patience(&self) -> Duration {
        let without = self.now().saturating_sub(self.had_room.load(Ordering::Relaxed));
        if Duration::from_millis(without) < BURST { BURST } else { STANDING }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let one_less = |beyond: usize| beyond.checked_sub(1);
        // Whoever is inside beyond the room has the place of the one who leaves.
        if self.0.beyond.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_err() {
            self.0.room.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(most: usize) -> Arc<Intake> {
        Arc::new(Intake::new(most))
    }

    async fn wait(intake: &Arc<Intake>) -> (bool, Duration) {
        let began = Instant::now();
        (intake.enter("turn").await.is_ok(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_waited_out_and_a_standing_queue_is_not() {
        let intake = intake(1);
        let inside = intake.enter("turn").await.unwrap();
        assert_eq!(wait(&intake).await, (false, BURST), "there was room a moment ago");
        assert_eq!(wait(&intake).await, (false, STANDING), "there has been none for a second");
        drop(inside);
        assert_eq!(wait(&intake).await, (true, Duration::ZERO));
        let inside = intake.enter("turn").await.unwrap();
        tokio::time::advance(BURST / 2).await;
        let (served, later) = tokio::join!(wait(&intake), async {
            tokio::time::sleep(BURST / 4).await;
            drop(inside);
        });
        assert_eq!((served, later), ((true, BURST / 4), ()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_begun_goes_on_and_newcomers_wait_until_it_has_left() {
        let intake = intake(2);
        let begun: Vec<_> = (0..5).map(|_| intake.enter_again()).collect();
        let mut begun = begun.into_iter();
        for left in (2..5).rev() {
            drop(begun.next());
            assert!(!wait(&intake).await.0, "{left} are inside, where there is room for two");
        }
        drop(begun.next());
        assert!(wait(&intake).await.0);
        drop(begun);
        let all = [intake.enter_at_once(), intake.enter_at_once()];
        assert!(
            all.iter().all(Option::is_some) && intake.enter_at_once().is_none(),
            "as much room as before"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_away_leaves_nothing_behind() {
        let intake = intake(1);
        let inside = intake.enter("turn").await.unwrap();
        for _ in 0..10 {
            assert!(tokio::time::timeout(STANDING / 2, intake.enter("turn")).await.is_err(), "it gave up");
        }
        drop(inside);
        assert!(intake.enter_at_once().is_some(), "no place is lost");
    }
}
