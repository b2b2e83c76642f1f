//! Every backend keeps every law, under many threads, `kill -9` and racing migrations.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::StreamExt;
use helm_core::{Stats, Timestamp, UnitInterval};
use helm_store::conformance::{
    MeanSettle, deadline, decision, decision_id, feedback, run_all, run_shared, tenant, turn,
};
use helm_store::memory::MemoryStore;
use helm_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use helm_store::{
    ErrorKind, JobState, LogQuery, Memory, MemoryId, NewJob, Selection, StateQuery, Store, TURN_DEADLINE,
    VectorQuery,
};
use proptest::prelude::*;

#[cfg(feature = "postgres")]
#[path = "backends/copy.rs"]
mod copy;
#[cfg(feature = "postgres")]
#[path = "backends/months.rs"]
mod months;
#[cfg(feature = "postgres")]
#[path = "backends/postgres.rs"]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "backends/services.rs"]
mod services;
#[path = "backends/upgrade.rs"]
mod upgrade;
#[cfg(feature = "postgres")]
#[path = "backends/vectors.rs"]
mod vectors;

async fn sqlite(path: impl Into<PathBuf>) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(SqliteOptions::new(path)).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_laws() {
    run_all(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    run_all(|| {
        number += 1;
        sqlite(folder.path().join(format!("{number}.db")))
    })
    .await;
}

/// Every search goes through a shard, however few the memories; or wants to, and there is no room for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_with_and_without_shards_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    for shard_bytes in [1 << 20, 20_000, 0] {
        run_all(|| {
            number += 1;
            sharded(folder.path().join(format!("{number}.db")), shard_bytes)
        })
        .await;
    }
}

async fn sharded(path: impl Into<PathBuf>, shard_bytes: usize) -> Arc<dyn Store> {
    let options = SqliteOptions::new(path).with_synchronous(Synchronous::Normal);
    let options = options.with_shard_after(0).with_shard_bytes(shard_bytes);
    Arc::new(SqliteStore::open(options).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_with_shards_of_one_file_keep_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    run_shared(|| {
        number += 1;
        let path = folder.path().join(format!("{number}.db"));
        async move { (sharded(&path, 1 << 20).await, sharded(&path, 1 << 20).await) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_memory_keep_the_laws() {
    run_shared(async || {
        let store = MemoryStore::new();
        (Arc::new(store.clone()) as Arc<dyn Store>, Arc::new(store) as Arc<dyn Store>)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_file_keep_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    run_shared(|| {
        number += 1;
        let path = folder.path().join(format!("{number}.db"));
        async move { (sqlite(&path).await, sqlite(&path).await) }
    })
    .await;
}

/// A backend that is added to the crate must be added to this file.
#[test]
fn no_backend_is_missing_here() {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let public = source.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let backends: Vec<_> =
        public.filter(|module| !["conformance", "copy", "export"].contains(module)).collect();
    assert_eq!(backends, ["memory", "postgres", "sqlite"]);
}

const SENDERS: u64 = 8;
const REWARDS: u64 = 5_000;
/// Judged again and again, so that most judgements are corrections or duplicates of earlier ones.
const DECISIONS_EACH: u64 = 250;

/// Judgement number `step` of a sender.
fn judgement(sender: u64, step: u64) -> (u64, f64) {
    let number = sender * DECISIONS_EACH + step % DECISIONS_EACH;
    // Every third round repeats the round before it.
    let round = step / DECISIONS_EACH;
    let round = round - u64::from(round % 3 == 2);
    (number, ((number * 7 + round * 13) % 101) as f64 / 100.0)
}

/// Eight threads with 5,000 judgements each leave exactly the state of a sequential replay.
async fn many_threads(store: Arc<dyn Store>) {
    let log = (0..SENDERS * DECISIONS_EACH).map(|number| {
        let store = &store;
        async move { store.log_decision(&decision(number), deadline()).await.unwrap() }
    });
    futures::stream::iter(log).buffer_unordered(64).collect::<Vec<_>>().await;
    let threads: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (store, runtime) = (Arc::clone(&store), tokio::runtime::Handle::current());
            std::thread::spawn(move || {
                runtime.block_on(async {
                    // A round is sent at once, and the next one after it.
                    for round in 0..REWARDS / DECISIONS_EACH {
                        let steps = round * DECISIONS_EACH..(round + 1) * DECISIONS_EACH;
                        let sent = steps.map(|step| {
                            let ((number, value), store) = (judgement(sender, step), &store);
                            async move {
                                let (said, at) = (feedback(number, "user", value), Timestamp::from_micros(1));
                                store
                                    .record_feedback(&tenant("t"), &said, at, Arc::new(MeanSettle))
                                    .await
                                    .unwrap()
                            }
                        });
                        futures::stream::iter(sent).buffer_unordered(64).collect::<Vec<_>>().await;
                    }
                });
            })
        })
        .collect();
    tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| thread.join().unwrap()))
        .await
        .unwrap();

    let mut expected: BTreeMap<_, Stats> = BTreeMap::new();
    for sender in 0..SENDERS {
        for step in REWARDS - DECISIONS_EACH..REWARDS {
            let (number, value) = judgement(sender, step);
            let sum = expected.entry(decision(number).strategy).or_default();
            *sum = sum.checked_add(&Stats::of_reward(UnitInterval::new(value).unwrap())).unwrap();
        }
    }
    let task = decision(0).context.task;
    let state = store.bandits().load(&tenant("t"), &task, &StateQuery::default()).await.unwrap();
    let found: BTreeMap<_, _> = state.rows.into_iter().map(|row| (row.strategy, row.stats)).collect();
    assert_eq!(found, expected, "bit for bit");
    let audit = store.bandits().audit(&tenant("t"), &task).await.unwrap();
    assert_eq!((audit.decisions, audit.mismatches.len()), (SENDERS * DECISIONS_EACH, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_threads_leave_the_state_of_a_replay_in_memory() {
    many_threads(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_threads_leave_the_state_of_a_replay_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    many_threads(sqlite(folder.path().join("helm.db")).await).await;
}

const WRITER: &str = "HELM_TEST_WRITER";

/// Not a test of its own: what the test below runs in another process, and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_for_another_test() {
    let Ok(place) = std::env::var(WRITER) else { return };
    let store = match place.as_str() {
        #[cfg(feature = "postgres")]
        url if url.starts_with("postgres://") => postgres::opened(url).await,
        path => sqlite(path).await,
    };
    let begin = u64::from(std::process::id()) << 32;
    let writes = (begin..).map(|number| {
        let store = &store;
        async move {
            store.log_decision(&decision(number), deadline()).await.unwrap();
            store.commit_turn(turn(number), Arc::new(MeanSettle)).await.unwrap();
            for value in [0.25, 0.75] {
                let (said, at) = (feedback(number, "user", value), Timestamp::from_micros(1));
                store.record_feedback(&tenant("t"), &said, at, Arc::new(MeanSettle)).await.unwrap();
            }
            number
        }
    });
    let mut writes = futures::stream::iter(writes).buffer_unordered(32);
    while let Some(number) = writes.next().await {
        // To the parent: this one was acknowledged.
        use std::io::Write;
        writeln!(std::io::stderr(), "acknowledged {number}").unwrap();
    }
}

/// Lets a writer acknowledge some rewards and kills it; what was acknowledged.
fn kill_a_writer(place: &str) -> Vec<u64> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_writer_for_another_test", "--nocapture"])
        .env(WRITER, place)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(writer.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        acknowledged.extend(line.strip_prefix("acknowledged ").and_then(|number| number.parse::<u64>().ok()));
        if acknowledged.len() == 400 {
            // SIGKILL on Unix. What is already in the pipe is read on.
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();
    acknowledged
}

/// Kills three writers one after the other; what they acknowledged is there, once.
async fn killed_writers(place: &str, open: impl AsyncFn() -> Arc<dyn Store>) {
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let place = place.to_owned();
        acknowledged.extend(tokio::task::spawn_blocking(move || kill_a_writer(&place)).await.unwrap());
    }
    assert!(acknowledged.len() >= 1_200);
    let store = open().await;
    for number in &acknowledged {
        let view = store.log().turn(&tenant("t"), decision_id(*number)).await.unwrap();
        assert!(view.is_some(), "decision {number} was acknowledged and is missing");
        let view = view.unwrap();
        assert_eq!(view.reward.map(|reward| reward.value.get()), Some(0.75));
        assert_eq!(view.outcome, Some(turn(*number).outcome));
    }
    let task = decision(0).context.task;
    let audit = store.bandits().audit(&tenant("t"), &task).await.unwrap();
    assert!(audit.mismatches.is_empty() && audit.decisions >= acknowledged.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_a_writer_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    killed_writers(path.to_str().unwrap(), async || sqlite(&path).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_openers_migrate_one_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let stores = futures::future::join_all((0..8).map(|_| sqlite(path.clone()))).await;
    for store in stores {
        assert_eq!(store.health().await.unwrap().schema, 11);
        assert!(store.migrate().await.unwrap().applied.is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.txt");
    std::fs::write(&file, "this is not a database, and long enough to be told from one".repeat(20)).unwrap();
    let open = async |options: SqliteOptions| SqliteStore::open(options).await.err().unwrap();
    let error = open(SqliteOptions::new(&file)).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("note.txt"), "{error}");
    let error = open(SqliteOptions::new(folder.path().join("no/such/folder.db"))).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = open(SqliteOptions::new(folder.path())).await;
    assert!(error.to_string().contains("is a folder"), "{error}");
    let error = open(SqliteOptions::new(folder.path().join("missing.db")).must_exist()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let outdated = SqliteOptions::new(folder.path().join("new.db")).without_migration();
    let error = open(outdated).await;
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("helmctl migrate"), "{error}");
}

#[tokio::test]
async fn a_closed_store_refuses_and_a_full_queue_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        SqliteOptions::new(folder.path().join("helm.db")).with_synchronous(Synchronous::Normal).with_queue(1);
    let store = SqliteStore::open(options).await.unwrap();
    let writes = (0..50).map(|number| {
        let store = &store;
        async move { store.log_decision(&decision(number), deadline()).await }
    });
    let written = futures::future::join_all(writes).await;
    let refused = written.into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::Overloaded && error.is_retryable()));
    assert!(!refused.is_empty());
    store.close().await;
    let error = store.log_decision(&decision(99), deadline()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Changes a file behind the store's back.
async fn damage(path: &Path, sql: &'static str) {
    use sqlx::{Connection, Executor};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    assert!(connection.execute(sql).await.unwrap().rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}

/// A store with one judged turn.
async fn used(path: &Path) -> Arc<dyn Store> {
    let store = sqlite(path).await;
    store.log_decision(&decision(1), deadline()).await.unwrap();
    let mut turn = turn(1);
    turn.memories = vec![Memory {
        id: MemoryId { turn: turn.id, index: 0 },
        collection: "m".to_owned(),
        text: "likes tea".to_owned(),
        embedding: vec![1.0, 0.5],
        metadata: serde_json::Value::Null,
        at: turn.began,
    }];
    store.commit_turn(turn, Arc::new(MeanSettle)).await.unwrap();
    store
}

#[tokio::test]
async fn an_audit_finds_a_damaged_row() {
    let folder = tempfile::tempdir().unwrap();
    let (path, task) = (folder.path().join("helm.db"), decision(1).context.task);
    let store = used(&path).await;
    let audit = store.bandits().audit(&tenant("t"), &task).await.unwrap();
    assert_eq!((audit.decisions, audit.rows, audit.mismatches.len()), (1, 2, 0));
    damage(&path, "UPDATE helm_stats SET reward = reward + 1 WHERE scope = 'user'").await;
    let audit = store.bandits().audit(&tenant("t"), &task).await.unwrap();
    let found = &audit.mismatches[0];
    assert_eq!((audit.mismatches.len(), found.found.count), (1, 1));
    assert_eq!(found.found.reward.to_bits(), found.expected.stats.reward.to_bits() + 1);
    damage(&path, "DELETE FROM helm_stats WHERE scope = 'task'").await;
    let audit = store.bandits().audit(&tenant("t"), &task).await.unwrap();
    assert_eq!(audit.mismatches.len(), 2, "a missing row differs too");
}

#[tokio::test]
async fn a_change_behind_the_stores_back_is_seen_by_the_next_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    drop(used(&path).await);
    let store = sharded(&path, 1 << 20).await;
    let query = VectorQuery::new(Selection::of_everyone("m"), vec![1.0, 0.5], 9);
    let texts = async || {
        let hits = store.vectors().search(&tenant("t"), &query).await.unwrap();
        hits.into_iter().map(|hit| hit.memory.text).collect::<Vec<_>>()
    };
    assert_eq!(texts().await, ["likes tea"]);
    damage(
        &path,
        "INSERT INTO helm_memory SELECT tenant, 'bo', collection, turn, number, 'likes milk', embedding, metadata, at
         FROM helm_memory",
    )
    .await;
    assert_eq!(texts().await, ["likes milk", "likes tea"]);
    damage(&path, "UPDATE helm_memory SET text = 'likes soup' WHERE user_id = 'bo'").await;
    assert_eq!(texts().await, ["likes soup", "likes tea"]);
    damage(&path, "DELETE FROM helm_memory WHERE user_id <> 'bo'").await;
    assert_eq!(texts().await, ["likes soup"]);
    damage(&path, "UPDATE helm_memory SET embedding = x'01020304'").await;
    let error = store.vectors().search(&tenant("t"), &query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn what_was_cut_short_on_the_disk_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let store = used(&path).await;
    damage(&path, "UPDATE helm_stats SET packed = x'0102'").await;
    damage(&path, "UPDATE helm_memory SET embedding = x'010203'").await;
    let (t, context) = (tenant("t"), decision(1).context);
    let state = store.bandits().load(&t, &context.task, &StateQuery::default()).await;
    assert_eq!(state.unwrap_err().kind(), ErrorKind::Corrupt);
    let query = VectorQuery::new(Selection::of_user(context.user, "m"), vec![1.0, 0.5], 1);
    let found = store.vectors().search(&t, &query).await;
    assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn what_a_newer_build_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (number, sql) in [
        "UPDATE helm_decision SET format = 2",
        "UPDATE helm_turn SET format = 2",
        "UPDATE helm_reward SET format = 2",
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.db"));
        let store = used(&path).await;
        damage(&path, sql).await;
        let error = store.log().turn(&tenant("t"), decision_id(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{sql}");
        assert!(error.to_string().contains("upgrade helm"), "{error}");
        let (t, said) = (tenant("t"), feedback(1, "user", 1.0));
        let settled = store.record_feedback(&t, &said, Timestamp::from_micros(1), Arc::new(MeanSettle));
        assert_eq!(settled.await.unwrap_err().kind(), ErrorKind::SchemaMismatch, "{sql}");
    }
}

#[tokio::test]
async fn an_unreadable_job_dies_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let store = sqlite(&path).await;
    for number in [1, 2] {
        store.log_decision(&decision(number), Timestamp::from_micros(0)).await.unwrap();
    }
    damage(
        &path,
        "UPDATE helm_open_turn SET tenant = 'not a tenant' WHERE id = (SELECT min(id) FROM helm_open_turn)",
    )
    .await;
    let (now, lease) = (Timestamp::from_micros(1), std::time::Duration::from_secs(60));
    let claimed = store.jobs().claim(now, lease, 10, &[TURN_DEADLINE]).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(store.jobs().release(&claimed[0], now).await.unwrap());
    damage(&path, "UPDATE helm_job SET body = '{' WHERE dead = 0").await;
    assert!(store.jobs().claim(now, lease, 10, &[TURN_DEADLINE]).await.unwrap().is_empty());
    assert_eq!(store.jobs().counts().await.unwrap(), JobState { dead: 2, ..JobState::default() });
    let dead = store.jobs().dead(&tenant("t"), 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].body.as_str()), (1, "{"), "the other one's tenant cannot be read");
    assert!(dead[0].error.as_ref().unwrap().contains("body"), "{dead:?}");
}

/// One call of a mixed load.
#[derive(Clone, Debug)]
enum Step {
    Log(u64),
    Commit(u64),
    Judge { number: u64, source: &'static str, value: u32, key: Option<u32> },
    EndSilence(u64),
    Claim,
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..6_u64;
    prop_oneof![
        number.clone().prop_map(Step::Log),
        number.clone().prop_map(Step::Commit),
        (
            number.clone(),
            prop::sample::select(vec!["user", "reviewer"]),
            0..4_u32,
            prop::option::of(0..4_u32)
        )
            .prop_map(|(number, source, value, key)| Step::Judge { number, source, value, key }),
        number.prop_map(Step::EndSilence),
        Just(Step::Claim),
    ]
}

/// Makes the call; everything that can be seen of its answer.
async fn take(store: &dyn Store, step: &Step, at: Timestamp) -> String {
    let (t, settle) = (tenant("t"), Arc::new(MeanSettle));
    match step {
        Step::Log(number) => seen(store.log_decision(&decision(*number), Timestamp::from_micros(0)).await),
        Step::Commit(number) => {
            let mut turn = turn(*number);
            turn.jobs = vec![NewJob {
                kind: "k".to_owned(),
                dedupe: format!("{number}"),
                body: serde_json::json!(number),
                run_at: Timestamp::from_micros(5),
                max_attempts: 2,
            }];
            seen(store.commit_turn(turn, settle).await)
        }
        Step::Judge { number, source, value, key } => {
            let mut said = feedback(*number, source, f64::from(*value) / 4.0);
            if let Some(key) = key {
                said = said.with_key(format!("k{key}").parse().unwrap());
            }
            seen(store.record_feedback(&t, &said, at, settle).await)
        }
        Step::EndSilence(number) => seen(store.end_silence(&t, decision_id(*number), settle).await),
        Step::Claim => {
            let lease = std::time::Duration::from_micros(3);
            let mut claimed = store.jobs().claim(at, lease, 2, &["k", TURN_DEADLINE]).await.unwrap();
            if let Some(first) = claimed.pop() {
                assert!(store.jobs().fail(&first, "no", at).await.unwrap());
                claimed.push(first);
            }
            let brief = claimed.iter().map(|job| (&job.kind, &job.body, job.attempt));
            format!("{:?} {:?}", brief.collect::<Vec<_>>(), store.jobs().counts().await.unwrap())
        }
    }
}

fn seen<T: std::fmt::Debug>(answer: helm_store::Result<T>) -> String {
    format!("{:?}", answer.map_err(|error| error.kind()))
}

/// Everything that can be read back.
async fn everything(store: &dyn Store) -> String {
    let (t, task) = (tenant("t"), decision(0).context.task);
    let query = StateQuery::default().with_user(decision(1).context.user);
    let rows = store.bandits().load(&t, &task, &query).await.unwrap().rows;
    let totals = store.bandits().strategy_totals(&t, &task).await.unwrap();
    let users = store.bandits().user_totals(&t, &task, None, 100).await.unwrap();
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    assert!(audit.mismatches.is_empty());
    let page = store.log().scan(&t, &LogQuery::default(), None, 4).await.unwrap();
    let dead = store.jobs().dead(&t, 100).await.unwrap();
    format!("{rows:#?} {totals:#?} {users:#?} {audit:#?} {page:#?} {dead:#?}")
}

/// Takes the steps on a store and in memory, and compares every answer and what can be read afterwards.
async fn compare_with_memory(store: &dyn Store, steps: &[Step]) {
    let memory = MemoryStore::new();
    for (number, step) in steps.iter().enumerate() {
        let at = Timestamp::from_micros(i64::try_from(number).unwrap());
        assert_eq!(take(store, step, at).await, take(&memory, step, at).await, "step {number}");
    }
    assert_eq!(everything(store).await, everything(&memory).await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_are_answered_as_memory_answers_them(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let options = SqliteOptions::new(folder.path().join("helm.db"));
            let sqlite = SqliteStore::open(options.with_synchronous(Synchronous::Normal)).await.unwrap();
            compare_with_memory(&sqlite, &steps).await;
            sqlite.close().await;
        });
    }
}

#[tokio::test]
async fn large_writes_are_bounded_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("helm.db")).with_queue_bytes(1 << 20);
    let store = SqliteStore::open(options).await.unwrap();
    let large = |number, bytes| {
        let mut turn = turn(number);
        turn.input = "x".repeat(bytes);
        turn
    };
    let writes = (0..8).map(|number| store.commit_turn(large(number, 300 << 10), Arc::new(MeanSettle)));
    let written = futures::future::join_all(writes).await;
    let refused: Vec<_> = written.iter().filter_map(|written| written.as_ref().err()).collect();
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::Overloaded));
    assert_eq!(refused.len(), 5, "three fit into a mebibyte");
    // What is larger than all of it goes alone.
    store.commit_turn(large(99, 2 << 20), Arc::new(MeanSettle)).await.unwrap();
}

#[tokio::test]
async fn closing_moves_the_log_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let store = sqlite(&path).await;
    store.log_decision(&decision(1), deadline()).await.unwrap();
    store.health().await.unwrap();
    store.close().await;
    let log = std::fs::metadata(folder.path().join("helm.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0, "a copy of the one file is a copy of the store");
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert!(sqlite(copy).await.log().turn(&tenant("t"), decision_id(1)).await.unwrap().is_some());
}

#[test]
fn stores_are_shareable() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Arc<dyn Store>>();
    shareable::<MemoryStore>();
    shareable::<SqliteStore>();
}
