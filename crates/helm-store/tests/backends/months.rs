//! Turns of PostgreSQL by month.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Clock, DecisionId, SystemClock, Timestamp};
use helm_store::conformance::{MeanSettle, tenant, turn};
use helm_store::{Retention, RowQuery, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio_util::sync::CancellationToken;

use super::postgres::opened;
use super::services::Database;

/// The partitions that hold turns, and how many each holds.
async fn filled(database: &Database) -> Vec<(String, i64)> {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let rows = sqlx::query("SELECT tableoid::regclass::text, count(*) FROM helm_turn GROUP BY 1 ORDER BY 1");
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn months(database: &Database) -> Vec<String> {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let rows = sqlx::query(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'helm_turn'::regclass",
    );
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    names.sort();
    names
}

async fn commit(store: &Arc<dyn Store>, number: u64, began: Timestamp) {
    let mut turn = turn(number);
    (turn.id, turn.began) = (DecisionId::generate(began), began);
    store.commit_turn(turn, Arc::new(MeanSettle)).await.unwrap();
}

async fn rows(store: &Arc<dyn Store>) -> usize {
    store.log().rows(&tenant("t"), &RowQuery::default(), None, 100).await.unwrap().items.len()
}

/// The name of the partition of a moment.
fn month(at: Timestamp) -> String {
    format!("helm_turn_{}{}", &at.to_string()[..4], &at.to_string()[5..7])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_are_kept_by_month() {
    let Some(database) = Database::create("turns_are_kept_by_month").await else { return };
    let (store, now) = (opened(&database.url()).await, SystemClock.now());
    let long_ago = Timestamp::from_micros(now.as_micros() - 100 * 86_400_000_000);
    assert_eq!(months(&database).await.len(), 4, "this month, two more and the rest");
    assert_eq!(store.health().await.unwrap().warnings, [""; 0]);
    commit(&store, 1, now).await;
    // Nobody makes months meanwhile.
    let mut maker = PgConnection::connect(&database.url()).await.unwrap();
    maker.execute("SELECT pg_advisory_lock(hashtextextended('helm months', 0))").await.unwrap();
    for number in [2, 3] {
        commit(&store, number, long_ago).await;
    }
    assert_eq!(filled(&database).await, [(month(now), 1), ("helm_turn_rest".to_owned(), 2)]);
    let warnings = store.health().await.unwrap().warnings;
    assert!(warnings.concat().contains("no month's partition"), "{warnings:?}");
    store.close().await;
    maker.close().await.unwrap();

    // The next to open finds them a place.
    let store = opened(&database.url()).await;
    for _ in 0..200 {
        if store.health().await.unwrap().warnings.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(filled(&database).await, [(month(long_ago), 2), (month(now), 1)]);
    assert_eq!(rows(&store).await, 3);

    // A month that nobody needs any more goes as a whole.
    let before = Timestamp::from_micros(now.as_micros() - 40 * 86_400_000_000);
    let retained = store.log().retain(&tenant("t"), &Retention::before(before), &mut |_| {}).await.unwrap();
    assert_eq!((retained.turns, rows(&store).await), (2, 1));
    assert!(!months(&database).await.contains(&month(long_ago)));
    assert!(months(&database).await.contains(&month(now)));
    store.close().await;
}

/// Somebody adds a turn to the rest, and has not committed it when its month is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_takes_what_is_being_written() {
    let Some(database) = Database::create("a_month_takes_what_is_being_written").await else { return };
    let store = opened(&database.url()).await;
    commit(&store, 1, SystemClock.now()).await;
    store.close().await;
    let mut writer = PgConnection::connect(&database.url()).await.unwrap();
    let written = "BEGIN; INSERT INTO helm_turn
        SELECT tenant, helm_first_id('2025-03-04'), user_id, task, conversation, status, input, output, latency_us,
            cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended FROM helm_turn";
    writer.execute(written).await.unwrap();
    let mut maker = PgConnection::connect(&database.url()).await.unwrap();
    let made = async { maker.execute("SELECT helm_make_month('2025-03-01 00:00+00')").await };
    let commit = async {
        let waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'helm_turn'::regclass";
        while writer.fetch_optional(waits).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        writer.execute("COMMIT").await.unwrap();
    };
    let (made, ()) = futures::join!(made, commit);
    made.unwrap();
    assert_eq!(filled(&database).await[0], ("helm_turn_202503".to_owned(), 1));
}

/// Somebody reads the turns over and over while they are moved from the rest to their months.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_turns_that_are_moved() {
    let Some(database) = Database::create("a_reader_sees_turns_that_are_moved").await else { return };
    let store = opened(&database.url()).await;
    commit(&store, 1, SystemClock.now()).await;
    store.close().await;
    let mut maker = PgConnection::connect(&database.url()).await.unwrap();
    let copies = "INSERT INTO helm_turn
        SELECT tenant, helm_first_id(timestamptz '2025-01-02' + n * interval '1 month'), user_id, task, conversation,
            status, input, output, latency_us, cost_nano_usd, input_tokens, output_tokens, format, outcome, digest,
            began, ended FROM helm_turn, generate_series(0, 11) n";
    maker.execute(copies).await.unwrap();
    let reads = async |stop: CancellationToken| {
        let mut reader = PgConnection::connect(&database.url()).await.unwrap();
        let mut seen = BTreeSet::new();
        while !stop.is_cancelled() {
            let row = reader.fetch_one(AssertSqlSafe("SELECT count(*) FROM helm_turn")).await.unwrap();
            seen.insert(row.get::<i64, _>(0));
        }
        seen
    };
    let stop = CancellationToken::new();
    let made = async {
        for month in 1..=12 {
            let make = format!("SELECT helm_make_month('2025-{month:02}-01 00:00+00')");
            maker.execute(AssertSqlSafe(make)).await.unwrap();
        }
        stop.cancel();
    };
    let (one, two, ()) = futures::join!(reads(stop.clone()), reads(stop.clone()), made);
    assert_eq!([one, two], [BTreeSet::from([13]), BTreeSet::from([13])]);
    assert_eq!(filled(&database).await.len(), 13);
}

/// Who may use an installation need not be able to change it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_that_may_not_be_made_are_done_without() {
    let Some(database) = Database::create("months_that_may_not_be_made").await else { return };
    opened(&database.url()).await.close().await;
    let now = SystemClock.now();
    let this_month = month(now);
    let mut owner = PgConnection::connect(&database.url()).await.unwrap();
    owner.execute(AssertSqlSafe(format!("DROP TABLE {this_month}"))).await.unwrap();
    let user = database.user(&mut owner).await;
    let store = opened(&user.url()).await;
    commit(&store, 1, now).await;
    assert_eq!(filled(&database).await, [("helm_turn_rest".to_owned(), 1)]);
    store.close().await;
    user.drop(&mut owner).await;
}
