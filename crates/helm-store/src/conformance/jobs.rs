use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::fixtures::{at, deadline, decision, mean, tenant, turn};
use crate::{Job, JobState, NewJob, Store, TURN_DEADLINE};

const LEASE: Duration = Duration::from_secs(30);

const KINDS: &[&str] = &["k"];

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
    assert!(store.jobs().claim(at(9), LEASE, 10, KINDS).await.expect("claimed").is_empty(), "not due yet");
    let claims =
        (0..8).map(|_| async { store.jobs().claim(at(10), LEASE, 5, KINDS).await.expect("claimed") });
    let mut held: Vec<_> = join_all(claims).await.into_iter().flatten().map(|job| job.id).collect();
    held.sort_unstable();
    held.dedup();
    assert_eq!(held.len(), 20, "each is held by one");
    assert_eq!(counts(&store).await, (0, 20, 0));
}

pub(super) async fn a_lost_lease_ends_nothing(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    let first = store.jobs().claim(at(10), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert!(store.jobs().claim(at(39), LEASE, 1, KINDS).await.expect("claimed").is_empty(), "it is held");
    let second = store.jobs().claim(at(41), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert_eq!((first.id, first.attempt, second.attempt), (second.id, 1, 2));
    assert!(!store.jobs().complete(&first).await.expect("answered"));
    assert!(!store.jobs().fail(&first, "late", at(50)).await.expect("answered"));
    assert!(store.jobs().complete(&second).await.expect("answered"));
    assert!(!store.jobs().complete(&second).await.expect("answered"));
    assert_eq!(counts(&store).await, (0, 0, 0));
}

pub(super) async fn jobs_are_completed_together(store: Arc<dyn Store>) {
    let (t, other) = (tenant("t"), tenant("other"));
    store.jobs().enqueue(&t, &(0..100).map(job).collect::<Vec<_>>()).await.expect("queued");
    store.jobs().enqueue(&other, &(0..2).map(job).collect::<Vec<_>>()).await.expect("queued");
    let held = store.jobs().claim(at(10), LEASE, 200, KINDS).await.expect("claimed");
    assert_eq!((held.len(), store.jobs().complete_all(&[]).await.expect("answered").len()), (102, 0));
    let (early, late): (Vec<_>, Vec<_>) = held.into_iter().partition(|job| job.id.0 % 3 == 0);
    assert!(store.jobs().complete_all(&early).await.expect("answered").into_iter().all(|done| done));
    assert_eq!(counts(&store).await, (0, late.len() as u64, 0));
    // Lost leases, strangers, repetitions and what is held, in any order.
    let again = store.jobs().claim(at(99), LEASE, 5, KINDS).await.expect("claimed");
    let is_again = |job: &Job| again.iter().any(|other| other.id == job.id);
    let stranger = Job { tenant: tenant("nobody"), ..late[50].clone() };
    let mut mixed: Vec<Job> = late.iter().rev().chain(&again).cloned().collect();
    mixed.extend([stranger, early[0].clone(), late[50].clone()]);
    let done = store.jobs().complete_all(&mixed).await.expect("answered");
    for (number, job) in late.iter().rev().enumerate() {
        assert_eq!(done[number], !is_again(job), "{job:?}");
    }
    assert_eq!(done[late.len()..], [true, true, true, true, true, false, false, false]);
    assert_eq!(counts(&store).await, (0, 0, 0));
}

/// Through two handles on one state: each job is held by one, whoever asks how often.
pub(super) async fn a_job_is_held_through_one_handle(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    let jobs: Vec<_> = (0..60).map(job).collect();
    let t = tenant("t");
    let added = join_all([&one, &two].map(|store| store.jobs().enqueue(&t, &jobs))).await;
    let added: u64 = added.into_iter().map(|added| added.expect("queued")).sum();
    assert_eq!(added, 60, "each is queued once");
    let claims = (0..12).map(|n| {
        let store = if n % 2 == 0 { &one } else { &two };
        async move {
            let held = store.jobs().claim(at(10), LEASE, 7, KINDS).await.expect("claimed");
            held.into_iter().map(|job| (n, job)).collect::<Vec<_>>()
        }
    });
    let mut held: Vec<_> = join_all(claims).await.into_iter().flatten().collect();
    held.sort_by_key(|(_, job)| job.id);
    held.dedup_by_key(|(_, job)| job.id);
    assert_eq!((held.len(), counts(&one).await), (60, (0, 60, 0)), "each is held by one");
    // Whoever holds a job may end it through either handle, and once.
    let held: Vec<_> = held.into_iter().map(|(_, job)| job).collect();
    let ended = join_all([&one, &two].map(|store| store.jobs().complete_all(&held))).await;
    let ended = ended.into_iter().flat_map(|ended| ended.expect("answered"));
    assert_eq!((ended.filter(|done| *done).count(), counts(&two).await), (60, (0, 0, 0)));
}

pub(super) async fn a_job_dies_when_its_attempts_are_used_up(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    for second in [10, 20] {
        let held = store.jobs().claim(at(second), LEASE, 1, KINDS).await.expect("claimed").remove(0);
        assert!(store.jobs().fail(&held, "it broke", at(second + 10)).await.expect("answered"));
    }
    assert_eq!(counts(&store).await, (0, 0, 1));
    assert!(store.jobs().claim(at(999), LEASE, 1, KINDS).await.expect("claimed").is_empty());
}

pub(super) async fn a_job_is_left_to_those_who_know_its_kind(store: Arc<dyn Store>) {
    let foreign = NewJob { kind: "foreign".to_owned(), ..job(1) };
    store.jobs().enqueue(&tenant("t"), &[foreign, job(2)]).await.expect("queued");
    let held = store.jobs().claim(at(10), LEASE, 10, KINDS).await.expect("claimed");
    assert_eq!(held.iter().map(|job| job.kind.as_str()).collect::<Vec<_>>(), ["k"]);
    let held = store.jobs().claim(at(10), LEASE, 10, &["other", "foreign"]).await.expect("claimed");
    assert_eq!((held.len(), held[0].attempt), (1, 1), "looking on costs no attempt");
    assert!(store.jobs().claim(at(99), LEASE, 10, &[]).await.expect("claimed").is_empty());
}

pub(super) async fn a_released_job_keeps_its_attempts(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    for round in 1..6 {
        let held = store.jobs().claim(at(10 * round), LEASE, 1, KINDS).await.expect("claimed").remove(0);
        assert_eq!(held.attempt, 1);
        assert!(store.jobs().release(&held, at(10 * round + 10)).await.expect("answered"));
        assert!(!store.jobs().release(&held, at(0)).await.expect("answered"), "it is not held any more");
        let early = store.jobs().claim(at(10 * round + 9), LEASE, 1, KINDS).await.expect("claimed");
        assert!(early.is_empty());
    }
}

pub(super) async fn a_lease_can_be_renewed(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1)]).await.expect("queued");
    let held = store.jobs().claim(at(10), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert!(store.jobs().renew(&held, at(100)).await.expect("answered"));
    assert!(store.jobs().claim(at(99), LEASE, 1, KINDS).await.expect("claimed").is_empty());
    let next = store.jobs().claim(at(100), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert!(!store.jobs().renew(&held, at(500)).await.expect("answered"), "the lease was lost");
    assert!(store.jobs().complete(&next).await.expect("answered"));
}

pub(super) async fn a_job_that_ends_its_holders_dies(store: Arc<dyn Store>) {
    store.jobs().enqueue(&tenant("t"), &[job(1), job(2)]).await.expect("queued");
    // Nobody who holds it is heard of again.
    for second in [10, 50] {
        assert_eq!(store.jobs().claim(at(second), LEASE, 1, KINDS).await.expect("claimed").len(), 1);
        let other = store.jobs().claim(at(second), LEASE, 1, KINDS).await.expect("claimed").remove(0);
        assert!(store.jobs().release(&other, at(second + 40)).await.expect("answered"));
    }
    let held = store.jobs().claim(at(90), LEASE, 10, KINDS).await.expect("claimed");
    assert_eq!((held.len(), counts(&store).await), (1, (0, 1, 1)), "the other one is not held up");
    let dead = store.jobs().dead(&tenant("t"), 10).await.expect("read");
    assert_eq!((dead.len(), dead[0].attempts), (1, 2));
    assert!(dead[0].error.is_some());
}

pub(super) async fn a_dead_job_can_be_tried_again(store: Arc<dyn Store>) {
    let (t, other) = (tenant("t"), tenant("other"));
    store.jobs().enqueue(&t, &[NewJob { max_attempts: 1, ..job(1) }]).await.expect("queued");
    let held = store.jobs().claim(at(10), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert!(!store.jobs().retry(&t, held.id, at(10)).await.expect("answered"), "it is not dead");
    assert!(store.jobs().fail(&held, "it broke", at(20)).await.expect("answered"));
    let dead = store.jobs().dead(&t, 10).await.expect("read").remove(0);
    assert_eq!((dead.id, dead.kind.as_str(), dead.error.as_deref()), (held.id, "k", Some("it broke")));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&dead.body).expect("JSON"), held.body);
    assert!(store.jobs().dead(&other, 10).await.expect("read").is_empty());
    assert!(!store.jobs().retry(&other, held.id, at(10)).await.expect("answered"));
    assert!(store.jobs().retry(&t, held.id, at(30)).await.expect("answered"));
    let again = store.jobs().claim(at(30), LEASE, 1, KINDS).await.expect("claimed").remove(0);
    assert_eq!((again.id, again.attempt), (held.id, 1));
    assert!(again.lease > held.lease, "an old holder cannot end it");
}

pub(super) async fn a_decision_leaves_a_job_until_its_turn_ends(store: Arc<dyn Store>) {
    for number in [1, 2] {
        for _ in 0..2 {
            store.log_decision(&decision(number), at(100)).await.expect("logged");
        }
    }
    assert_eq!(counts(&store).await, (2, 0, 0));
    store.commit_turn(turn(1), mean()).await.expect("committed");
    assert!(store.jobs().claim(at(99), LEASE, 10, &[TURN_DEADLINE]).await.expect("claimed").is_empty());
    let left = store.jobs().claim(at(100), LEASE, 10, &[TURN_DEADLINE]).await.expect("claimed");
    assert_eq!(left.len(), 1, "only the turn that has not ended is looked after");
    assert_eq!(left[0].body, json!({ "decision": decision(2).id }));
    store.commit_turn(turn(2), mean()).await.expect("committed");
    assert_eq!(counts(&store).await, (0, 0, 0));
    store.log_decision(&decision(2), deadline()).await.expect("logged");
    assert_eq!(counts(&store).await, (0, 0, 0), "a repetition brings nothing back");
}

pub(super) async fn a_dead_job_can_be_removed_and_no_living_one(store: Arc<dyn Store>) {
    let (t, other) = (tenant("t"), tenant("u"));
    store.jobs().enqueue(&t, &[NewJob { max_attempts: 1, ..job(1) }, job(2)]).await.expect("queued");
    let held = store.jobs().claim(at(100), Duration::from_secs(9), 1, &["k"]).await.expect("claimed");
    let id = held[0].id;
    assert!(!store.jobs().discard(&t, id).await.expect("answered"), "it lives");
    assert!(store.jobs().fail(&held[0], "broken", at(100)).await.expect("failed"));
    assert!(!store.jobs().discard(&other, id).await.expect("answered"), "it is another tenant's");
    assert!(store.jobs().discard(&t, id).await.expect("removed"));
    assert!(!store.jobs().discard(&t, id).await.expect("answered"));
    assert!(store.jobs().dead(&t, 9).await.expect("read").is_empty());
    let left = store.jobs().counts().await.expect("counted");
    assert_eq!((left.waiting, left.leased, left.dead), (1, 0, 0));
    // Its key is free again.
    assert_eq!(store.jobs().enqueue(&t, &[job(1)]).await.expect("queued"), 1);
}

pub(super) async fn dead_jobs_are_counted_by_tenant(store: Arc<dyn Store>) {
    assert!(store.jobs().dead_counts().await.expect("counted").is_empty());
    let doomed = |number| NewJob { max_attempts: 1, ..job(number) };
    for (name, jobs) in [("t", 3), ("u", 1), ("alive", 0)] {
        let queued: Vec<_> = (0..jobs).map(doomed).chain([job(9)]).collect();
        store.jobs().enqueue(&tenant(name), &queued).await.expect("queued");
    }
    for held in store.jobs().claim(at(10), LEASE, 100, KINDS).await.expect("claimed") {
        assert_eq!(held.is_last_attempt(), held.max_attempts == 1);
        assert!(store.jobs().fail(&held, "it broke", at(20)).await.expect("answered"));
    }
    let counted = store.jobs().dead_counts().await.expect("counted");
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), [(tenant("t"), 3), (tenant("u"), 1)]);
}
