//! How long the cache and the limiter take: `cargo bench --bench cache`, with `HELM_TEST_REDIS=redis://…` for what
//! needs a server.
//!
//! `floor/…` is what each costs at least: moka alone, and one round trip to the same server over a plain socket.
//! The cached value is the state of eight strategies with 272 numbers of a linear learner. Printed beside: how
//! long a notice takes from one replica to another, and how long the first answer takes without a server.

#[path = "shared/figures.rs"]
mod figures;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use helm_core::TenantId;
use helm_store::{
    Cache, CacheEvent, CacheKey, Cost, Limit, LimitKey, Limiter, Limits, MemoryLimiter, MemoryLimiterOptions,
    Notice, Redis, RedisCache, RedisLimiter, RedisOptions, Resource, TwoLevel, TwoLevelOptions, Versioned,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Serialize, Deserialize)]
struct Strategy {
    name: String,
    count: u64,
    mean: f64,
    alpha: f64,
    beta: f64,
}

#[derive(Serialize, Deserialize)]
struct State {
    user: String,
    task: String,
    strategies: Vec<Strategy>,
    a: Vec<f64>,
    b: Vec<f64>,
}

fn state() -> State {
    let strategy = |n: u64| Strategy {
        name: format!("model-{n}"),
        count: 100 + n,
        mean: 0.5 + n as f64 * 0.013,
        alpha: 12.25,
        beta: 9.75,
    };
    State {
        user: "u-123456".to_owned(),
        task: "summarise".to_owned(),
        strategies: (0..8).map(strategy).collect(),
        a: (0..256).map(|n| (f64::from(n) * 0.37).sin()).collect(),
        b: (0..16).map(|n| f64::from(n) / 7.0).collect(),
    }
}

/// An hour, so that nothing ends while it is measured.
fn options() -> TwoLevelOptions {
    TwoLevelOptions::default().with_ttl(Duration::from_secs(3_600))
}

async fn load() -> Result<Versioned<State>, std::io::Error> {
    Ok(Versioned::present(state(), 1))
}

/// Answered without a read, or the measurement is of something else.
async fn none() -> Result<Versioned<State>, std::io::Error> {
    Err(std::io::Error::other("a hit was expected"))
}

fn near(criterion: &mut Criterion, runtime: &Runtime) -> Any<()> {
    let (cache, tenant) = (TwoLevel::<State>::new("state", options()), TenantId::single());
    for n in 0..1_000 {
        runtime.block_on(cache.get(&tenant, &format!("u{n}"), load))?;
    }
    criterion.bench_function("cache/hit in process", |b| {
        b.iter(|| {
            let found = futures::executor::block_on(cache.get(&tenant, black_box("u500"), none));
            assert!(found.is_ok());
        });
    });
    criterion.bench_function("cache/miss of nothing", |b| {
        let names: Vec<_> = (0..100_000).map(|n| format!("missing {n}")).collect();
        let mut names = names.iter().cycle();
        let absent = async || Ok::<_, std::io::Error>(Versioned::absent(0));
        b.iter(|| names.next().map(|name| futures::executor::block_on(cache.get(&tenant, name, absent))));
    });
    Ok(())
}

fn moka_alone(criterion: &mut Criterion, runtime: &Runtime) {
    let bare = moka::future::Cache::builder().time_to_live(Duration::from_secs(3_600)).build();
    runtime.block_on(async {
        for n in 0..1_000 {
            bare.insert(format!("default:state:u{n}"), Arc::new(state())).await;
        }
    });
    let key = "default:state:u500".to_owned();
    criterion.bench_function("floor/moka alone", |b| {
        b.iter(|| assert!(futures::executor::block_on(bare.get(black_box(&key))).is_some()));
    });
}

fn round_trip(criterion: &mut Criterion, url: &str) -> Any<()> {
    let mut stream = TcpStream::connect(url.trim_start_matches("redis://").trim_end_matches('/'))?;
    stream.set_nodelay(true)?;
    let mut answer = [0; 7];
    let mut ping = || stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer));
    criterion.bench_function("floor/one round trip to Redis", |b| b.iter(|| assert!(ping().is_ok())));
    Ok(())
}

fn far(criterion: &mut Criterion, runtime: &Runtime, redis: &Redis) -> Any<()> {
    let (far, tenant): (Arc<dyn Cache>, _) =
        (Arc::new(runtime.block_on(async { RedisCache::new(redis) })?), TenantId::single());
    // A first level without room, so that every call goes to the second.
    let cache = TwoLevel::<State>::new("state", options().with_far(Arc::clone(&far)).with_max_bytes(0));
    runtime.block_on(cache.get(&tenant, "ana", load))?;
    criterion.bench_function("cache/hit in Redis", |b| {
        b.iter(|| assert!(runtime.block_on(cache.get(&tenant, "ana", none)).is_ok()));
    });
    let key = CacheKey::new("state", tenant, "bytes");
    criterion.bench_function("cache/put into Redis", |b| {
        b.iter(|| {
            runtime.block_on(far.put_if_newer(&key, vec![1; 2_464].into(), 1, Duration::from_secs(60)))
        });
    });
    Ok(())
}

async fn notices(one: &Redis, two: &Redis) -> Any<()> {
    let (one, two) = (RedisCache::new(one)?, RedisCache::new(two)?);
    let mut events = two.notices();
    let mut times = vec![];
    for revision in 1..=3_000 {
        let notice = Notice { key: CacheKey::new("state", TenantId::single(), "ana"), revision };
        let sent = Instant::now();
        let heard = async {
            while let Some(event) = events.next().await {
                if event == CacheEvent::Changed(notice.clone()) {
                    return;
                }
            }
        };
        let (_, heard) =
            tokio::join!(one.invalidate(&notice), tokio::time::timeout(Duration::from_secs(1), heard));
        // The first ones may be sent before anybody listens.
        if heard.is_ok() {
            times.push(sent.elapsed());
        }
    }
    times.sort_unstable();
    println!("cache/notice from one replica to another: {} heard", times.len());
    for percent in [50, 99] {
        let time = times.get(times.len() * percent / 100).copied().unwrap_or_default();
        println!("  p{percent} {time:?}");
        let name = format!("notice from one replica to another, p{percent}");
        figures::figure("cache", &name, time.as_secs_f64() * 1e9, "ns");
    }
    Ok(())
}

fn absent(criterion: &mut Criterion, runtime: &Runtime) -> Any<()> {
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let options = RedisOptions::new(format!("redis://127.0.0.1:{port}"));
    let begun = Instant::now();
    let redis = runtime.block_on(Redis::connect(options))?;
    let took = begun.elapsed();
    println!("cache/connecting without a server: {took:?}");
    figures::figure("cache", "connecting without a server", took.as_secs_f64() * 1e9, "ns");
    let far = runtime.block_on(async { RedisCache::new(&redis) })?;
    let key = CacheKey::new("state", TenantId::single(), "ana");
    criterion
        .bench_function("cache/no server", |b| b.iter(|| assert!(runtime.block_on(far.get(&key)).is_none())));
    runtime.block_on(redis.close());
    Ok(())
}

fn limits() -> Any<Limits> {
    let minute = Duration::from_secs(60);
    let limit = |resource| Limit::new(resource, 1 << 40, minute);
    Ok(Limits::new([limit(Resource::Requests)?, limit(Resource::Tokens)?, limit(Resource::NanoUsd)?])?)
}

fn limiter(criterion: &mut Criterion, runtime: &Runtime, name: &str, limiter: &dyn Limiter) -> Any<()> {
    let (limits, key) = (limits()?, LimitKey::user(TenantId::single(), "ana".parse()?));
    criterion.bench_function(name, |b| {
        b.iter(|| assert!(runtime.block_on(limiter.acquire(&key, &limits, Cost::request())).is_ok()));
    });
    Ok(())
}

fn all(criterion: &mut Criterion) {
    let measured = (|| {
        let runtime = Runtime::new()?;
        near(criterion, &runtime)?;
        moka_alone(criterion, &runtime);
        absent(criterion, &runtime)?;
        let memory = MemoryLimiter::new(MemoryLimiterOptions::default());
        limiter(criterion, &runtime, "limiter/in process, three limits", &memory)?;
        let Ok(url) = std::env::var("HELM_TEST_REDIS") else {
            println!("skipped: HELM_TEST_REDIS is not set");
            return Ok(());
        };
        let prefix = format!("helm-bench-{}", std::process::id());
        let connect = || runtime.block_on(Redis::connect(RedisOptions::new(&url).with_prefix(&prefix)));
        let (one, two) = (connect()?, connect()?);
        round_trip(criterion, &url)?;
        far(criterion, &runtime, &one)?;
        limiter(criterion, &runtime, "limiter/in Redis, three limits", &RedisLimiter::new(&one, memory))?;
        runtime.block_on(notices(&one, &two))
    })();
    assert!(measured.is_ok(), "{measured:?}");
}

criterion_group!(benches, all);
criterion_main!(benches);
