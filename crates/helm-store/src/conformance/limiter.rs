//! The laws that every [`Limiter`] keeps, in-tree or yours.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use helm_core::{ManualClock, NanoUsd, TokenCount};

use super::fixtures::tenant;
use crate::{
    Cost, Denied, Limit, LimitKey, Limiter, Limits, MemoryLimiter, MemoryLimiterOptions, Permit, Resource,
};

/// A limiter of which nothing has been taken, seen by two replicas.
pub struct LimiterCase {
    /// One replica's handle.
    pub one: Arc<dyn Limiter>,
    /// The other's. In a limiter that is not shared, another handle on the same.
    pub two: Arc<dyn Limiter>,
    /// Where both take the time from.
    pub clock: Arc<ManualClock>,
}

/// Runs every law on a case of its own.
///
/// # Panics
///
/// Panics when the limiter breaks one.
pub async fn run_all<F: Future<Output = LimiterCase>>(mut fresh: impl FnMut() -> F) {
    racing_replicas_admit_no_more_than_the_limit(&fresh().await).await;
    what_was_taken_comes_back_evenly(&fresh().await).await;
    nothing_is_rounded(&fresh().await).await;
    all_limits_or_none(&fresh().await).await;
    the_longest_wait_is_named(&fresh().await).await;
    what_can_never_be_taken_is_said(&fresh().await).await;
    what_was_not_used_is_given_back(&fresh().await).await;
    what_was_used_beyond_is_owed(&fresh().await).await;
    giving_back_fills_no_more_than_the_burst(&fresh().await).await;
    keys_have_buckets_of_their_own(&fresh().await).await;
    a_changed_limit_begins_anew(&fresh().await).await;
    no_limits_admit_everything(&fresh().await).await;
    it_decides_as_the_model_does(&fresh().await).await;
}

const SECOND: Duration = Duration::from_secs(1);

fn limit(resource: Resource, amount: u64, window: Duration) -> Limit {
    Limit::new(resource, amount, window).expect("a limit")
}

fn limits(limits: impl IntoIterator<Item = Limit>) -> Limits {
    Limits::new(limits).expect("limits")
}

fn tokens(tokens: u64) -> Cost {
    Cost::default().with_tokens(TokenCount::new(tokens))
}

fn key() -> LimitKey {
    LimitKey::tenant(tenant("t"))
}

async fn take(limiter: &Arc<dyn Limiter>, limits: &Limits, cost: Cost) -> Result<Permit, Denied> {
    limiter.acquire(&key(), limits, cost).await
}

async fn racing_replicas_admit_no_more_than_the_limit(case: &LimiterCase) {
    let limits = &limits([limit(Resource::Requests, 50, 60 * SECOND)]);
    let race = async || {
        let calls =
            (0..200).map(|n| take(if n % 2 == 0 { &case.one } else { &case.two }, limits, Cost::request()));
        join_all(calls).await.into_iter().filter(Result::is_ok).count()
    };
    assert_eq!(race().await, 50);
    case.clock.advance(12 * SECOND);
    assert_eq!(race().await, 10, "a fifth of the window gives back a fifth");
}

async fn what_was_taken_comes_back_evenly(case: &LimiterCase) {
    let limits = limits([limit(Resource::Requests, 4, SECOND)]);
    for _ in 0..4 {
        let _ = take(&case.one, &limits, Cost::request()).await.expect("the burst");
    }
    for _ in 0..6 {
        let denied = take(&case.two, &limits, Cost::request()).await.expect_err("used up");
        assert_eq!(denied.retry_after, Some(SECOND / 4));
        case.clock.advance(SECOND / 4 - Duration::from_micros(1));
        let denied = take(&case.one, &limits, Cost::request()).await.expect_err("a microsecond early");
        assert_eq!(denied.retry_after, Some(Duration::from_micros(1)));
        case.clock.advance(Duration::from_micros(1));
        let _ = take(&case.two, &limits, Cost::request()).await.expect("in time");
    }
}

/// A seventh of a second is no whole number of microseconds; over many of them the fractions must add up.
async fn nothing_is_rounded(case: &LimiterCase) {
    let limits = limits([limit(Resource::Requests, 7, SECOND).with_burst(1).expect("a burst")]);
    let (mut admitted, mut waited) = (0, Duration::ZERO);
    while admitted < 71 {
        match take(&case.one, &limits, Cost::request()).await {
            Ok(_) => admitted += 1,
            Err(denied) => {
                let wait = denied.retry_after.expect("a wait");
                assert!(wait <= Duration::from_micros(142_858));
                waited += wait;
                case.clock.advance(wait);
            }
        }
    }
    assert!(
        waited < 10 * SECOND + Duration::from_micros(71),
        "waits are rounded up, each by less than a microsecond"
    );
    assert!(waited >= 10 * SECOND);
}

async fn all_limits_or_none(case: &LimiterCase) {
    let [requests, few] = [limit(Resource::Requests, 2, SECOND), limit(Resource::Tokens, 100, SECOND)];
    let both = limits([requests, few]);
    let cost = |n| Cost { requests: 1, ..tokens(n) };
    let _ = take(&case.one, &both, cost(60)).await.expect("admitted");
    let denied = take(&case.one, &both, cost(60)).await.expect_err("too many tokens");
    assert_eq!(denied.which, few);
    let _ = take(&case.two, &both, cost(40)).await.expect("the denied one took no request and no token");
    let denied = take(&case.two, &both, cost(0)).await.expect_err("no request left");
    assert_eq!(denied.which, requests);
}

async fn the_longest_wait_is_named(case: &LimiterCase) {
    let hourly = limit(Resource::Requests, 1, 3_600 * SECOND);
    let both =
        limits([limit(Resource::Requests, 1, SECOND), hourly, limit(Resource::Requests, 1, 60 * SECOND)]);
    let _ = take(&case.one, &both, Cost::request()).await.expect("admitted");
    let denied = take(&case.two, &both, Cost::request()).await.expect_err("used up");
    assert_eq!(denied, Denied { retry_after: Some(3_600 * SECOND), which: hourly });
}

async fn what_can_never_be_taken_is_said(case: &LimiterCase) {
    let small = limit(Resource::Tokens, 1_000, SECOND).with_burst(10).expect("a burst");
    let limits = limits([limit(Resource::Requests, 1, SECOND), small]);
    let denied = take(&case.one, &limits, tokens(11)).await.expect_err("larger than the burst");
    assert_eq!(denied, Denied { retry_after: None, which: small });
    let _ = take(&case.one, &limits, Cost { requests: 1, ..tokens(10) }).await.expect("nothing was taken");
}

async fn what_was_not_used_is_given_back(case: &LimiterCase) {
    let money = limit(Resource::NanoUsd, 1_000_000_007, 86_400 * SECOND);
    let limits = limits([limit(Resource::Tokens, 1_000, 60 * SECOND), money]);
    let cost = |n: u64, nanos| tokens(n).with_money(NanoUsd::from_nanos(nanos));
    let permit = take(&case.one, &limits, cost(1_000, 1_000_000_007)).await.expect("admitted");
    assert!(take(&case.two, &limits, cost(1, 1)).await.is_err());
    case.two.settle(permit, cost(400, 7)).await;
    assert!(take(&case.two, &limits, cost(601, 1)).await.is_err());
    let permit = take(&case.one, &limits, cost(600, 1_000_000_000)).await.expect("what was given back");
    case.one.settle(permit, Cost::default()).await;
    let _ = take(&case.two, &limits, cost(600, 1_000_000_000)).await.expect("all of it");
    assert!(take(&case.one, &limits, cost(1, 0)).await.is_err());
    assert!(take(&case.one, &limits, cost(0, 1)).await.is_err());
}

async fn what_was_used_beyond_is_owed(case: &LimiterCase) {
    let limits = limits([limit(Resource::Tokens, 100, 10 * SECOND)]);
    let permit = take(&case.one, &limits, tokens(10)).await.expect("admitted");
    case.two.settle(permit, tokens(150)).await;
    let denied = take(&case.one, &limits, Cost::request()).await.expect_err("50 are owed");
    assert_eq!(denied.retry_after, Some(5 * SECOND));
    case.clock.advance(5 * SECOND);
    let _ = take(&case.two, &limits, Cost::request()).await.expect("nothing is owed");
    assert!(take(&case.two, &limits, tokens(1)).await.is_err());
    case.clock.advance(SECOND);
    let _ = take(&case.one, &limits, tokens(10)).await.expect("a tenth has come back");
}

async fn giving_back_fills_no_more_than_the_burst(case: &LimiterCase) {
    let limits = limits([limit(Resource::Tokens, 100, 10 * SECOND)]);
    let permit = take(&case.one, &limits, tokens(90)).await.expect("admitted");
    case.clock.advance(60 * SECOND);
    case.two.settle(permit, tokens(0)).await;
    let _ = take(&case.one, &limits, tokens(100)).await.expect("it is full");
    assert!(take(&case.two, &limits, tokens(1)).await.is_err(), "and not more than full");
}

async fn keys_have_buckets_of_their_own(case: &LimiterCase) {
    let limits = limits([limit(Resource::Requests, 1, 3_600 * SECOND)]);
    let (t, u) = (tenant("t"), tenant("u"));
    let user = |name: &str| name.parse().expect("a user");
    let keys = [
        LimitKey::tenant(t.clone()),
        LimitKey::tenant(u.clone()),
        LimitKey::user(t.clone(), user("ana")),
        LimitKey::user(t.clone(), user("bo")),
        LimitKey::user(u, user("ana")),
        LimitKey::named(t.clone(), "api_key", "ana"),
        LimitKey::named(t.clone(), "api_key", ""),
        LimitKey::named(t, "api_keyana", ""),
    ];
    for key in &keys {
        let _ = case.one.acquire(key, &limits, Cost::request()).await.expect("its own");
    }
    for key in &keys {
        assert!(case.two.acquire(key, &limits, Cost::request()).await.is_err(), "{key:?}");
    }
}

async fn a_changed_limit_begins_anew(case: &LimiterCase) {
    let before = limit(Resource::Requests, 3, 3_600 * SECOND);
    let _ = take(&case.one, &limits([before]), Cost { requests: 3, ..Cost::default() }).await.expect("all");
    let burst = before.with_burst(6).expect("a burst");
    let three = Cost { requests: 3, ..Cost::default() };
    let _ = take(&case.two, &limits([burst]), three).await.expect("the same bucket, with more room");
    assert!(take(&case.one, &limits([burst]), Cost::request()).await.is_err());
    let _ =
        take(&case.one, &limits([limit(Resource::Requests, 4, 3_600 * SECOND)]), three).await.expect("new");
}

async fn no_limits_admit_everything(case: &LimiterCase) {
    let permit = take(&case.one, &Limits::none(), tokens(u64::MAX)).await.expect("admitted");
    case.two.settle(permit, Cost::default()).await;
}

/// The same calls at the same moments, on this limiter and on the one in memory.
async fn it_decides_as_the_model_does(case: &LimiterCase) {
    let model = MemoryLimiter::new(MemoryLimiterOptions::default().with_clock(case.clock.clone()));
    let limits = limits([
        limit(Resource::Requests, 7, 3 * SECOND),
        limit(Resource::Tokens, 997, SECOND).with_burst(2_003).expect("a burst"),
        limit(Resource::NanoUsd, 999_999_937, 7 * SECOND),
    ]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: u64| {
        // Marsaglia's xorshift (2003): any numbers will do, as long as they are the same every time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    for step in 0..400 {
        case.clock.advance(Duration::from_micros(below(900_000)));
        let mut cost = |most| {
            let money = i64::try_from(below(most * 300_000)).expect("small");
            Cost { requests: below(3), ..tokens(below(most)).with_money(NanoUsd::from_nanos(money)) }
        };
        let (reserved, actual) = (cost(1_500), cost(2_500));
        let limiter = if step % 2 == 0 { &case.one } else { &case.two };
        let (found, expected) =
            (take(limiter, &limits, reserved).await, model.acquire(&key(), &limits, reserved).await);
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                limiter.settle(found, actual).await;
                model.settle(expected, actual).await;
            }
            (Err(found), Err(expected)) => assert_eq!(found, expected, "step {step}"),
            (found, expected) => assert_eq!(found, expected, "step {step}"),
        }
    }
}
