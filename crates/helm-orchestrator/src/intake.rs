//! How many turns and judgements work with the store at once, and how long others wait to begin.
//!
//! Callers give up after some seconds and ask again; work that waited longer than that would be done for nobody, and an overload
//! would feed itself. So a bounded number is inside. What comes beyond waits outside in the order of its arrival, where nothing of
//! it has begun: its caller may go away, and nothing is left of it. What has begun comes to its end: it goes in again without waiting.
//!
//! Whether somebody waits follows B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015, after the controlled delay of K. Nichols and
//! V. Jacobson, ACM Queue 10(5), 2012: where there was room a moment ago there is a burst, and its end is waited for. Where there has
//! been none for longer, waiting makes everybody late and nobody served more, so that newcomers are told at once to go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How long a burst is waited out, and how long there may be no room before that is no burst any more.
const BURST: Duration = Duration::from_secs(1);

/// The way to the store.
pub(crate) struct Intake {
    room: Semaphore,
    /// How many are inside beyond the room.
    beyond: AtomicUsize,
    started: Instant,
    /// When somebody found room last, in milliseconds since the start.
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

    /// Refuses what would be refused now, before anything is done for it.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] when there is no room, and has been none for longer than a burst.
    pub(crate) fn look(&self, what: &'static str) -> Result<()> {
        if self.room.available_permits() > 0 {
            self.note_room();
        }
        if self.has_burst() { Ok(()) } else { Err(refused(what)) }
    }

    /// Waits for room, for `what`, which has not begun.
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
        if !self.has_burst() {
            return Err(refused(what));
        }
        match tokio::time::timeout(BURST, self.room.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(Inside::new(self))
            }
            _ => Err(refused(what)),
        }
    }

    /// Goes on with what has begun, whether there is room or not.
    pub(crate) fn enter_again(self: &Arc<Self>) -> Inside {
        self.enter_at_once().unwrap_or_else(|| {
            self.beyond.fetch_add(1, Ordering::AcqRel);
            Inside::new(self)
        })
    }

    fn enter_at_once(self: &Arc<Self>) -> Option<Inside> {
        self.room.try_acquire().ok()?.forget();
        self.note_room();
        Some(Inside::new(self))
    }

    fn note_room(&self) {
        self.had_room.store(self.now(), Ordering::Relaxed);
    }

    /// Whether there was room a moment ago.
    fn has_burst(&self) -> bool {
        let without = self.now().saturating_sub(self.had_room.load(Ordering::Relaxed));
        Duration::from_millis(without) < BURST
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Counts a refusal.
pub(crate) fn refused(what: &'static str) -> Error {
    metrics::counter!("helm_intake_refused_total", "operation" => what).increment(1);
    Error::Overloaded
}

impl Inside {
    fn new(intake: &Arc<Intake>) -> Self {
        metrics::gauge!("helm_intake_inside").increment(1.0);
        Self(Arc::clone(intake))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        metrics::gauge!("helm_intake_inside").decrement(1.0);
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
    async fn a_burst_is_waited_out_and_no_more_than_that() {
        let intake = intake(1);
        let inside = intake.enter("turn").await.unwrap();
        assert!(intake.look("turn").is_ok());
        assert_eq!(wait(&intake).await, (false, BURST), "there was room a moment ago");
        assert_eq!(wait(&intake).await, (false, Duration::ZERO), "there has been none for a second");
        assert!(intake.look("turn").is_err());
        drop(inside);
        assert!(intake.look("turn").is_ok());
        assert_eq!(wait(&intake).await, (true, Duration::ZERO));
        let inside = intake.enter("turn").await.unwrap();
        tokio::time::advance(BURST / 2).await;
        let (served, ()) = tokio::join!(wait(&intake), async {
            tokio::time::sleep(BURST / 4).await;
            drop(inside);
        });
        assert_eq!(served, (true, BURST / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_begun_goes_on_and_newcomers_wait_until_it_has_left() {
        let intake = intake(2);
        let mut begun = (0..5).map(|_| intake.enter_again()).collect::<Vec<_>>().into_iter();
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
            assert!(tokio::time::timeout(BURST / 20, intake.enter("turn")).await.is_err(), "it gave up");
        }
        // One that was given the place and went away before it heard of that.
        tokio::time::advance(BURST / 4).await;
        let mut late = Box::pin(intake.enter("turn"));
        assert!(futures::poll!(&mut late).is_pending());
        drop(inside);
        assert!(intake.enter_at_once().is_none(), "the place is its own");
        drop(late);
        assert!(intake.enter_at_once().is_some(), "no place is lost");
    }
}
