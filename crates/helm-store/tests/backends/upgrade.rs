//! Installations of past versions are opened, migrated, and keep what they hold.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Layout, Scope, Stats, Timestamp};
use helm_store::conformance::{MeanSettle, decision, decision_id, feedback, tenant};
use helm_store::{Selection, StateQuery, Store, VectorQuery};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::sqlite;

/// Five turns that have ended and one that has not, three of them judged, with packed sums, messages, memories, jobs,
/// preferences and a prior.
async fn past(path: &Path) -> Arc<dyn Store> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    file.execute(include_str!("../fixtures/sqlite-v2.sql")).await.unwrap();
    file.close().await.unwrap();
    sqlite(path).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_version_2_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = past(&folder.path().join("helm.db")).await;
    holds_all(&*store, 11).await;
    store.close().await;
}

/// What the fixtures hold.
pub(super) async fn holds_all(store: &dyn Store, schema: u32) {
    assert_eq!(store.health().await.unwrap().schema, schema);
    holds_the_log(store).await;
    holds_the_state(store).await;
    let t = tenant("t");
    let (user, conversation) = (decision(1).context.user, "c".parse().unwrap());
    assert_eq!(store.conversations().recent(&t, &user, &conversation, 9).await.unwrap().len(), 2);
    let preferences = store.preferences().get(&t, &user).await.unwrap();
    assert_eq!(preferences.values.get("tone"), Some(&"short".into()));
    let query = VectorQuery::new(Selection::of_user(user, "facts"), vec![1.0, 1.0], 9);
    let found = store.vectors().search(&t, &query).await.unwrap();
    assert_eq!(found.first().unwrap().memory.text, "fact 1");
    let due = Timestamp::from_micros(i64::MAX / 4);
    let jobs = store.jobs().claim(due, Duration::from_secs(1), 9, &["k", "turn_deadline"]).await.unwrap();
    assert_eq!(jobs.len(), 6, "five follow-ups and one deadline");
}

async fn holds_the_log(store: &dyn Store) {
    let rewards = [Some(0.0), Some(0.25), Some(0.5), Some(0.5), Some(0.5), None];
    for (number, expected) in (0..).zip(rewards) {
        let view = store.log().turn(&tenant("t"), decision_id(number)).await.unwrap().unwrap();
        assert_eq!(view.decision.unwrap().strategy, decision(number).strategy);
        assert_eq!(view.reward.map(|reward| reward.value.get()), expected);
        assert_eq!(view.outcome.is_some(), number != 5);
        assert_eq!(view.feedback.len(), usize::from(number < 3));
    }
}

async fn holds_the_state(store: &dyn Store) {
    let (t, task, settle) = (tenant("t"), decision(0).context.task, Arc::new(MeanSettle));
    let query = StateQuery::default().with_policy(decision(0).policy_hash);
    let state = store.bandits().load(&t, &task, &query).await.unwrap();
    assert_eq!(state.prior.unwrap().revision, 2);
    let of = |layout| {
        let row = state.rows.iter().find(|row| {
            row.scope == Scope::Task && row.strategy == decision(0).strategy && row.layout == layout
        });
        row.unwrap().stats.clone()
    };
    let Stats { count, turns, tokens, .. } = of(Layout::NONE);
    assert_eq!((count, turns, tokens), (2, 2, 204));
    let packed = of(Layout::from_number(769));
    assert_eq!((packed.turns, packed.packed), (0, vec![2 * (i128::from(i64::MAX) * 1_000 + 7), -2, 0]));
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    assert_eq!((audit.decisions, audit.mismatches), (5, vec![]));
    // And what is written now goes on from there.
    let said = feedback(4, "user", 1.0);
    store.record_feedback(&t, &said, Timestamp::from_micros(9), settle.clone()).await.unwrap();
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    assert!(audit.mismatches.is_empty(), "{audit:?}");
    store.resettle(&t, decision_id(3), settle).await.unwrap();
    assert!(store.bandits().audit(&t, &task).await.unwrap().mismatches.is_empty());
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_version_1_keeps_its_rows() {
    use crate::services::Database;
    let Some(database) = Database::create("a_database_of_version_1_keeps_its_rows").await else { return };
    let mut connection = sqlx::PgConnection::connect(&database.url()).await.unwrap();
    for sql in [
        include_str!("../../migrations/postgres/0001_first.sql"),
        include_str!("../fixtures/postgres-v1.sql"),
    ] {
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
    let store = crate::postgres::opened(&database.url()).await;
    holds_all(&*store, 9).await;
    store.close().await;
}
