//! Every cache keeps every law, and the two levels together theirs, also while Redis goes away and comes back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use helm_core::{ManualClock, TenantId, Timestamp};
use helm_store::conformance::cache::{CacheCase, run_all};
use helm_store::{
    Cache, CacheKey, Cached, MemoryCache, MemoryCacheOptions, Notice, RedisCache, TwoLevel, TwoLevelOptions,
    Versioned,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

mod support;
use support::{Prefix, PrivateRedis, ROUNDS, Times, eventually, time};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

fn memory(clock: &Arc<ManualClock>) -> Arc<dyn Cache> {
    Arc::new(MemoryCache::new(MemoryCacheOptions::default().with_clock(clock.clone())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_in_memory_keeps_the_laws() {
    run_all(async || {
        let clock = clock();
        let cache = MemoryCache::new(MemoryCacheOptions::default().with_clock(clock.clone()));
        CacheCase { one: Arc::new(cache.clone()), two: Arc::new(cache), clock: Some(clock) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_in_redis_keeps_the_laws() {
    let Some(url) = support::shared() else { return };
    let mut prefixes = vec![];
    run_all(|| {
        let prefix = Prefix::new(&url);
        let (one, two) = (prefix.options(), prefix.options());
        prefixes.push(prefix);
        async move {
            let replica = async |options| {
                let redis = helm_store::Redis::connect(options).await.unwrap();
                Arc::new(RedisCache::new(&redis).unwrap()) as Arc<dyn Cache>
            };
            CacheCase { one: replica(one).await, two: replica(two).await, clock: None }
        }
    })
    .await;
}

/// A cache that is added to the crate must be added to this file.
#[test]
fn no_cache_is_missing_here() {
    assert_eq!(implementations("Cache"), ["MemoryCache", "RedisCache"]);
}

fn implementations(name: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>, wanted: &str) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                walk(&entry.path(), found, wanted);
                continue;
            }
            let source = std::fs::read_to_string(entry.path()).unwrap();
            let types = source.lines().filter_map(|line| line.strip_prefix(wanted)?.strip_suffix(" {"));
            found.extend(types.map(str::to_owned));
        }
    }
    let mut found = vec![];
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found, &format!("impl {name} for "));
    found.sort();
    found
}

#[test]
fn they_can_be_shared_by_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Arc<dyn Cache>>();
    check::<MemoryCache>();
    check::<RedisCache>();
    check::<TwoLevel<String>>();
}

#[tokio::test]
async fn the_cache_in_memory_is_bounded() {
    let cache = MemoryCache::new(MemoryCacheOptions::default().with_max_bytes(1 << 20));
    let key = |n| CacheKey::new("k", TenantId::single(), format!("{n}"));
    for n in 0..4_000 {
        cache.put(&key(n), Bytes::from(vec![0; 1_000]), Duration::from_secs(60)).await;
    }
    let mut held = 0;
    eventually("eviction", async || {
        held = 0;
        for n in 0..4_000 {
            held += usize::from(cache.get(&key(n)).await.is_some());
        }
        held <= 1_049
    })
    .await;
    assert!(held > 500, "{held}");
}

/// A source of numbered values that counts how often it is read.
#[derive(Default)]
struct Source {
    reads: AtomicU64,
    revision: AtomicU64,
}

type Answer = Result<Versioned<Profile>, std::io::Error>;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Profile {
    tone: String,
    weights: Vec<f64>,
}

fn profile(revision: u64) -> Profile {
    Profile { tone: format!("tone {revision}"), weights: vec![revision as f64; 8] }
}

impl Source {
    fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    fn commit(&self) -> u64 {
        self.revision.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Absent at revision 0.
    async fn read(&self) -> Answer {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(match self.revision.load(Ordering::SeqCst) {
            0 => Versioned::absent(0),
            revision => Versioned::present(profile(revision), revision),
        })
    }
}

type Profiles = TwoLevel<Profile>;

fn t() -> TenantId {
    TenantId::single()
}

/// The revision that is answered.
async fn answer(cache: &Profiles, source: &Source) -> u64 {
    let found = cache.get(&t(), "ana", || source.read()).await.unwrap();
    assert_eq!(found.value.as_deref(), (found.revision > 0).then(|| profile(found.revision)).as_ref());
    found.revision
}

fn options(clock: &Arc<ManualClock>) -> TwoLevelOptions {
    TwoLevelOptions::default().with_clock(clock.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_misses_read_once() {
    let clock = clock();
    for far in [None, Some(memory(&clock))] {
        let mut options = options(&clock);
        options.far = far;
        let (cache, source) = (Profiles::new("p", options), Arc::new(Source::default()));
        source.commit();
        let (begin, _) = tokio::sync::broadcast::channel::<()>(1);
        let tasks = (0..1_000).map(|_| {
            let (cache, source, mut begin) = (cache.clone(), Arc::clone(&source), begin.subscribe());
            let task = async move {
                begin.recv().await.unwrap();
                answer(&cache, &source).await
            };
            TaskTracker::new().spawn(task)
        });
        let tasks: Vec<_> = tasks.collect();
        begin.send(()).unwrap();
        assert!(join_all(tasks).await.into_iter().all(|revision| revision.unwrap() == 1));
        assert_eq!(source.reads(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_goes_away_hands_over() {
    let (cache, reads) = (Profiles::new("p", TwoLevelOptions::default()), Arc::new(AtomicU64::new(0)));
    let read = |forever: bool| {
        let (cache, reads) = (cache.clone(), Arc::clone(&reads));
        TaskTracker::new().spawn(async move {
            let load = async || {
                reads.fetch_add(1, Ordering::SeqCst);
                if forever {
                    std::future::pending::<()>().await;
                }
                Answer::Ok(Versioned::present(profile(1), 1))
            };
            cache.get(&t(), "ana", load).await.unwrap().revision
        })
    };
    let leader = read(true);
    eventually("the leader's read", async || reads.load(Ordering::SeqCst) == 1).await;
    let followers: Vec<_> = (0..100).map(|_| read(false)).collect();
    tokio::task::yield_now().await;
    leader.abort();
    assert!(join_all(followers).await.into_iter().all(|revision| revision.unwrap() == 1));
    assert_eq!(reads.load(Ordering::SeqCst), 2, "one follower read again, for all");
}

#[tokio::test]
async fn an_error_goes_to_all_that_wait_and_is_not_kept() {
    let (cache, reads) = (Profiles::new("p", TwoLevelOptions::default()), AtomicU64::new(0));
    let fail = async || {
        reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Answer::Err(std::io::Error::other("no database"))
    };
    let tenant = t();
    let answers = join_all((0..50).map(|_| cache.get(&tenant, "ana", fail))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap_err().to_string() == "no database"));
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    let source = Source::default();
    source.commit();
    assert_eq!(answer(&cache, &source).await, 1);
}

#[tokio::test]
async fn absence_is_kept_for_a_shorter_time() {
    let clock = clock();
    for far in [None, Some(memory(&clock))] {
        let mut options = options(&clock);
        options.far = far;
        let (cache, source) = (Profiles::new("p", options), Source::default());
        for _ in 0..3 {
            assert_eq!(answer(&cache, &source).await, 0);
        }
        assert_eq!(source.reads(), 1);
        clock.advance(Duration::from_millis(5_501));
        assert_eq!(answer(&cache, &source).await, 0);
        assert_eq!(source.reads(), 2, "5 s and a tenth have passed");
        cache.invalidate(&t(), "ana", source.commit()).await;
        assert_eq!(answer(&cache, &source).await, 1, "the first write ends absence at once");
        clock.advance(Duration::from_secs(50));
        assert_eq!(answer(&cache, &source).await, 1);
        assert_eq!(source.reads(), 3);
        clock.advance(Duration::from_secs(17));
        answer(&cache, &source).await;
        assert_eq!(source.reads(), 4, "60 s and a tenth have passed");
    }
}

#[tokio::test]
async fn staleness_is_bounded_over_both_levels() {
    let (clock, bound) = (clock(), Duration::from_secs(1));
    let far = memory(&clock);
    let replica = || {
        let options = options(&clock).with_far(Arc::clone(&far)).with_max_staleness(bound);
        Profiles::new("p", options)
    };
    let (source, mut oldest) = (Source::default(), BTreeMap::new());
    for step in 0..400_u64 {
        let now = u128::from(step) * 10_000;
        oldest.insert(source.commit(), now);
        // A new replica has only the second level to go by.
        let revision = answer(&replica(), &source).await;
        // The answer was current until the next commit.
        let until = oldest.get(&(revision + 1)).copied().unwrap_or(now);
        assert!(now - until <= bound.as_micros(), "step {step}");
        clock.advance(Duration::from_millis(10));
    }
    assert!((4..=6).contains(&source.reads()), "{}", source.reads());
}

#[tokio::test]
async fn what_another_replica_read_is_as_old_as_it_is() {
    let clock = clock();
    let far = memory(&clock);
    let [one, two] = [0; 2].map(|_| {
        let options = options(&clock).with_far(Arc::clone(&far)).with_max_staleness(Duration::from_secs(1));
        Profiles::new("p", options)
    });
    let source = Source::default();
    source.commit();
    answer(&one, &source).await;
    clock.advance(Duration::from_millis(700));
    answer(&two, &source).await;
    assert_eq!(source.reads(), 1, "from the second level");
    source.commit();
    clock.advance(Duration::from_millis(301));
    assert_eq!(answer(&two, &source).await, 2, "it was read a second ago, though not by this replica");
}

#[tokio::test]
async fn the_longest_time_is_no_trouble() {
    let clock = clock();
    for options in
        [options(&clock).with_ttl(Duration::MAX), options(&clock).with_max_staleness(Duration::MAX)]
    {
        let (cache, source) =
            (Profiles::new("p", options.with_negative_ttl(Duration::MAX)), Source::default());
        answer(&cache, &source).await;
        clock.advance(Duration::from_secs(300 * 86_400));
        answer(&cache, &source).await;
        assert_eq!(source.reads(), 1);
    }
}

#[tokio::test]
async fn without_staleness_every_call_reads() {
    let clock = clock();
    let far = memory(&clock);
    let options = options(&clock).with_far(Arc::clone(&far)).with_max_staleness(Duration::ZERO);
    let (cache, source) = (Profiles::new("p", options), Source::default());
    for revision in 1..=5 {
        source.commit();
        assert_eq!(answer(&cache, &source).await, revision);
    }
}

#[tokio::test]
async fn a_read_that_was_overtaken_is_made_again() {
    let clock = clock();
    for far in [None, Some(memory(&clock))] {
        let mut options = options(&clock);
        options.far = far.clone();
        let (cache, source) = (Profiles::new("p", options), Source::default());
        source.commit();
        let overtaken = async || {
            let found = source.read().await;
            // Committed and announced after the read, before its value is kept.
            if source.reads() == 1 {
                cache.invalidate(&t(), "ana", source.commit()).await;
            }
            found
        };
        let found = cache.get(&t(), "ana", overtaken).await.unwrap();
        assert_eq!((found.revision, source.reads()), (2, 2));
        assert_eq!(answer(&cache, &source).await, 2);
        assert_eq!(source.reads(), 2, "and that one is kept");
        if let Some(far) = far {
            let key = CacheKey::new("p", t(), "ana");
            assert_eq!(far.get(&key).await.unwrap().revision, 2);
        }
    }
}

#[tokio::test]
async fn one_tenants_values_are_forgotten_alone() {
    let cache = TwoLevel::<String>::new("cleared", TwoLevelOptions::default());
    let (own, other) = (t(), TenantId::new("other").unwrap());
    let answer = async |tenant: &TenantId, text: &str| {
        let load = || async { Ok::<_, std::io::Error>(Versioned::present(text.to_owned(), 1)) };
        cache.get(tenant, "name", load).await.unwrap().value.unwrap().to_string()
    };
    for tenant in [&own, &other] {
        assert_eq!(answer(tenant, "first").await, "first");
    }
    // A read that began before is not kept either.
    let late = cache.get(&own, "slow", || async {
        assert!(cache.clear(&own).await);
        Ok::<_, std::io::Error>(Versioned::present("late".to_owned(), 1))
    });
    late.await.unwrap();
    assert_eq!(answer(&own, "second").await, "second");
    assert_eq!(answer(&other, "second").await, "first");
    let slow = || async { Ok::<_, std::io::Error>(Versioned::present("early".to_owned(), 1)) };
    assert_eq!(cache.get(&own, "slow", slow).await.unwrap().value.unwrap().as_str(), "early");
}

#[tokio::test]
async fn what_a_slow_replica_knows_is_not_kept() {
    let clock = clock();
    let far = memory(&clock);
    let [slow, quick] = [0; 2].map(|_| Profiles::new("p", options(&clock).with_far(Arc::clone(&far))));
    let source = Source::default();
    source.commit();
    let overtaken = async || {
        let found = source.read().await;
        // The other replica commits; this one hears nothing of it but from the second level.
        if source.reads() == 1 {
            quick.replace(&t(), "ana", Versioned::present(profile(2), source.commit())).await;
        }
        found
    };
    let found = slow.get(&t(), "ana", overtaken).await.unwrap();
    assert_eq!((found.revision, source.reads()), (2, 1), "the second level had it");
    assert_eq!(answer(&quick, &source).await, 2);
    assert_eq!(source.reads(), 1, "what was committed was kept at once");
}

#[tokio::test]
async fn a_source_behind_its_notices_is_answered_but_not_kept() {
    let clock = clock();
    let (cache, source) = (Profiles::new("p", options(&clock)), Source::default());
    source.commit();
    cache.invalidate(&t(), "ana", 9).await;
    assert_eq!(answer(&cache, &source).await, 1);
    let reads = source.reads();
    assert_eq!(answer(&cache, &source).await, 1);
    assert!(source.reads() > reads);
}

/// Runs what `make` makes with its counters, and answers these afterwards.
fn counted<T>(make: impl FnOnce() -> T) -> (T, impl Fn(&str) -> u64) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let made = metrics::with_local_recorder(&recorder, make);
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    let totals = std::sync::Mutex::new(std::mem::take(&mut totals));
    let count = move |name: &str| {
        let mut totals = totals.lock().unwrap();
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let labels = key.key().labels().filter(|label| label.key() == "result");
            let name = labels.fold(key.key().name().to_owned(), |name, label| name + " " + label.value());
            if let DebugValue::Counter(value) = value {
                *totals.entry(name).or_default() += value;
            }
        }
        totals.get(name).copied().unwrap_or(0)
    };
    (made, count)
}

#[tokio::test]
async fn foreign_and_damaged_bytes_are_a_miss_and_counted() {
    let clock = clock();
    let far = memory(&clock);
    let key = CacheKey::new("p", t(), "ana");
    let source = Source::default();
    source.commit();
    let (good, _) = counted(|| Profiles::new("p", options(&clock).with_far(Arc::clone(&far))));
    answer(&good, &source).await;
    let Cached { value, .. } = far.get(&key).await.unwrap();
    let mut flipped = value.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let damaged = [Bytes::new(), Bytes::from_static(b"{\"tone\":1}"), value.slice(..20), flipped.into()];
    for bytes in damaged {
        far.put_if_newer(&key, bytes, 1, Duration::from_secs(60)).await;
        let (cache, count) = counted(|| Profiles::new("p", options(&clock).with_far(Arc::clone(&far))));
        assert_eq!(answer(&cache, &source).await, 1);
        assert_eq!(count("helm_cache_damaged_total"), 1);
        assert_eq!(count("helm_cache_requests_total miss"), 1);
        assert_eq!(answer(&cache, &source).await, 1);
        assert_eq!(count("helm_cache_requests_total near"), 1);
        assert_eq!(far.get(&key).await.unwrap().value, value, "and written anew");
    }
    let (other, count) =
        counted(|| Profiles::new("p", options(&clock).with_far(Arc::clone(&far)).with_version(2)));
    assert_eq!(answer(&other, &source).await, 1);
    assert_eq!(count("helm_cache_damaged_total"), 1, "another version's");
}

/// Two replicas that follow each other's notices.
async fn replicas(one: Arc<dyn Cache>, two: Arc<dyn Cache>) {
    let tasks = TaskTracker::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let [one, two] = [one, two].map(|far| {
        let cache = Profiles::new("p", TwoLevelOptions::default().with_far(far));
        tasks.spawn(stop.clone().run_until_cancelled_owned(cache.follow()));
        cache
    });
    let source = Source::default();
    for round in 1..=20_u64 {
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let revision = source.commit();
        writer.invalidate(&t(), "ana", revision).await;
        assert_eq!(answer(writer, &source).await, revision, "its own change at once");
        let follows = async || answer(reader, &source).await == revision;
        eventually("the other's change", follows).await;
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_over_memory_follow_each_other() {
    let cache = MemoryCache::new(MemoryCacheOptions::default());
    replicas(Arc::new(cache.clone()), Arc::new(cache)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_over_redis_follow_each_other() {
    let Some(url) = support::shared() else { return };
    let prefix = Prefix::new(&url);
    let (one, two) = (prefix.connect().await, prefix.connect().await);
    replicas(Arc::new(RedisCache::new(&one).unwrap()), Arc::new(RedisCache::new(&two).unwrap())).await;
    // The keys say whose and of which schema they are, and nothing of the name.
    let keys = prefix.eval("return redis.call('KEYS', ARGV[1] .. ':*')[1]");
    assert_eq!(keys, "$0".replace('0', &(prefix.name.len() + ":1:p:default:".len() + 32).to_string()));
    one.close().await;
    two.close().await;
}

/// Any round may be disturbed by what else the machine does, but not all of them.
fn check_rounds(rounds: &[Times]) {
    assert!(rounds.last().is_some_and(Times::are_fine), "{rounds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_go_on_while_redis_is_killed_and_back() {
    let Some(mut server) = PrivateRedis::start() else { return };
    let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(server.url())).await.unwrap();
    let far: Arc<dyn Cache> = Arc::new(RedisCache::new(&redis).unwrap());
    let options =
        TwoLevelOptions::default().with_far(Arc::clone(&far)).with_max_staleness(Duration::from_secs(600));
    let (cache, tasks) = (Profiles::new("p", options), TaskTracker::new());
    let following = tasks.spawn(cache.follow());
    let (source, mut rounds) = (Source::default(), vec![]);
    let probe = CacheKey::new("p", t(), "probe");
    while rounds.len() < ROUNDS && !rounds.last().is_some_and(Times::are_fine) {
        eventually("Redis", async || {
            far.put(&probe, Bytes::from_static(b"x"), Duration::from_secs(60)).await;
            far.get(&probe).await.is_some()
        })
        .await;
        let revision = source.commit();
        cache.invalidate(&t(), "ana", revision).await;
        assert_eq!(answer(&cache, &source).await, revision);
        server.kill();
        rounds.push(time(async || assert_eq!(far.get(&probe).await, None)).await);
        // What is in this process stays, and what is not comes from the source.
        let reads = source.reads();
        assert_eq!(answer(&cache, &source).await, revision);
        assert_eq!(source.reads(), reads);
        assert_eq!(cache.get(&t(), "bo", || source.read()).await.unwrap().revision, revision);
        // Another replica's change that nobody here can hear of.
        let revision = source.commit();
        server.restart();
        eventually("a fresh answer", async || answer(&cache, &source).await == revision).await;
    }
    check_rounds(&rounds);
    following.abort();
    redis.close().await;
    assert_eq!(far.get(&probe).await, None, "closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_go_on_while_redis_is_frozen() {
    let Some(server) = PrivateRedis::start() else { return };
    let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(server.url())).await.unwrap();
    let far = RedisCache::new(&redis).unwrap();
    let (probe, mut rounds) = (CacheKey::new("p", t(), "probe"), vec![]);
    while rounds.len() < ROUNDS && !rounds.last().is_some_and(Times::are_fine) {
        eventually("Redis", async || {
            far.put(&probe, Bytes::from_static(b"x"), Duration::from_secs(60)).await;
            far.get(&probe).await.is_some()
        })
        .await;
        server.freeze(true);
        rounds.push(time(async || assert_eq!(far.get(&probe).await, None)).await);
        assert!(!redis.is_up());
        server.freeze(false);
    }
    eventually("Redis", async || far.get(&probe).await.is_some()).await;
    check_rounds(&rounds);
    redis.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_announced_to_a_frozen_server_is_told_later() {
    let Some(server) = PrivateRedis::start() else { return };
    let tasks = TaskTracker::new();
    let mut replicas = vec![];
    for _ in 0..2 {
        let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(server.url())).await.unwrap();
        eventually("Redis", async || redis.is_up()).await;
        let far = Arc::new(RedisCache::new(&redis).unwrap());
        let options = TwoLevelOptions::default().with_ttl(Duration::from_secs(600)).with_far(far);
        let cache = Profiles::new("p", options);
        tasks.spawn(cache.follow());
        replicas.push((redis, cache));
    }
    let [(writer, one), (_, two)] = &replicas[..] else { unreachable!() };
    let source = Source::default();
    let mut unheard = false;
    // A busy machine may make the other replica do without the server for a moment before; then it forgets what it
    // has by itself, and there is nothing to see.
    for round in 0..5_u64 {
        let before = 2 * round + 1;
        one.invalidate(&t(), "ana", source.commit()).await;
        eventually("the answer before", async || answer(two, &source).await == before).await;
        server.freeze(true);
        // The first call is on its way already and opens the breaker; what comes after it is not sent.
        one.invalidate(&t(), "another", round + 1).await;
        eventually("the breaker", async || !writer.is_up()).await;
        one.invalidate(&t(), "ana", source.commit()).await;
        assert_eq!(answer(one, &source).await, before + 1, "its own change at once");
        unheard = answer(two, &source).await == before;
        server.freeze(false);
        eventually("the other's change", async || answer(two, &source).await == before + 1).await;
        eventually("Redis", async || writer.is_up()).await;
        if unheard {
            break;
        }
    }
    assert!(unheard, "nobody could hear of it yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_never_there_is_no_hindrance() {
    let Some(mut server) = PrivateRedis::start() else { return };
    server.kill();
    let key = CacheKey::new("p", t(), "a");
    let mut rounds = vec![];
    while rounds.len() < ROUNDS && !rounds.last().is_some_and(Times::are_fine) {
        let mut far = None;
        let call = async || {
            if far.is_none() {
                let options = helm_store::RedisOptions::new(server.url());
                let redis = helm_store::Redis::connect(options).await.unwrap();
                far = Some(RedisCache::new(&redis).unwrap());
            }
            let far = far.as_ref().unwrap();
            far.invalidate(&Notice { key: key.clone(), revision: 1 }).await;
            assert_eq!(far.get(&key).await, None);
        };
        rounds.push(time(call).await);
    }
    check_rounds(&rounds);
}
