//! Moving an installation from a file to a database.

use std::path::Path;
use std::sync::Arc;

use helm_core::{Feedback, Timestamp, UserId};
use helm_store::conformance::{MeanSettle, deadline, decision, feedback, tenant, turn};
use helm_store::copy::copy;
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore};
use helm_store::{
    Collection, ErrorKind, Filter, LogQuery, Memory, MemoryId, Metric, NewJob, PreferenceChange, Selection,
    StateQuery, Store, VectorQuery, VectorStore,
};

use crate::services::Database;

const TURNS: u64 = 2_500;

const MEMORIES: u32 = 1_200;

fn memory(collection: &str, index: u32) -> Memory {
    Memory {
        id: MemoryId { turn: decision(1).id, index },
        collection: collection.to_owned(),
        text: format!("memory {index} ü"),
        embedding: vec![1.0, index as f32 / 7.0, -1.5e-7],
        metadata: serde_json::json!({ "n": index, "β\0": [-0.0, 1e18, "\0"] }),
        at: Timestamp::from_micros(index.into()),
    }
}

/// A file with turns, judgements, open decisions, preferences and jobs.
async fn filled(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(SqliteOptions::new(path)).await.unwrap();
    let settle: Arc<MeanSettle> = Arc::new(MeanSettle);
    for number in 0..TURNS {
        store.log_decision(&decision(number), deadline()).await.unwrap();
        if number % 10 != 0 {
            store.commit_turn(turn(number), settle.clone()).await.unwrap();
        }
        if number % 3 == 0 {
            let said: Feedback = feedback(number, "user", 0.125 + (number % 7) as f64 / 8.0 * 0.5);
            store.record_feedback(&tenant("t"), &said, deadline(), settle.clone()).await.unwrap();
        }
    }
    for (owner, collection, metric) in [("ana", "angles", Metric::Cosine), ("bo", "distances", Metric::L2)] {
        let made = Collection::new(collection, 3).with_metric(metric);
        store.create_collection(&tenant("t"), &made).await.unwrap();
        let memories: Vec<_> = (0..MEMORIES).map(|index| memory(collection, index)).collect();
        store.upsert(&tenant("t"), &UserId::new(owner).unwrap(), &memories).await.unwrap();
    }
    let empty = Collection::new("empty", 7).with_metric(Metric::InnerProduct);
    store.create_collection(&tenant("t"), &empty).await.unwrap();
    let set =
        PreferenceChange::Set { name: "tone".to_owned(), value: serde_json::json!({"β": [1.5, null]}) };
    let ana = UserId::new("ana").unwrap();
    store.preferences().apply(&tenant("t"), &ana, &[set], None).await.unwrap();
    store
}

#[tokio::test]
async fn a_copy_is_the_same_installation() {
    let Some(database) = Database::create("a_copy_is_the_same").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let file = filled(&path).await;
    let (from, to) = (SqliteOptions::new(&path), PostgresOptions::new(database.url()));
    let mut told = 0;
    let copied = copy(&from, &to, &mut |_, _, _| told += 1).await.unwrap();
    assert!(told > copied.len(), "progress is told");
    assert!(copied.iter().all(|table| table.rows == table.copied));
    let rows = |name: &str| copied.iter().find(|table| table.table == name).unwrap().rows;
    assert_eq!((rows("helm_decision"), rows("helm_turn")), (TURNS, TURNS - TURNS / 10));
    assert!(rows("helm_job") > 0 && rows("helm_stats") > 0 && rows("helm_preference") == 1);

    let there = PostgresStore::open(to.clone()).await.unwrap();
    let task = decision(0).context.task;
    let t = tenant("t");
    for query in [StateQuery::default(), StateQuery::default().with_user(decision(1).context.user)] {
        let (mine, theirs) = (file.bandits().load(&t, &task, &query).await.unwrap(), there.bandits());
        assert_eq!(mine, theirs.load(&t, &task, &query).await.unwrap());
    }
    let audit = there.bandits().audit(&t, &task).await.unwrap();
    assert!(audit.mismatches.is_empty() && audit.decisions > 0);
    assert_eq!((rows("helm_collection"), rows("helm_memory")), (3, 2 * u64::from(MEMORIES)));
    assert_eq!(file.collections(&t).await.unwrap(), there.collections(&t).await.unwrap());
    for name in ["angles", "distances"] {
        let some = Filter::number("n", 100.0..) & !Filter::equals("n", 777);
        let query =
            VectorQuery::new(Selection::of_everyone(name), vec![1.0, 40.0, 0.0], 50).with_filter(some);
        let (mine, theirs) =
            (file.search(&t, &query).await.unwrap(), there.search(&t, &query).await.unwrap());
        assert_eq!((mine.len(), &mine), (50, &theirs), "{name}");
    }
    let page = |store: Arc<dyn Store>| async move {
        store.log().scan(&tenant("t"), &LogQuery::default(), None, 5_000).await.unwrap()
    };
    let file: Arc<dyn Store> = Arc::new(file);
    let there: Arc<dyn Store> = Arc::new(there);
    assert_eq!(page(Arc::clone(&file)).await, page(Arc::clone(&there)).await);

    let again = copy(&from, &to, &mut |_, _, _| {}).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict, "{again}");
    let job = NewJob {
        kind: "k".to_owned(),
        dedupe: "d".to_owned(),
        body: serde_json::Value::Null,
        run_at: deadline(),
        max_attempts: 1,
    };
    assert_eq!(there.jobs().enqueue(&t, &[job]).await.unwrap(), 1, "new jobs get numbers of their own");
    file.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let Some(database) = Database::create("a_copy_that_fails").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let file = filled(&path).await;
    // A text that PostgreSQL cannot store.
    let mut bad = turn(TURNS + 1);
    bad.input = "nul\0".to_owned();
    file.log_decision(&decision(TURNS + 1), deadline()).await.unwrap();
    file.commit_turn(bad, Arc::new(MeanSettle)).await.unwrap();
    file.close().await;
    let to = PostgresOptions::new(database.url());
    let error = copy(&SqliteOptions::new(&path), &to, &mut |_, _, _| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let there = PostgresStore::open(to).await.unwrap();
    let page = there.log().scan(&tenant("t"), &LogQuery::default(), None, 10).await.unwrap();
    assert!(page.items.is_empty());
    there.close().await;
    // The file can be written to again.
    let file = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    file.log_decision(&decision(TURNS + 2), deadline()).await.unwrap();
    file.close().await;
}

#[tokio::test]
async fn what_is_no_installation_is_refused() {
    let Some(database) = Database::create("what_is_no_installation").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let to = PostgresOptions::new(database.url());
    let missing = SqliteOptions::new(folder.path().join("none.db"));
    let error = copy(&missing, &to, &mut |_, _, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, b"").unwrap();
    let error = copy(&SqliteOptions::new(&empty), &to, &mut |_, _, _| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
}
