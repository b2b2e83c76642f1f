use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::fixtures::{at, tenant};
use crate::{JobState, NewJob, Store};

const LEASE: Duration = Duration::from_secs(30);

fn job(number: u32) -> NewJob {
    NewJob {
        kind: "k".to_owned(),
        dedupe: format!("d{number}"),
        body: json!({ "n": number }),
        run_at: at(10),
        max_attempts: 2,
    }
}

async fn counts(store: &Arc<dyn Store>) -> (u64, u64, u64) {
    let JobState { waiting, leased, dead } = store.jobs().counts().await.expect("counted");
    (waiting, leased, dead)
}

pub(super) async fn a_job_is_queued_once_and_held_by_one(store: Arc<dyn Store>) {
    let t = tenant("t");
    let all: Vec<_> = (0..20).map(job).collect();
    assert_eq!(store.jobs().enqueue(&t, &all).await.expect("queued"), 20);
    assert_eq!(store.jobs().enqueue(&t, &all[..3]).await.expect("queued"), 0);
    assert!(store.jobs().claim(at(9), LEASE, 10).await.expect("claimed").is_empty(), "not due yet");
    let claims = (0..8).map(|_| async { store.jobs().claim(at(10), LEASE, 5).await.expect("claimed") });
    let mut held: Vec<_> = join_all(claims).await.into_iter().flatten().map(|job| job.id).collect();
    held.sort_unstable();
    held.dedup();
    assert_eq!(held.len(), 20, "each is held by one");
    assert_eq!(counts(&store).await, (0, 20, 0));
}

pub(super) async fn a_lost_lease_ends_nothing(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    let first = store.jobs().claim(at(10), LEASE, 1).await.expect("claimed").remove(0);
    assert!(store.jobs().claim(at(39), LEASE, 1).await.expect("claimed").is_empty(), "it is held");
    let second = store.jobs().claim(at(41), LEASE, 1).await.expect("claimed").remove(0);
    assert_eq!((first.id, first.attempt, second.attempt), (second.id, 1, 2));
    assert!(!store.jobs().complete(&first).await.expect("answered"));
    assert!(!store.jobs().fail(&first, "late", at(50)).await.expect("answered"));
    assert!(store.jobs().complete(&second).await.expect("answered"));
    assert!(!store.jobs().complete(&second).await.expect("answered"));
    assert_eq!(counts(&store).await, (0, 0, 0));
}

pub(super) async fn a_job_dies_when_its_attempts_are_used_up(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    for second in [10, 20] {
        let held = store.jobs().claim(at(second), LEASE, 1).await.expect("claimed").remove(0);
        assert!(store.jobs().fail(&held, "it broke", at(second + 10)).await.expect("answered"));
    }
    assert_eq!(counts(&store).await, (0, 0, 1));
    assert!(store.jobs().claim(at(999), LEASE, 1).await.expect("claimed").is_empty());
}
