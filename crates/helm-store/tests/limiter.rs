//! Every limiter keeps every law, also while Redis goes away and comes back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use helm_core::{Clock, ManualClock, SystemClock, TenantId, Timestamp};
use helm_store::conformance::limiter::{LimiterCase, run_all};
use helm_store::{
    Cost, Limit, LimitKey, Limiter, Limits, MemoryLimiter, MemoryLimiterOptions, RedisLimiter, Resource,
};

mod support;
use support::{Prefix, PrivateRedis, ROUNDS, Times, eventually, time};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

fn memory(clock: &Arc<ManualClock>) -> MemoryLimiter {
    MemoryLimiter::new(MemoryLimiterOptions::default().with_clock(clock.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limiter_in_memory_keeps_the_laws() {
    run_all(async || {
        let clock = clock();
        let limiter = memory(&clock);
        LimiterCase { one: Arc::new(limiter.clone()), two: Arc::new(limiter), clock }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limiter_in_redis_keeps_the_laws() {
    let Some(url) = support::shared() else { return };
    let mut prefixes = vec![];
    run_all(|| {
        let prefix = Prefix::new(&url);
        let (one, two) = (prefix.options(), prefix.options());
        prefixes.push(prefix);
        async move {
            let clock = clock();
            let replica = async |options| {
                let redis = helm_store::Redis::connect(options).await.unwrap();
                assert!(redis.is_up());
                let limiter = RedisLimiter::new(&redis, memory(&clock)).with_clock(clock.clone());
                Arc::new(limiter) as Arc<dyn Limiter>
            };
            LimiterCase { one: replica(one).await, two: replica(two).await, clock: clock.clone() }
        }
    })
    .await;
}

/// A limiter that is added to the crate must be added to this file.
#[test]
fn no_limiter_is_missing_here() {
    let mut found = vec![];
    for folder in ["src/limit", "src/redis", "src/memory", "src/sqlite"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            let types =
                source.lines().filter_map(|line| line.strip_prefix("impl Limiter for ")?.strip_suffix(" {"));
            found.extend(types.map(str::to_owned));
        }
    }
    found.sort();
    assert_eq!(found, ["MemoryLimiter", "RedisLimiter"]);
}

#[test]
fn they_can_be_shared_by_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Arc<dyn Limiter>>();
    check::<MemoryLimiter>();
    check::<RedisLimiter>();
}

fn requests(amount: u64, window: Duration) -> Limits {
    Limits::new([Limit::new(Resource::Requests, amount, window).unwrap()]).unwrap()
}

fn user(number: u32) -> LimitKey {
    LimitKey::user(TenantId::single(), format!("u{number}").parse().unwrap())
}

#[tokio::test]
async fn idle_keys_take_no_memory() {
    let (clock, limits) = (clock(), requests(10, Duration::from_secs(10)));
    let limiter = memory(&clock);
    for number in 0..10_000 {
        let _ = limiter.acquire(&user(number), &limits, Cost::request()).await.unwrap();
        clock.advance(Duration::from_millis(1));
    }
    assert!(limiter.keys() <= 1_002, "a request comes back in a second: {}", limiter.keys());
}

#[tokio::test]
async fn keys_are_bounded_and_the_busiest_are_kept() {
    let (clock, limits) = (clock(), requests(10, Duration::from_secs(1_000)));
    let options = MemoryLimiterOptions::default().with_clock(clock.clone()).with_max_keys(100);
    let limiter = MemoryLimiter::new(options);
    let busy = user(u32::MAX);
    let _ = limiter.acquire(&busy, &limits, Cost { requests: 10, ..Cost::default() }).await.unwrap();
    for number in 0..10_000 {
        let _ = limiter.acquire(&user(number), &limits, Cost::request()).await.unwrap();
    }
    assert_eq!(limiter.keys(), 100);
    assert!(limiter.acquire(&busy, &limits, Cost::request()).await.is_err());
}

/// By the server's own time, whatever the replicas' clocks say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_with_wrong_clocks_admit_no_more_than_the_limit() {
    let Some(url) = support::shared() else { return };
    let prefix = Prefix::new(&url);
    let (one, two) = (prefix.connect().await, prefix.connect().await);
    let replicas = [&one, &two].map(|redis| RedisLimiter::new(redis, memory(&clock())));
    let limits = requests(100, Duration::from_secs(3_600));
    let begun = SystemClock.now();
    let calls = (0..1_000).map(|n| {
        let (replica, limits) = (&replicas[n % 2], &limits);
        async move { replica.acquire(&user(0), limits, Cost::request()).await }
    });
    let answers = join_all(calls).await;
    let denied: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    // One comes back in 36 s.
    let slack = SystemClock.now().since(begun).as_secs() as usize / 36;
    assert!(denied.len() <= 900 && denied.len() >= 900 - slack - 1, "{}", denied.len());
    assert!(denied.iter().all(|denied| denied.retry_after.unwrap() <= Duration::from_secs(36)));
    let ttl = prefix.eval("return redis.call('PTTL', redis.call('KEYS', ARGV[1] .. ':1:limit:*')[1])");
    let ttl = Duration::from_millis(ttl.parse().unwrap());
    assert!(ttl > Duration::from_secs(3_400) && ttl <= Duration::from_secs(3_601), "it expires: {ttl:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_go_on_while_redis_is_killed_and_back() {
    let Some(mut server) = PrivateRedis::start() else { return };
    let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(server.url())).await.unwrap();
    let limiter = RedisLimiter::new(&redis, MemoryLimiter::new(MemoryLimiterOptions::default()));
    let limits = requests(5, Duration::from_secs(3_600));
    let admitted = async |key: &LimitKey| {
        let calls = (0..20).map(|_| limiter.acquire(key, &limits, Cost::request()));
        join_all(calls).await.into_iter().filter(Result::is_ok).count()
    };
    eventually("Redis", async || redis.is_up()).await;
    assert_eq!(admitted(&user(0)).await, 5);
    let mut rounds: Vec<Times> = vec![];
    while rounds.len() < ROUNDS && !rounds.last().is_some_and(Times::are_fine) {
        let round = rounds.len() as u32;
        let permit = limiter.acquire(&user(100 + round), &limits, Cost::request()).await.unwrap();
        server.kill();
        let call = async || drop(limiter.acquire(&user(200 + round), &limits, Cost::request()).await);
        rounds.push(time(call).await);
        assert_eq!(admitted(&user(10 + round)).await, 5, "the stand-in holds the limit for this replica");
        let stood_in = limiter.acquire(&user(20 + round), &limits, Cost::request()).await.unwrap();
        server.restart();
        eventually("Redis", async || redis.is_up()).await;
        assert_eq!(admitted(&user(0)).await, 5, "the server is back, and remembers nothing");
        assert_eq!(admitted(&user(0)).await, 0);
        limiter.settle(permit, Cost::default()).await;
        limiter.settle(stood_in, Cost::default()).await;
        assert_eq!(admitted(&user(20 + round)).await, 5, "what the stand-in gave was settled with it");
    }
    assert!(rounds.last().is_some_and(Times::are_fine), "{rounds:?}");
    redis.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_go_on_while_redis_is_frozen() {
    let Some(server) = PrivateRedis::start() else { return };
    let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(server.url())).await.unwrap();
    let limiter = RedisLimiter::new(&redis, MemoryLimiter::new(MemoryLimiterOptions::default()));
    let limits = requests(5, Duration::from_secs(3_600));
    eventually("Redis", async || redis.is_up()).await;
    server.freeze(true);
    let key = LimitKey::tenant(TenantId::single());
    let calls = (0..20).map(|_| limiter.acquire(&key, &limits, Cost::request()));
    let answers = tokio::time::timeout(Duration::from_secs(5), join_all(calls)).await.unwrap();
    assert_eq!(answers.into_iter().filter(Result::is_ok).count(), 5);
    server.freeze(false);
    eventually("Redis", async || redis.is_up()).await;
    redis.close().await;
}
