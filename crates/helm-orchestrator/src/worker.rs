use std::{future::Future, sync::Arc};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Background work that may be lost with the process: at most `workers` at a time, at most `queue` waiting.
/// What must not be lost goes through the store's job queue.
#[derive(Clone)]
pub(crate) struct WorkerPool {
    tracker: TaskTracker,
    workers: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl WorkerPool {
    pub(crate) fn new(tracker: TaskTracker, workers: usize, queue: usize) -> Self {
        let workers = workers.clamp(1, Semaphore::MAX_PERMITS);
        let places = queue.saturating_add(workers).min(Semaphore::MAX_PERMITS);
        Self { tracker, workers: Arc::new(Semaphore::new(workers)), places: Arc::new(Semaphore::new(places)) }
    }

    /// Queues `work`. Answers `false`, and counts a drop, when the queue is full.
    pub(crate) fn submit(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("helm_work_dropped_total").increment(1);
            return false;
        };
        let (workers, waiting) = (Arc::clone(&self.workers), Waiting::begin());
        self.tracker.spawn(async move {
            let _place = place;
            let Ok(_worker) = workers.acquire_owned().await else {
                return;
            };
            drop(waiting);
            work.await;
        });
        true
    }
}

/// Work that waits for a worker, counted for as long as it does.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        metrics::gauge!("helm_queue_depth", "queue" => "background").increment(1.0);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!("helm_queue_depth", "queue" => "background").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_is_bounded_and_drains() {
        let tracker = TaskTracker::new();
        let pool = WorkerPool::new(tracker.clone(), 2, 3);
        let (running, most, done) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let accepted = (0..10).filter(|_| {
            let (running, most, done) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&done));
            pool.submit(async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            })
        });
        let accepted = accepted.count();
        tracker.close();
        tracker.wait().await;
        assert_eq!(accepted, 5, "two run and three wait");
        assert_eq!(done.load(Ordering::SeqCst), accepted);
        assert!(most.load(Ordering::SeqCst) <= 2);
    }
}
