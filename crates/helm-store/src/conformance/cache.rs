//! The laws that every [`Cache`] keeps, in-tree or yours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, future::join_all, stream::BoxStream};
use helm_core::ManualClock;

use super::fixtures::tenant;
use crate::{Cache, CacheEvent, CacheKey, Cached, Notice, PutOutcome};

/// An empty cache, seen by two replicas.
pub struct CacheCase {
    /// One replica's handle.
    pub one: Arc<dyn Cache>,
    /// The other's. In a cache that is not shared, another handle on the same.
    pub two: Arc<dyn Cache>,
    /// What the cache takes the time from, if it is no real clock.
    pub clock: Option<Arc<ManualClock>>,
}

/// Long enough for a law to end first.
const LONG: Duration = Duration::from_secs(600);

/// Runs every law on a case of its own.
///
/// # Panics
///
/// Panics when the cache breaks one.
pub async fn run_all<F: Future<Output = CacheCase>>(mut fresh: impl FnMut() -> F) {
    what_is_put_is_found_through_both_handles(&fresh().await).await;
    any_bytes_come_back(&fresh().await).await;
    kinds_tenants_and_names_never_meet(&fresh().await).await;
    nothing_older_replaces_what_is_newer(&fresh().await).await;
    revisions_are_ordered_as_numbers(&fresh().await).await;
    racing_replicas_leave_the_newest(&fresh().await).await;
    an_invalidation_forgets_and_refuses_what_is_older(&fresh().await).await;
    an_invalidation_spares_what_is_current(&fresh().await).await;
    a_removal_forgets_the_revision_too(&fresh().await).await;
    a_value_ends_with_its_time(&fresh().await).await;
    the_longest_time_is_no_trouble(&fresh().await).await;
    nothing_is_held_for_no_time(&fresh().await).await;
    a_notice_reaches_both_replicas(&fresh().await).await;
    a_tenants_values_of_a_kind_are_cleared(&fresh().await).await;
}

fn key(name: &str) -> CacheKey {
    CacheKey::new("law", tenant("t"), name)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn text(cache: &Arc<dyn Cache>, key: &CacheKey) -> Option<(String, u64)> {
    let Cached { value, revision } = cache.get(key).await?;
    Some((String::from_utf8(value.to_vec()).expect("text"), revision))
}

fn found(text: &str, revision: u64) -> Option<(String, u64)> {
    Some((text.to_owned(), revision))
}

async fn what_is_put_is_found_through_both_handles(case: &CacheCase) {
    assert_eq!(text(&case.one, &key("a")).await, None);
    case.one.put(&key("a"), bytes("first"), LONG).await;
    for cache in [&case.one, &case.two] {
        assert_eq!(text(cache, &key("a")).await, found("first", 0));
    }
    case.two.put(&key("a"), bytes("second"), LONG).await;
    assert_eq!(text(&case.one, &key("a")).await, found("second", 0));
    case.one.remove(&key("a")).await;
    assert_eq!(text(&case.two, &key("a")).await, None);
}

async fn any_bytes_come_back(case: &CacheCase) {
    let all: Vec<u8> = (0..=255).collect();
    for value in [Bytes::new(), all.clone().into(), all.repeat(1 << 10).into()] {
        case.one.put(&key("a"), value.clone(), LONG).await;
        assert_eq!(case.two.get(&key("a")).await, Some(Cached { value: value.clone(), revision: 0 }));
        case.one.put_if_newer(&key("b"), value.clone(), 7, LONG).await;
        assert_eq!(case.two.get(&key("b")).await, Some(Cached { value, revision: 7 }));
    }
}

async fn kinds_tenants_and_names_never_meet(case: &CacheCase) {
    let keys: Vec<_> = ["k", "k:t"]
        .iter()
        .flat_map(|kind| ["t", "t:n"].map(|t| (kind, t)))
        .flat_map(|(kind, t)| ["n", "t:n", "", "ä\n"].map(|name| CacheKey::new(*kind, tenant(t), name)))
        .collect();
    for (number, key) in keys.iter().enumerate() {
        case.one.put_if_newer(key, number.to_string().into(), 1, LONG).await;
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(text(&case.two, key).await, found(&number.to_string(), 1), "{key:?}");
    }
}

async fn nothing_older_replaces_what_is_newer(case: &CacheCase) {
    let put = async |revision, text| case.one.put_if_newer(&key("a"), bytes(text), revision, LONG).await;
    assert_eq!(put(5, "five").await, PutOutcome::Stored);
    assert_eq!(put(4, "four").await, PutOutcome::Newer(5));
    assert_eq!(text(&case.two, &key("a")).await, found("five", 5));
    assert_eq!(put(5, "five again").await, PutOutcome::Stored, "the same state, read again");
    assert_eq!(text(&case.two, &key("a")).await, found("five again", 5));
    assert_eq!(put(6, "six").await, PutOutcome::Stored);
    assert_eq!(text(&case.two, &key("a")).await, found("six", 6));
}

async fn revisions_are_ordered_as_numbers(case: &CacheCase) {
    for revision in [0, 9, 10, 99, 255, 256, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX] {
        let put = case.one.put_if_newer(&key("a"), bytes("x"), revision, LONG).await;
        assert_eq!(put, PutOutcome::Stored);
        if let Some(before) = revision.checked_sub(1) {
            let put = case.two.put_if_newer(&key("a"), bytes("y"), before, LONG).await;
            assert_eq!(put, PutOutcome::Newer(revision));
        }
        assert_eq!(text(&case.one, &key("a")).await, found("x", revision));
    }
}

async fn racing_replicas_leave_the_newest(case: &CacheCase) {
    const PUTS: u64 = 200;
    join_all((0..PUTS).map(|n| async move {
        let cache = if n % 2 == 0 { &case.one } else { &case.two };
        // In an order that is neither rising nor falling.
        let revision = n * 77 % PUTS;
        cache.put_if_newer(&key("a"), revision.to_string().into(), revision, LONG).await
    }))
    .await;
    assert_eq!(text(&case.one, &key("a")).await, found(&(PUTS - 1).to_string(), PUTS - 1));
}

fn notice(name: &str, revision: u64) -> Notice {
    Notice { key: key(name), revision }
}

async fn an_invalidation_forgets_and_refuses_what_is_older(case: &CacheCase) {
    for name in ["held", "not held"] {
        if name == "held" {
            case.one.put_if_newer(&key(name), bytes("old"), 3, LONG).await;
        }
        case.two.invalidate(&notice(name, 5)).await;
        assert_eq!(text(&case.one, &key(name)).await, None, "{name}");
        // A replica that had read before the change comes late.
        let put = case.one.put_if_newer(&key(name), bytes("late"), 4, LONG).await;
        assert_eq!(put, PutOutcome::Newer(5), "{name}");
        assert_eq!(text(&case.two, &key(name)).await, None, "{name}");
        let put = case.one.put_if_newer(&key(name), bytes("new"), 5, LONG).await;
        assert_eq!(put, PutOutcome::Stored, "{name}");
        assert_eq!(text(&case.two, &key(name)).await, found("new", 5), "{name}");
    }
}

async fn an_invalidation_spares_what_is_current(case: &CacheCase) {
    case.one.put_if_newer(&key("a"), bytes("current"), 5, LONG).await;
    case.two.invalidate(&notice("a", 5)).await;
    case.two.invalidate(&notice("a", 4)).await;
    assert_eq!(text(&case.one, &key("a")).await, found("current", 5));
}

async fn a_removal_forgets_the_revision_too(case: &CacheCase) {
    case.one.invalidate(&notice("a", 9)).await;
    case.two.remove(&key("a")).await;
    assert_eq!(case.one.put_if_newer(&key("a"), bytes("x"), 1, LONG).await, PutOutcome::Stored);
    case.two.remove(&key("never put")).await;
}

async fn a_value_ends_with_its_time(case: &CacheCase) {
    let ttl = Duration::from_millis(30);
    case.one.put(&key("a"), bytes("x"), ttl).await;
    case.one.put_if_newer(&key("b"), bytes("x"), 9, ttl).await;
    case.one.put(&key("c"), bytes("x"), LONG).await;
    for name in ["a", "b"] {
        let gone = async {
            while case.two.get(&key(name)).await.is_some() {
                pass(case, Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it ends");
    }
    let put = case.two.put_if_newer(&key("b"), bytes("older"), 1, LONG).await;
    assert_eq!(put, PutOutcome::Stored, "its revision has ended with it");
    assert_eq!(text(&case.two, &key("c")).await, found("x", 0));
}

async fn pass(case: &CacheCase, time: Duration) {
    match &case.clock {
        Some(clock) => clock.advance(time),
        None => tokio::time::sleep(time).await,
    }
}

async fn the_longest_time_is_no_trouble(case: &CacheCase) {
    case.one.put(&key("a"), bytes("x"), Duration::MAX).await;
    assert_eq!(text(&case.two, &key("a")).await, found("x", 0));
    let put = case.one.put_if_newer(&key("b"), bytes("x"), 1, Duration::MAX).await;
    assert_eq!(put, PutOutcome::Stored);
    assert_eq!(text(&case.two, &key("b")).await, found("x", 1));
}

async fn nothing_is_held_for_no_time(case: &CacheCase) {
    case.one.put(&key("a"), bytes("x"), LONG).await;
    case.one.put(&key("a"), bytes("y"), Duration::ZERO).await;
    assert_eq!(text(&case.two, &key("a")).await, None);
    let put = case.one.put_if_newer(&key("b"), bytes("x"), 1, Duration::ZERO).await;
    assert_eq!(put, PutOutcome::Skipped);
    assert_eq!(text(&case.two, &key("b")).await, None);
}

async fn a_notice_reaches_both_replicas(case: &CacheCase) {
    let mut streams = [case.one.notices(), case.two.notices()];
    for (revision, cache) in [(1, &case.one), (2, &case.two)] {
        for events in &mut streams {
            // Listening may begin a moment after it was asked for, so it is said until it is heard.
            let sent = notice("a", revision);
            tokio::time::timeout(Duration::from_secs(10), hear(cache, events, &sent)).await.expect("heard");
        }
    }
}

async fn hear(cache: &Arc<dyn Cache>, events: &mut BoxStream<'static, CacheEvent>, sent: &Notice) {
    loop {
        cache.invalidate(sent).await;
        let heard = async {
            while let Some(event) = events.next().await {
                if event == CacheEvent::Changed(sent.clone()) {
                    return;
                }
            }
        };
        if tokio::time::timeout(Duration::from_millis(200), heard).await.is_ok() {
            return;
        }
    }
}

async fn a_tenants_values_of_a_kind_are_cleared(CacheCase { one, two, .. }: &CacheCase) {
    let mut heard = two.notices();
    let of = |kind: &'static str, owner: &str, name: &str| CacheKey::new(kind, tenant(owner), name);
    let meant: Vec<_> = (0..700).map(|n| of("law", "t", &n.to_string())).collect();
    let others = [of("law", "t:x", "1"), of("law", "u", "1"), of("lawful", "t", "1"), of("la", "t", "1")];
    for key in meant.iter().chain(&others) {
        one.put_if_newer(key, bytes("kept"), 1, LONG).await;
    }
    assert!(one.clear("law", &tenant("t")).await);
    for key in &meant {
        assert_eq!(text(two, key).await, None, "{key:?}");
    }
    for key in &others {
        assert_eq!(text(two, key).await, found("kept", 1), "{key:?}");
    }
    let missed = async { while heard.next().await.expect("told") != CacheEvent::Missed {} };
    tokio::time::timeout(Duration::from_secs(20), missed).await.expect("every replica is told");
    assert_eq!(one.put_if_newer(&meant[0], bytes("new"), 1, LONG).await, PutOutcome::Stored);
}
