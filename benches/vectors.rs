//! Searching memories in SQLite, and in PostgreSQL when `HELM_TEST_PG` names a server: `cargo bench --bench vectors`.
//!
//! 100,000 clustered unit vectors of 384 components, 100 for each of 1,000 users of one tenant; so many others with
//! `HELM_BENCH_MEMORIES`. First recall against an exact search and latencies are printed, beside a plain loop over
//! all vectors in memory in the same run, which is what reading every component costs; then criterion measures the
//! same searches.
//!
//! In PostgreSQL another tenant has a tenth as many memories in the same index; the time that its backends took is
//! printed when they are processes of this machine.

#[path = "shared/figures.rs"]
mod figures;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::{StreamExt, TryStreamExt};
use helm_core::{DecisionId, TenantId, Timestamp, UserId};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore};
use helm_store::{Filter, Memory, MemoryId, Metric, Selection, Store, VectorQuery, VectorStore};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime::Runtime;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

const DIMENSION: usize = 384;
const LATENT: usize = 48;
const CLUSTERS: usize = 500;
const USERS: usize = 1_000;
const QUERIES: usize = 200;
const K: usize = 10;
const COLLECTION: &str = "bench";

/// A seeded source of numbers; Vigna (2015), splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn unit(&mut self) -> f32 {
        ((self.next() >> 40) as f32 + 0.5) / (1 << 24) as f32
    }

    /// Box and Muller (1958).
    fn gauss(&mut self) -> f32 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f32::consts::TAU * self.unit()).cos()
    }
}

/// A mixture in a latent space, projected, with a little noise: the shape of sentence embeddings.
struct World {
    projection: Vec<f32>,
    centres: Vec<f32>,
}

impl World {
    fn new() -> Self {
        let mut dice = Dice(20_260_101);
        let scale = (DIMENSION as f32).sqrt();
        let projection = (0..LATENT * DIMENSION).map(|_| dice.gauss() / scale).collect();
        let centres = (0..CLUSTERS * LATENT).map(|_| dice.gauss()).collect();
        Self { projection, centres }
    }

    fn draw(&self, dice: &mut Dice) -> Vec<f32> {
        let cluster = (dice.next() % CLUSTERS as u64) as usize;
        let mut vector: Vec<f32> = (0..DIMENSION).map(|_| 0.05 * dice.gauss()).collect();
        for (centre, row) in
            self.centres[cluster * LATENT..].iter().zip(self.projection.chunks_exact(DIMENSION)).take(LATENT)
        {
            let latent = centre + 0.6 * dice.gauss();
            vector.iter_mut().zip(row).for_each(|(part, weight)| *part += latent * weight);
        }
        let norm = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
        vector.iter().map(|part| part / norm).collect()
    }
}

fn memories() -> usize {
    std::env::var("HELM_BENCH_MEMORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

fn user(number: usize) -> UserId {
    UserId::new(format!("user-{}", number % USERS)).expect("a user")
}

fn memory(number: usize, embedding: Vec<f32>) -> Memory {
    let turn = DecisionId::from_bytes((number as u128).to_be_bytes());
    Memory {
        id: MemoryId { turn, index: 0 },
        collection: COLLECTION.to_owned(),
        text: format!("memory {number}: {}", "something that was once said ".repeat(3)),
        embedding,
        metadata: json!({ "task": format!("task-{}", number * 7 % 10) }),
        at: Timestamp::from_micros(number as i64),
    }
}

/// What is searched, and for what.
struct Bench {
    base: Vec<f32>,
    /// The memories of the other tenant.
    beside: Vec<f32>,
    queries: Vec<Vec<f32>>,
    store: Arc<dyn Store>,
    tenant: TenantId,
    other: TenantId,
    /// Whose time is counted too: processes with this in their title.
    server: Option<String>,
    runtime: Runtime,
}

#[derive(Clone, Copy)]
enum Kind {
    User,
    UserFiltered,
    Tenant,
    Filtered,
    Other,
}

impl Bench {
    fn new(runtime: Runtime, store: Arc<dyn Store>, server: Option<String>) -> Any<Self> {
        let (world, mut dice) = (World::new(), Dice(1));
        let count = memories();
        let base: Vec<f32> = (0..count).flat_map(|_| world.draw(&mut dice)).collect();
        let queries = (0..QUERIES).map(|_| world.draw(&mut dice)).collect();
        let beside = if server.is_some() { count / 10 } else { 0 };
        let beside: Vec<f32> = (0..beside).flat_map(|_| world.draw(&mut dice)).collect();
        let (tenant, other) = (TenantId::single(), TenantId::new("other")?);
        let began = Instant::now();
        runtime.block_on(fill(store.vectors(), &tenant, &base))?;
        println!("{count} memories stored in {:.1?}", began.elapsed());
        runtime.block_on(fill(store.vectors(), &other, &beside))?;
        Ok(Self { base, beside, queries, store, tenant, other, server, runtime })
    }

    fn sqlite(folder: &std::path::Path) -> Any<Self> {
        let runtime = Runtime::new()?;
        let options = SqliteOptions::new(folder.join("helm.db")).with_shard_bytes(1 << 30);
        let store = runtime.block_on(SqliteStore::open(options))?;
        Self::new(runtime, Arc::new(store), None)
    }

    fn postgres(database: &Database) -> Any<Self> {
        let runtime = Runtime::new()?;
        let mut options = PostgresOptions::new(&database.url);
        if std::env::var("HELM_BENCH_HALF").is_ok_and(|half| half == "1") {
            options = options.with_half_precision_index();
        }
        let store = runtime.block_on(PostgresStore::open(options))?;
        let bench = Self::new(runtime, Arc::new(store), Some(database.name.clone()))?;
        let (began, busy) = (Instant::now(), bench.cpu());
        let taken = bench.runtime.block_on(bench.store.vectors().build_indexes())?;
        let busy = bench.cpu().saturating_sub(busy);
        println!("{taken} memories indexed in {:.1?}, processor {busy:.1?}", began.elapsed());
        Ok(bench)
    }

    fn query(&self, kind: Kind, number: usize) -> VectorQuery {
        let selection = match kind {
            Kind::User => Selection::of_user(user(number), COLLECTION),
            Kind::UserFiltered => {
                let task = Filter::equals("task", format!("task-{}", number % USERS * 7 % 10));
                Selection::of_user(user(number), COLLECTION).with_filter(task)
            }
            Kind::Tenant | Kind::Other => Selection::of_everyone(COLLECTION),
            Kind::Filtered => {
                Selection::of_everyone(COLLECTION).with_filter(Filter::equals("task", "task-3"))
            }
        };
        VectorQuery::new(selection, self.queries[number % QUERIES].clone(), K)
    }

    /// The numbers of the memories found.
    fn search(&self, kind: Kind, query: &VectorQuery) -> Any<Vec<usize>> {
        let tenant = if matches!(kind, Kind::Other) { &self.other } else { &self.tenant };
        let hits = self.runtime.block_on(self.store.vectors().search(tenant, query))?;
        Ok(hits.iter().map(|hit| hit.memory.at.as_micros() as usize).collect())
    }

    /// What an exact search finds, by the definition of the score.
    fn truth(&self, kind: Kind, number: usize) -> Vec<usize> {
        let query = &self.queries[number % QUERIES];
        let selected = |index: &usize| match kind {
            // All of a user's memories are of one task here, as 7 * 1,000 is a multiple of 10.
            Kind::User | Kind::UserFiltered => index % USERS == number % USERS,
            Kind::Tenant | Kind::Other => true,
            Kind::Filtered => index * 7 % 10 == 3,
        };
        let base = if matches!(kind, Kind::Other) { &self.beside } else { &self.base };
        let rows = base.chunks_exact(DIMENSION).enumerate().filter(|(index, _)| selected(index));
        let mut scored: Vec<_> = rows.map(|(index, row)| (Metric::Cosine.score(query, row), index)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().take(K).map(|(_, index)| index).collect()
    }

    /// The physical limit of reading everything: all components in memory, one thread, nothing else.
    fn plain_loop(&self, number: usize) -> (f32, usize) {
        let query = &self.queries[number % QUERIES];
        let rows = self.base.chunks_exact(DIMENSION).enumerate();
        rows.map(|(index, row)| (dot(query, row), index))
            .fold((f32::MIN, 0), |best, next| if next.0 > best.0 { next } else { best })
    }

    /// The processor time of this process and of the server's backends.
    fn cpu(&self) -> Duration {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let names = processes.filter_map(|process| process.file_name().into_string().ok());
        let title = |process: &String| std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let backends = names.filter(|process| {
            let server = self.server.as_ref();
            server.is_some_and(|server| String::from_utf8_lossy(&title(process)).contains(&**server))
        });
        backends.chain(["self".to_owned()]).filter_map(|process| cpu(&process)).sum()
    }

    /// Recall, latencies and processor time of `searches` searches.
    fn report(&self, name: &str, kind: Kind, searches: usize) -> Any<()> {
        let began = Instant::now();
        self.search(kind, &self.query(kind, 0))?;
        let first = began.elapsed();
        let (mut found, mut took, busy) = (Vec::new(), Vec::new(), self.cpu());
        for number in 0..searches {
            let query = self.query(kind, number);
            let began = Instant::now();
            found.push(self.search(kind, &query)?);
            took.push(began.elapsed());
        }
        let busy = self.cpu().saturating_sub(busy) / searches as u32;
        let busy = if busy.is_zero() { String::new() } else { format!(", processor {busy:.2?}") };
        let (mut hit, mut wanted) = (0, 0);
        for (number, found) in found.iter().enumerate().take(QUERIES) {
            let truth = self.truth(kind, number);
            hit += truth.iter().filter(|index| found.contains(index)).count();
            wanted += truth.len();
        }
        let recall = hit as f64 / wanted as f64;
        figures::figure("vectors", &format!("{name}: recall@{K}"), recall, "of 1");
        println!("{name}: recall@{K} {recall:.4}, {}{busy}, first {first:.2?}", quantiles(took));
        Ok(())
    }
}

/// A database of its own, removed in the end.
struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// `None` when no server is named.
    fn create() -> Any<Option<Self>> {
        let Ok(server) = std::env::var("HELM_TEST_PG") else { return Ok(None) };
        let name = format!("helm_bench_{}", std::process::id());
        let base = server.rsplit_once('/').ok_or("HELM_TEST_PG names no database")?.0;
        let database = Self { url: format!("{base}/{name}"), server, name };
        database.run(&database.server, format!("CREATE DATABASE {}", database.name))?;
        database.run(&database.url, "CREATE EXTENSION vector".to_owned())?;
        Ok(Some(database))
    }

    fn run(&self, url: &str, sql: String) -> Any<()> {
        Runtime::new()?.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            connection.execute(AssertSqlSafe(sql)).await?;
            Ok(connection.close().await?)
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.run(&self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if let Err(error) = dropped {
            println!("the database {} was left behind: {error}", self.name);
        }
    }
}

/// The processor time of all threads of a process so far, where Linux tells; in hundredths of a second.
fn cpu(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(10 * ticks))
}

async fn fill(store: &dyn VectorStore, tenant: &TenantId, base: &[f32]) -> Any<()> {
    let count = base.len() / DIMENSION;
    let batches =
        (0..count.div_ceil(USERS)).step_by(4).flat_map(|first| (0..USERS).map(move |owner| (first, owner)));
    let writes = batches.map(|(first, owner)| async move {
        let numbers = (first..first + 4).map(|round| round * USERS + owner).filter(|number| *number < count);
        let embedding = |number: usize| base[number * DIMENSION..(number + 1) * DIMENSION].to_vec();
        let memories: Vec<_> = numbers.map(|number| memory(number, embedding(number))).collect();
        store.upsert(tenant, &user(owner), &memories).await
    });
    Ok(futures::stream::iter(writes).buffer_unordered(64).try_collect::<()>().await?)
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (xs, ys) in left.as_chunks::<16>().0.iter().zip(right.as_chunks::<16>().0) {
        lanes.iter_mut().zip(xs).zip(ys).for_each(|((lane, x), y)| *lane += x * y);
    }
    lanes.iter().sum()
}

fn quantiles(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    format!("p10 {:.2?}, p50 {:.2?}, p99 {:.2?}", at(0.1), at(0.5), at(0.99))
}

fn plain_loops(bench: &Bench) {
    let mut took = Vec::new();
    for number in 0..QUERIES {
        let began = Instant::now();
        black_box(bench.plain_loop(number));
        took.push(began.elapsed());
    }
    println!("plain loop over all, 32-bit floats: {}", quantiles(took));
}

fn measure(criterion: &mut Criterion, name: &str, bench: &Bench, kinds: &[(&str, Kind)]) -> Any<()> {
    for (what, kind) in kinds {
        let few = matches!(kind, Kind::User | Kind::UserFiltered) || bench.server.is_some();
        bench.report(&format!("{name}, {what}"), *kind, if few { 10 * QUERIES } else { QUERIES })?;
    }
    plain_loops(bench);
    for (what, kind) in kinds {
        let mut number = 0;
        criterion.bench_function(&format!("vectors/{name}/{what}"), |b| {
            b.iter(|| {
                number += 1;
                bench.search(*kind, &bench.query(*kind, number)).map(|found| found.len()).ok()
            })
        });
    }
    criterion
        .bench_function(&format!("vectors/{name}/plain loop"), |b| b.iter(|| bench.plain_loop(black_box(7))));
    bench.runtime.block_on(bench.store.close());
    Ok(())
}

fn all(criterion: &mut Criterion) {
    let measured = (|| -> Any<()> {
        let embedded =
            [("one user", Kind::User), ("tenant", Kind::Tenant), ("tenant, filter 10 %", Kind::Filtered)];
        let others = [("one user, filter", Kind::UserFiltered), ("tenant of 9 %", Kind::Other)];
        let folder = tempfile::tempdir_in(".")?;
        measure(criterion, "SQLite", &Bench::sqlite(folder.path())?, &embedded)?;
        let Some(database) = Database::create()? else {
            println!("PostgreSQL: skipped, because HELM_TEST_PG names no server");
            return Ok(());
        };
        measure(criterion, "PostgreSQL", &Bench::postgres(&database)?, &[&embedded[..], &others].concat())
    })();
    assert!(measured.is_ok(), "{measured:?}");
}

criterion_group!(benches, all);
criterion_main!(benches);
