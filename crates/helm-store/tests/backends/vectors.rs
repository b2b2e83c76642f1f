//! Memories in PostgreSQL: filters mean what they mean everywhere, and indexes lose nobody.

use std::ops::Bound;

use helm_core::{DecisionId, TenantId, Timestamp, UserId};
use helm_store::conformance::{tenant, user};
use helm_store::memory::MemoryStore;
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::{
    Collection, Filter, Hit, Memory, MemoryId, MetadataPath, Metric, Scalar, Selection, Store, VectorQuery,
    VectorStore,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};

use super::services::Database;

fn memory(collection: &str, index: u32, embedding: Vec<f32>, metadata: Value) -> Memory {
    // Each collection has ids of its own.
    let turn = DecisionId::from_bytes([collection.len() as u8; 16]);
    let id = MemoryId { turn, index };
    let at = Timestamp::from_micros(i64::from(index) * 1_000_000);
    Memory { id, collection: collection.to_owned(), text: format!("memory {index}"), embedding, metadata, at }
}

/// A value of every kind that is easily got wrong.
fn values() -> Vec<Value> {
    let big = 9_007_199_254_740_993_i64;
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!(big),
        json!(big as f64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(f64::MAX),
        json!(5e-324),
        json!(0.1),
        json!(""),
        json!("1"),
        json!("a"),
        json!("A"),
        json!("\0"),
        json!("a\0"),
        json!("\\u0000"),
        json!("\\\0\0"),
        json!("\u{ffff}"),
        json!("a\u{ffff}"),
        json!("\"\n$1"),
        json!([]),
        json!([1, "a", null, 1.5]),
        json!([[1]]),
        json!(["\0"]),
        json!({}),
        json!({ "0": 1, "a": 1 }),
    ];
    values.extend(times().into_iter().map(Value::from));
    values
}

fn times() -> Vec<&'static str> {
    vec![
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:00:01.000001Z",
        "1970-01-01T05:45:01.5+05:45",
        "1969-12-31T00:00:01-23:59",
        "1970-01-02T01:59:01+25:59",
        "1970-01-01T00:00:01-00:00",
        "1970-01-01T00:00:60Z",
        "1970-01-01T24:00:00Z",
        "1970-13-01T00:00:01Z",
        "1970-02-30T00:00:01Z",
        "2000-02-29T00:00:01Z",
        "1900-02-29T00:00:01Z",
        "0000-02-29T00:00:01Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-30T22:00:00Z",
        "9999-12-30T22:00:01Z",
        "9999-12-31T23:59:59+25:59",
        "1970-01-01T00:00:01+26:00",
        "1970-01-01T00:00:01.1234567Z",
        "1970-01-01T00:00:01Z\n",
        "1970-01-01 00:00:01Z",
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(values());
    let name = prop::sample::select(vec!["a", "b", "0", "a\0", "a\u{ffff}", "\"'$1"]);
    leaf.prop_recursive(2, 8, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(Value::from_iter),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Scalar> {
    let scalars = values().into_iter().filter_map(|value| match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(value) => Some(value.into()),
        Value::Number(number) => match number.as_i64().filter(|_| !number.is_f64()) {
            Some(integer) => Some(integer.into()),
            None => number.as_f64().map(Scalar::from),
        },
        Value::String(text) => Some(text.into()),
        _ => None,
    });
    prop::sample::select(scalars.chain([Scalar::Integer(9_007_199_254_740_992)]).collect::<Vec<_>>())
}

fn bounds<T: Clone + std::fmt::Debug + 'static>(
    values: Vec<T>,
) -> impl Strategy<Value = (Bound<T>, Bound<T>)> {
    let bound = move || {
        let value = prop::sample::select(values.clone());
        prop_oneof![
            Just(Bound::Unbounded),
            value.clone().prop_map(Bound::Included),
            value.prop_map(Bound::Excluded)
        ]
    };
    (bound(), bound())
}

fn filter() -> impl Strategy<Value = Filter> {
    let path = || {
        let names = prop::sample::select(vec!["a", "b", "0", "a\0", "a\u{ffff}", "\"'$1"]);
        prop::collection::vec(names.prop_map(str::to_owned), 0..3).prop_map(MetadataPath::from)
    };
    let moments = vec![i64::MIN, -62_167_219_200_000_000, 0, 1_000_000, 1_000_001, 60_000_000, i64::MAX];
    let moments: Vec<_> = moments.into_iter().map(Timestamp::from_micros).collect();
    let numbers = vec![f64::NEG_INFINITY, -1.0, 0.0, 5e-324, 0.1, 1.0, 1e300, f64::INFINITY];
    let leaf = prop_oneof![
        (path(), scalar()).prop_map(|(path, value)| Filter::Equals { path, value }),
        (path(), prop::collection::vec(scalar(), 0..4))
            .prop_map(|(path, values)| Filter::In { path, values }),
        (path(), scalar()).prop_map(|(path, value)| Filter::Contains { path, value }),
        (path(), bounds(numbers)).prop_map(|(path, (from, to))| Filter::Number { path, from, to }),
        (path(), bounds(moments.clone())).prop_map(|(path, (from, to))| Filter::Time { path, from, to }),
        bounds(moments).prop_map(|(from, to)| Filter::Made { from, to }),
        path().prop_map(|path| Filter::Exists { path }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|filter| !filter),
        ]
    })
}

fn draw<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_filter_selects_what_it_matches() {
    let Some(database) = Database::create("any_filter_selects_what_it_matches").await else { return };
    let store = PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap();
    let (t, ana, mut runner) = (tenant("t"), user("ana"), TestRunner::deterministic());
    let strategy = metadata();
    let plain = values().into_iter().chain((0..300).map(|_| draw(&mut runner, &strategy)));
    let nested = values().into_iter().map(|value| json!({ "a": value }));
    let all: Vec<Value> = plain.chain(nested).collect();
    let memories: Vec<_> =
        (0..).zip(&all).map(|(index, value)| memory("c", index, vec![1.0], value.clone())).collect();
    store.upsert(&t, &ana, &memories).await.unwrap();
    let strategy = filter();
    for _ in 0..1_500 {
        let filter = draw(&mut runner, &strategy);
        let matching = memories.iter().filter(|memory| filter.matches(&memory.metadata, memory.at));
        let selection = Selection::of_everyone("c").with_filter(filter.clone());
        let expected: Vec<_> = matching.collect();
        let query = VectorQuery::new(selection.clone(), vec![1.0], 1_000);
        let found = store.search(&t, &query).await.unwrap();
        let found: Vec<_> = found.iter().map(|hit| &hit.memory).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(store.count(&t, &selection).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
    store.close().await;
}

const ROWS: u32 = 4_000;
const DIMENSION: usize = 16;

/// Components that look random.
fn embedding(seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed) + 1;
    let mut part = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..DIMENSION).map(|_| part()).collect()
}

fn owner(index: u32) -> UserId {
    user(&format!("user-{}", index % 50))
}

async fn fill(store: &dyn VectorStore, t: &TenantId, metric: Metric, from: u32, to: u32) {
    for number in 0..50 {
        let own = (from..to).filter(|index| index % 50 == number);
        let metadata = |index: u32| json!({ "n": index % 10, "rare": index % 1_000 == 7 });
        let memories: Vec<_> =
            own.map(|index| memory(metric.as_str(), index, embedding(index), metadata(index))).collect();
        store.upsert(t, &owner(number), &memories).await.unwrap();
    }
}

/// The share of the exact answers that are among the found ones.
async fn recall(store: &dyn VectorStore, truth: &dyn VectorStore, query: &VectorQuery) -> f64 {
    let t = tenant("t");
    let (found, exact) = (store.search(&t, query).await.unwrap(), truth.search(&t, query).await.unwrap());
    assert_eq!(found.len(), exact.len(), "never fewer than there are: {query:?}");
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    for Hit { memory, score, .. } in &found {
        let metric = Metric::from_name(&memory.collection).unwrap();
        assert_eq!(score.to_bits(), metric.score(&query.embedding, &memory.embedding).to_bits());
    }
    let missed = exact.iter().filter(|hit| !found.contains(hit)).count();
    1.0 - missed as f64 / exact.len().max(1) as f64
}

/// How often an index has been searched, by sessions that have ended.
async fn scans(database: &Database, index: &str) -> i64 {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let row = sqlx::query("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1").bind(index);
    let scans = row.fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    scans
}

/// Whether an index is searched at all; sessions tell it when they end, which takes them a moment.
async fn is_searched(database: &Database, index: &str) -> bool {
    for _ in 0..200 {
        if scans(database, index).await > 0 {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    false
}

async fn indexed(options: PostgresOptions, metrics: &[Metric]) {
    let store = PostgresStore::open(options.with_index_after(1_000)).await.unwrap();
    let (truth, t) = (MemoryStore::new(), tenant("t"));
    for metric in metrics {
        let collection = Collection::new(metric.as_str(), DIMENSION).with_metric(*metric);
        store.create_collection(&t, &collection).await.unwrap();
        truth.create_collection(&t, &collection).await.unwrap();
        fill(&store, &t, *metric, 0, ROWS).await;
        fill(&truth, &t, *metric, 0, ROWS).await;
    }
    assert_eq!(store.build_indexes().await.unwrap(), u64::from(ROWS) * metrics.len() as u64);
    assert_eq!(store.build_indexes().await.unwrap(), 0, "there is nothing left to do");
    for metric in metrics {
        check_indexed(&store, &truth, *metric).await;
        // What comes and goes is known at once, and taken in later.
        fill(&store, &t, *metric, ROWS, ROWS + 200).await;
        fill(&truth, &t, *metric, ROWS, ROWS + 200).await;
        for store in [&store as &dyn VectorStore, &truth] {
            let gone: Vec<_> = (0..200)
                .map(|index| memory(metric.as_str(), index * 50 + 3, vec![], Value::Null).id)
                .collect();
            assert!(store.delete(&t, &owner(3), &gone).await.unwrap() > 0);
        }
        check_indexed(&store, &truth, *metric).await;
        assert!(store.build_indexes().await.unwrap() > 0);
        check_indexed(&store, &truth, *metric).await;
    }
    store.close().await;
}

async fn check_indexed(store: &dyn VectorStore, truth: &dyn VectorStore, metric: Metric) {
    let name = metric.as_str();
    for (label, selection) in [
        ("everyone", Selection::of_everyone(name)),
        ("a user", Selection::of_user(owner(7), name)),
        ("a tenth", Selection::of_everyone(name).with_filter(Filter::equals("n", 3))),
        ("a few", Selection::of_everyone(name).with_filter(Filter::equals("rare", true))),
        ("nobody", Selection::of_user(user("nobody"), name)),
        (
            "all but one user's late ones",
            Selection::of_everyone(name)
                .with_filter(!Filter::made(Timestamp::from_micros(0)..Timestamp::from_micros(3_000_000_000))),
        ),
        ("left to the process", Selection::of_everyone(name).with_filter(!Filter::equals("n", "\0"))),
    ] {
        let mut sum = 0.0;
        for seed in 0..20 {
            let query = VectorQuery::new(selection.clone(), embedding(1_000_000 + seed), 10);
            sum += recall(store, truth, &query).await;
        }
        assert!(sum / 20.0 >= 0.97, "{metric}, {label}: {}", sum / 20.0);
    }
    let many = VectorQuery::new(Selection::of_everyone(name), embedding(9), 1_000);
    assert!(recall(store, truth, &many).await >= 0.9, "{metric}, many");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_finds_what_is_there() {
    let Some(database) = Database::create("an_index_finds_what_is_there").await else { return };
    indexed(PostgresOptions::new(database.url()), &[Metric::Cosine, Metric::InnerProduct, Metric::L2]).await;
    for index in ["helm_memory_cosine_16", "helm_memory_inner_product_16", "helm_memory_l2_16"] {
        assert!(is_searched(&database, index).await, "{index}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_in_half_precision_finds_what_is_there() {
    let Some(database) = Database::create("an_index_in_half_precision").await else { return };
    let options = PostgresOptions::new(database.url()).with_half_precision_index();
    indexed(options, &[Metric::Cosine, Metric::InnerProduct, Metric::L2]).await;
    for index in ["helm_memory_cosine_16_half", "helm_memory_inner_product_16", "helm_memory_l2_16"] {
        assert!(is_searched(&database, index).await, "{index}");
    }
}

/// An index that gives up early answers with too few rows; those that it does not know yet must not hide that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_an_index_does_not_know_do_not_stand_for_those_it_missed() {
    let Some(database) = Database::create("rows_that_an_index_does_not_know").await else { return };
    database
        .run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET hnsw.max_scan_tuples = 1', current_database()); END $$")
        .await;
    let store =
        PostgresStore::open(PostgresOptions::new(database.url()).with_index_after(1_000)).await.unwrap();
    let (t, ana, truth) = (tenant("t"), user("ana"), MemoryStore::new());
    let at = |angle: f32| vec![angle.cos(), angle.sin()];
    // Far from what is asked for, and among many others.
    let rare = |index: u32| match index % 150 {
        0 => memory("c", index, at(1.0 + index as f32 * 1e-5), json!({ "rare": true })),
        _ => memory("c", index, at(index as f32 * 1e-4), json!({})),
    };
    let old: Vec<_> = (0..3_000).map(rare).collect();
    // Farther still.
    let new: Vec<_> =
        (3_000..3_020).map(|index| memory("c", index, at(2.0), json!({ "rare": true }))).collect();
    for memories in [&old, &new] {
        store.upsert(&t, &ana, memories).await.unwrap();
        truth.upsert(&t, &ana, memories).await.unwrap();
        if memories.len() == 3_000 {
            assert_eq!(store.build_indexes().await.unwrap(), 3_000);
        }
    }
    let rare = Selection::of_everyone("c").with_filter(Filter::equals("rare", true));
    let query = VectorQuery::new(rare, at(0.0), 10);
    assert_eq!(store.search(&t, &query).await.unwrap(), truth.search(&t, &query).await.unwrap());
    store.close().await;
    assert!(is_searched(&database, "helm_memory_cosine_2").await, "the test is about the index");
}

/// Whether some session waits to build an index.
async fn is_building(connection: &mut PgConnection) -> bool {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
             AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND state = 'active')",
    );
    row.fetch_one(connection).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_ends_the_building_of_an_index_at_once() {
    let Some(database) = Database::create("closing_ends_the_building_of_an_index").await else { return };
    let store = PostgresStore::open(PostgresOptions::new(database.url()).with_index_after(10)).await.unwrap();
    fill(&store, &tenant("t"), Metric::Cosine, 0, 100).await;
    // Building waits for whoever is writing.
    let mut writer = PgConnection::connect(&database.url()).await.unwrap();
    let mut writing = writer.begin().await.unwrap();
    sqlx::query("UPDATE helm_memory SET text = text").execute(&mut *writing).await.unwrap();
    let mut watcher = PgConnection::connect(&database.url()).await.unwrap();
    let closing = async {
        while !is_building(&mut watcher).await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        store.close().await;
    };
    let both = async { futures::join!(store.build_indexes(), closing) };
    let (built, ()) = tokio::time::timeout(std::time::Duration::from_secs(30), both).await.unwrap();
    assert_eq!(built.unwrap_err().kind(), helm_store::ErrorKind::Unavailable);
    let begun = std::time::Instant::now();
    while is_building(&mut watcher).await {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "the server goes on by itself");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    writing.rollback().await.unwrap();
    writer.close().await.unwrap();
    watcher.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_was_not_finished_is_built_again() {
    let Some(database) = Database::create("an_index_that_was_not_finished").await else { return };
    let options = PostgresOptions::new(database.url()).with_index_after(10);
    let store = PostgresStore::open(options).await.unwrap();
    let (t, metric) = (tenant("t"), Metric::Cosine);
    fill(&store, &t, metric, 0, 100).await;
    assert_eq!(store.build_indexes().await.unwrap(), 100);
    let wanted = VectorQuery::new(Selection::of_everyone("cosine"), embedding(3), 5);
    let before = store.search(&t, &wanted).await.unwrap();
    database
        .damage("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'helm_memory_cosine_16'::regclass")
        .await;
    assert_eq!(store.search(&t, &wanted).await.unwrap(), before, "without it every row is read");
    fill(&store, &t, metric, 100, 150).await;
    assert_eq!(store.build_indexes().await.unwrap(), 150);
    let all = VectorQuery::new(wanted.selection, wanted.embedding, 200);
    assert_eq!(store.search(&t, &all).await.unwrap().len(), 150);
    store.close().await;
}
