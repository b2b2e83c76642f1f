//! Moving an installation from a file to a database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Decision, DecisionId, Feedback, Fixed, Layout, PolicyHash, Scope, Stats, Timestamp, UserId};
use helm_store::conformance::{MeanSettle, deadline, decision, feedback, tenant, turn};
use helm_store::copy::{CopiedTable, copy};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore};
use helm_store::{
    BanditStore, Case, Collection, ConversationStore, ErrorKind, Filter, InteractionLog, JobQueue, KeyHash,
    LogQuery, Memory, MemoryId, Metric, NewJob, PreferenceChange, PriorDocument, Retention, Selection,
    Settle, SettleError, Settlement, StateQuery, Store, StoredKey, TurnRecord, VectorQuery, VectorStore,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::services::Database;

const TURNS: u64 = 2_500;

const MEMORIES: u32 = 1_200;

/// 2026-01-15.
const JANUARY: i64 = 1_768_435_200_000_000;

const DAY: i64 = 86_400_000_000;

/// Turns begin one after the other: one in 1970, before any Helm, one in 2025, the others from January to April 2026.
fn moment(number: u64) -> Timestamp {
    match number {
        1 => Timestamp::from_micros(1_000_000),
        2 => Timestamp::from_micros(JANUARY - 300 * DAY),
        number => Timestamp::from_micros(JANUARY + DAY / 25 * i64::try_from(number).unwrap()),
    }
}

/// As [`DecisionId::generate`] makes it at that moment, but always the same.
fn id(number: u64) -> DecisionId {
    let millis = u128::try_from(moment(number).as_micros() / 1_000).unwrap();
    DecisionId::from_bytes((millis << 80 | 0x7 << 76 | 0x8 << 60 | u128::from(number)).to_be_bytes())
}

fn dated(number: u64) -> Decision {
    Decision { id: id(number), at: moment(number), ..decision(number) }
}

fn dated_turn(number: u64) -> TurnRecord {
    TurnRecord { id: id(number), began: moment(number), ..turn(number) }
}

/// The settlement of the laws, with a row of packed sums for the learner of features.
struct Linear;

impl Settle for Linear {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let mut settlement = MeanSettle.settle(case)?;
        if let Some(row) = settlement.contribution.first().cloned() {
            let stats = Stats {
                count: 1,
                reward: Fixed::from_bits(-7),
                packed: vec![i128::from(i64::MAX) * 1_000, -1, 0],
                ..Stats::default()
            };
            let scope = Scope::Segment("new".parse()?);
            let layout = Layout::from_number(0x0301);
            settlement.contribution.push(helm_core::StatsRow { scope, layout, stats, ..row });
        }
        Ok(settlement)
    }
}

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

/// A file with something in every table.
async fn filled(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(SqliteOptions::new(path)).await.unwrap();
    fill_log(&store).await;
    fill_jobs(&store).await;
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
    for (id, expires) in [("hk_1", None), ("hk_2", Some(moment(7)))] {
        assert!(store.api_keys().add(&key(id, expires)).await.unwrap());
    }
    store
}

fn key(id: &str, expires: Option<Timestamp>) -> StoredKey {
    StoredKey {
        tenant: tenant("t"),
        id: id.to_owned(),
        name: "shop ü".to_owned(),
        role: "chat".to_owned(),
        hash: KeyHash([7; 32]),
        created: moment(5),
        expires,
        used: expires,
    }
}

/// Turns with and without an end, judged and not, with messages; some have left the log.
async fn fill_log(store: &SqliteStore) {
    let settle: Arc<Linear> = Arc::new(Linear);
    for number in 0..TURNS {
        store.log_decision(&dated(number), deadline()).await.unwrap();
        if number % 10 != 0 {
            let mut turn = dated_turn(number);
            if number % 4 == 0 {
                turn.conversation = Some("c".parse().unwrap());
                turn.messages = vec![helm_core::Message::text(helm_core::Role::User, "q ü")];
            }
            store.commit_turn(turn, settle.clone()).await.unwrap();
        }
        if number % 3 == 0 {
            let mut said: Feedback = feedback(number, "user", 0.125 + (number % 7) as f64 / 8.0 * 0.5);
            said.decision = id(number);
            store.record_feedback(&tenant("t"), &said, deadline(), settle.clone()).await.unwrap();
        }
    }
    // Some of what was said came to something.
    let (user, c) = (dated(124).context.user, "c".parse().unwrap());
    let summary = helm_store::Summary { text: "ü".to_owned(), covers: id(124), at: moment(125) };
    assert!(store.set_summary(&tenant("t"), &user, &c, &summary).await.unwrap());
    // The first draw of a user stays.
    let retention = Retention::before(moment(100));
    let retained = store.retain(&tenant("t"), &retention, &mut |_| {}).await.unwrap();
    assert!(retained.turns > 50 && retained.kept > 0, "{retained:?}");
    let body = serde_json::json!({"variance": [0.25, -0.0]});
    let prior = PriorDocument { policy: PolicyHash::of("auto"), revision: 1, body };
    assert!(store.put_prior(&tenant("t"), &decision(0).context.task, &prior).await.unwrap());
}

/// Jobs that wait, are held, and are dead.
async fn fill_jobs(store: &SqliteStore) {
    let job = |number: u32, max_attempts| NewJob {
        kind: "k".to_owned(),
        dedupe: format!("d{number}"),
        body: serde_json::json!({ "n": number, "β": "\u{1}" }),
        run_at: Timestamp::from_micros(number.into()),
        max_attempts,
    };
    store.enqueue(&tenant("t"), &[job(1, 1), job(2, 5), job(3, 5)]).await.unwrap();
    let (now, lease) = (Timestamp::from_micros(2), Duration::from_secs(60));
    let held = store.claim(now, lease, 9, &["k"]).await.unwrap();
    assert_eq!(held.len(), 2);
    assert!(store.fail(held.first().unwrap(), "ü went wrong", now).await.unwrap());
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.leased, counts.dead), (1, 1));
}

/// What is told of every job, in order.
async fn jobs(file: &Path, database: &Database) -> [Vec<Vec<String>>; 2] {
    const JOBS: &str = "SELECT tenant, kind, dedupe, CAST(attempts AS TEXT), CAST(max_attempts AS TEXT),
        CAST(lease AS TEXT), CAST(body AS TEXT), coalesce(last_error, '-'), DEAD, RUN, UNTIL FROM helm_job ORDER BY id";
    let place = |dead: &str, run: &str, until: &str| {
        AssertSqlSafe(JOBS.replace("DEAD", dead).replace("RUN", run).replace("UNTIL", until))
    };
    let micros = |column: &str| format!("((extract(epoch FROM {column}) * 1000000)::bigint)::text");
    let mut file = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let here = place("CAST(dead AS TEXT)", "CAST(run_at AS TEXT)", "CAST(lease_until AS TEXT)");
    let here = sqlx::query(here).fetch_all(&mut file).await.unwrap();
    let mut there = PgConnection::connect(&database.url()).await.unwrap();
    let sql = place("dead::int::text", &micros("run_at"), &micros("lease_until"));
    let there = sqlx::query(sql).fetch_all(&mut there).await.unwrap();
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        here.iter().map(|row| (0..11).map(|column| text(row.get(column))).collect()).collect(),
        there.iter().map(|row| (0..11).map(|column| text(row.get(column))).collect()).collect(),
    ]
}

/// The first column.
async fn names(database: &Database, sql: &'static str) -> Vec<String> {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn copied_names(copied: &[CopiedTable]) -> Vec<&'static str> {
    let mut names: Vec<_> = copied.iter().map(|table| table.table).collect();
    names.sort_unstable();
    names
}

/// The tables whose rows are the installation.
async fn tables(database: &Database) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition AND relname NOT IN ('helm_health', 'helm_migration') ORDER BY 1";
    names(database, sql).await
}

async fn finds_the_same(file: &SqliteStore, there: &PostgresStore) {
    let t = tenant("t");
    for name in ["angles", "distances"] {
        let some = Filter::number("n", 100.0..) & !Filter::equals("n", 777);
        let query =
            VectorQuery::new(Selection::of_everyone(name), vec![1.0, 40.0, 0.0], 50).with_filter(some);
        let (mine, theirs) =
            (file.search(&t, &query).await.unwrap(), there.search(&t, &query).await.unwrap());
        assert_eq!((mine.len(), &mine), (50, &theirs), "{name}");
    }
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
    assert!(copied.iter().all(|table| table.rows == table.copied && table.rows > 0), "{copied:?}");
    let rows = |name: &str| copied.iter().find(|table| table.table == name).unwrap().rows;
    let gone = TURNS - rows("helm_decision");
    assert_eq!(rows("helm_turn"), TURNS - TURNS / 10 - gone);
    assert_eq!((rows("helm_collection"), rows("helm_memory")), (3, 2 * u64::from(MEMORIES)));
    assert_eq!(rows("helm_preference"), 1);
    assert_eq!(copied_names(&copied), tables(&database).await, "no table is forgotten");

    let there = PostgresStore::open(to.clone()).await.unwrap();
    let task = decision(0).context.task;
    let t = tenant("t");
    for query in [
        StateQuery::default().with_policy(PolicyHash::of("auto")),
        StateQuery::default().with_user(decision(1).context.user),
        StateQuery::default().with_segment("new".parse().unwrap()),
    ] {
        let (mine, theirs) = (file.load(&t, &task, &query).await.unwrap(), there.bandits());
        assert_eq!(mine, theirs.load(&t, &task, &query).await.unwrap());
        assert_eq!(mine.prior.is_some(), query.policy.is_some());
    }
    let checkpoint = file.checkpoint(&t, &task).await.unwrap();
    assert!(checkpoint.iter().any(|row| !row.stats.packed.is_empty()));
    assert_eq!(checkpoint, there.checkpoint(&t, &task).await.unwrap());
    assert_eq!(
        file.strategy_totals(&t, &task).await.unwrap(),
        there.strategy_totals(&t, &task).await.unwrap()
    );
    let audit = there.bandits().audit(&t, &task).await.unwrap();
    assert!(audit.mismatches.is_empty() && audit.decisions > 0);
    let keys = there.api_keys().all().await.unwrap();
    assert_eq!(keys, [key("hk_1", None), key("hk_2", Some(moment(7)))]);
    let [here, of_database] = jobs(&path, &database).await;
    assert_eq!(here, of_database);
    assert_eq!(file.collections(&t).await.unwrap(), there.collections(&t).await.unwrap());
    finds_the_same(&file, &there).await;
    let (user, conversation) = (decision(4).context.user, "c".parse().unwrap());
    let said = file.conversations().recent(&t, &user, &conversation, 9).await.unwrap();
    assert!(!said.is_empty());
    assert_eq!(said, there.conversations().recent(&t, &user, &conversation, 9).await.unwrap());
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

/// Each month is a partition by the end of the copy; only what is older than Helm has none.
#[tokio::test]
async fn copied_turns_are_kept_by_month() {
    let Some(database) = Database::create("copied_turns_are_kept_by_month").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let file = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    for number in 1..TURNS {
        let mut turn = dated_turn(number);
        turn.input.truncate(1);
        file.commit_turn(turn, Arc::new(MeanSettle)).await.unwrap();
    }
    file.close().await;
    copy(&SqliteOptions::new(&path), &PostgresOptions::new(database.url()), &mut |_, _, _| {}).await.unwrap();
    let places = names(&database, "SELECT DISTINCT tableoid::regclass::text FROM helm_turn ORDER BY 1").await;
    let months = ["202503", "202601", "202602", "202603", "202604", "rest"];
    assert_eq!(places, months.map(|month| format!("helm_turn_{month}")));
    assert_eq!(names(&database, "SELECT count(*)::text FROM helm_turn_rest").await, ["1"]);
}

/// The file may take its time: nothing is sent meanwhile.
#[tokio::test]
async fn a_slow_copy_is_not_cut_off() {
    let Some(database) = Database::create("a_slow_copy_is_not_cut_off").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let file = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    file.log_decision(&dated(3), deadline()).await.unwrap();
    file.close().await;
    let to = PostgresOptions::new(database.url()).with_idle_timeout(Duration::from_millis(200));
    let mut slow = |_: &str, _, _| std::thread::sleep(Duration::from_millis(280));
    copy(&SqliteOptions::new(&path), &to, &mut slow).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let Some(database) = Database::create("a_copy_that_fails").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let file = filled(&path).await;
    // A text that PostgreSQL cannot store.
    let mut bad = dated_turn(TURNS + 1);
    bad.input = "nul\0".to_owned();
    file.log_decision(&dated(TURNS + 1), deadline()).await.unwrap();
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
    file.log_decision(&dated(TURNS + 2), deadline()).await.unwrap();
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
