//! PostgreSQL keeps every law, and some that only a server can break.

use std::sync::Arc;
use std::time::Duration;

use helm_core::Timestamp;
use helm_store::conformance::{
    LAWS, MeanSettle, SHARED_LAWS, deadline, decision, decision_id, feedback, tenant, turn,
};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::{BanditStore, ErrorKind, Memory, MemoryId, Store, TURN_DEADLINE};
use proptest::prelude::*;
use sqlx::{Connection, Executor, PgConnection, Row};

use super::services::Database;
use super::{compare_with_memory, killed_writers, many_threads, step};

pub(super) async fn opened(url: &str) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(PostgresOptions::new(url)).await.unwrap())
}

async fn postgres(database: &Database) -> Arc<dyn Store> {
    opened(&database.url()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_keeps_the_laws() {
    for (name, law) in LAWS {
        let Some(database) = Database::create("postgres_keeps_the_laws").await else { return };
        let store = postgres(&database).await;
        eprintln!("PostgreSQL: {name}");
        law(Arc::clone(&store)).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_without_pgvector_keeps_the_laws() {
    for (name, law) in LAWS {
        let Some(database) = Database::create_plain("postgres_without_pgvector_keeps_the_laws").await else {
            return;
        };
        let store = postgres(&database).await;
        eprintln!("PostgreSQL without pgvector: {name}");
        law(Arc::clone(&store)).await;
        assert_eq!(store.vectors().build_indexes().await.unwrap(), 0);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_database_keep_the_laws() {
    for (name, law) in SHARED_LAWS {
        let Some(database) = Database::create("two_stores_on_one_database_keep_the_laws").await else {
            return;
        };
        let (one, two) = (postgres(&database).await, postgres(&database).await);
        eprintln!("PostgreSQL: {name}");
        law(Arc::clone(&one), Arc::clone(&two)).await;
        one.close().await;
        two.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_stores_migrate_one_new_database() {
    let Some(database) = Database::create("eight_stores_migrate_one_new_database").await else { return };
    let options = || PostgresOptions::new(database.url()).with_connections(1).with_groups(1);
    let error = PostgresStore::open(options().without_migration()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("helmctl migrate"), "{error}");
    let opened = futures::future::join_all((0..8).map(|_| PostgresStore::open(options()))).await;
    for store in opened {
        let store = store.unwrap();
        let health = store.health().await.unwrap();
        assert_eq!(health.schema, 9);
        assert!(health.detail.contains("PostgreSQL"), "{}", health.detail);
        assert!(store.migrate().await.unwrap().applied.is_empty());
        store.close().await;
    }
    PostgresStore::open(options().without_migration()).await.unwrap().close().await;
    database.damage("UPDATE helm_migration SET checksum = 'x' WHERE version = 2").await;
    assert_eq!(PostgresStore::open(options()).await.err().unwrap().kind(), ErrorKind::SchemaMismatch);
    database.damage("UPDATE helm_migration SET version = 99 WHERE version = 2").await;
    let error = PostgresStore::open(options()).await.err().unwrap();
    assert!(error.to_string().contains("upgrade helm"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let open = async |url: &str| PostgresStore::open(PostgresOptions::new(url)).await.err().unwrap();
    assert_eq!(open("not a url").await.kind(), ErrorKind::Invalid);
    let error = open("postgres://nobody:secret@127.0.0.1:1/nothing").await;
    assert!(error.is_retryable(), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let Some(database) = Database::create("what_cannot_be_opened_says_why").await else { return };
    let error = open(&database.url().replace("helm_test_", "no_such_")).await;
    assert!(error.to_string().contains("no such database"), "{error}");
}

/// A user who may write, but to whom the tables do not belong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_make_partitions_can_open_the_store() {
    let Some(database) = Database::create("a_user_who_may_not_make_partitions").await else { return };
    postgres(&database).await.close().await;
    let name = format!("helm_writer_{}", std::process::id());
    for sql in [
        format!("CREATE USER {name}"),
        format!("GRANT ALL ON SCHEMA public TO {name}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"),
        "DO $$ DECLARE child TEXT; BEGIN
            FOR child IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'helm_turn'::regclass LOOP
                IF child <> 'helm_turn_rest' THEN EXECUTE 'DROP TABLE ' || child; END IF;
            END LOOP; END $$"
            .to_owned(),
    ] {
        database.run(sql).await;
    }
    let opened = PostgresStore::open(PostgresOptions::new(database.url_of(&name))).await;
    if let Ok(store) = &opened {
        store.log_decision(&decision(1), deadline()).await.unwrap();
        store.commit_turn(turn(1), Arc::new(MeanSettle)).await.unwrap();
        assert!(store.log().turn(&tenant("t"), decision_id(1)).await.unwrap().is_some());
        store.close().await;
    }
    database.run(format!("DROP OWNED BY {name}; DROP USER {name}")).await;
    opened.map(drop).unwrap();
}

/// A new database under load: PostgreSQL has looked at no table yet, and plans as if each had a row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_read_in_time_before_anything_was_analysed() {
    let Some(database) = Database::create("users_are_read_in_time_before_anything").await else { return };
    let store = postgres(&database).await;
    database.run("ALTER TABLE helm_stats SET (autovacuum_enabled = false)").await;
    let rows =
        "INSERT INTO helm_stats SELECT 't', 'many', 'user', 'u' || lpad((n / 4)::text, 5, '0'), 's@' || 1 + n % 4,
        0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, NULL FROM generate_series(0, 39999) n";
    database.run(rows).await;
    let (mut users, mut after) = (0, None);
    loop {
        let task = "many".parse().unwrap();
        let page = store.bandits().user_totals(&tenant("t"), &task, after.as_ref(), 4_000).await.unwrap();
        let Some(last) = page.last() else { break };
        assert_eq!(page.len() % 4, 0, "a user is read whole");
        users += page.len() / 4;
        after = Some(last.user.clone());
    }
    assert_eq!(users, 10_000);
    store.close().await;
}

/// A new database under load: as long as nobody looked at its tables, PostgreSQL takes any index that begins with the tenant
/// for as good as the primary key, and looks a decision up among all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_looked_up_by_their_ids_soon_after_the_first() {
    let Some(database) = Database::create("decisions_are_looked_up_by_their_ids").await else { return };
    let store = postgres(&database).await;
    // The server's own upkeep would come along some minutes later.
    for table in ["helm_decision", "helm_reward", "helm_evidence"] {
        database.run(format!("ALTER TABLE {table} SET (autovacuum_enabled = false)")).await;
    }
    let mut asked = PgConnection::connect(&database.url()).await.unwrap();
    let mut number = async |sql: &'static str| -> i64 {
        let row = sqlx::query(sql).fetch_one(&mut asked).await.unwrap();
        row.get(0)
    };
    for number in 1..=60 {
        store.log_decision(&decision(number), deadline()).await.unwrap();
    }
    // Who made a decision remembers it; others look it up, and plan how while there are few.
    let other = postgres(&database).await;
    let settle = async |number: u64| {
        other.commit_turn(turn(number), Arc::new(MeanSettle)).await.unwrap();
        let (said, moment) = (feedback(number, "user", 0.5), Timestamp::from_micros(1));
        other.record_feedback(&tenant("t"), &said, moment, Arc::new(MeanSettle)).await.unwrap();
    };
    for number in 1..=10 {
        settle(number).await;
    }
    const KNOWN: &str = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'helm_decision'::regclass";
    for _ in 0..300 {
        if number(KNOWN).await >= 51 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(number(KNOWN).await >= 51, "nobody looked at the table");
    database
        .run(
            "INSERT INTO helm_decision SELECT k.* FROM (
                SELECT to_jsonb(d) || jsonb_build_object('id', gen_random_uuid()) AS row
                FROM (SELECT * FROM helm_decision LIMIT 1) d, generate_series(1, 5000)) d,
            jsonb_populate_record(NULL::helm_decision, row) k",
        )
        .await;
    // An index that holds all of a tenant's decisions is searched through for each, though it has the id.
    const OTHERS: &str = "SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes
        WHERE relname = 'helm_decision' AND indexrelname <> 'helm_decision_pkey'";
    const KEY: &str = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'helm_decision_pkey'";
    let (others, key) = (number(OTHERS).await, number(KEY).await);
    for number in 11..=30 {
        settle(number).await;
    }
    // What a connection has counted is told when it closes.
    other.close().await;
    store.close().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (others, key) = (number(OTHERS).await - others, number(KEY).await - key);
    assert!(others < 20 && key >= 20, "{others} times by another index, {key} times by the key");
}

/// A store with one judged turn.
async fn used(database: &Database) -> Arc<dyn Store> {
    let store = postgres(database).await;
    store.log_decision(&decision(1), deadline()).await.unwrap();
    let mut turn = turn(1);
    turn.memories = vec![Memory {
        id: MemoryId { turn: turn.id, index: 0 },
        collection: "m".to_owned(),
        text: "likes tea".to_owned(),
        embedding: vec![1.0, 0.5],
        metadata: serde_json::json!({"big": 1e18, "zero": -0.0, "nul": "\0"}),
        at: turn.began,
    }];
    store.commit_turn(turn, Arc::new(MeanSettle)).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_finds_a_damaged_row_and_the_table_refuses_to_go_below_zero() {
    let Some(database) = Database::create("an_audit_finds_a_damaged_row").await else { return };
    let (store, task) = (used(&database).await, decision(1).context.task);
    let t = tenant("t");
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    assert_eq!((audit.decisions, audit.rows, audit.mismatches.len()), (1, 2, 0));
    database.damage("UPDATE helm_stats SET reward = reward + 1 WHERE scope = 'user'").await;
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    let found = &audit.mismatches[0];
    assert_eq!((audit.mismatches.len(), found.found.count), (1, 1));
    assert_eq!(found.found.reward.to_bits(), found.expected.stats.reward.to_bits() + 1);
    // What the decision added has been lost, and can therefore not be taken back.
    database.damage("DELETE FROM helm_stats WHERE scope = 'task'").await;
    let refuses = Arc::new(Nothing);
    let error = store.resettle(&t, decision_id(1), refuses).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(store.restate(&t, &task).await.unwrap(), 2);
    assert!(store.bandits().audit(&t, &task).await.unwrap().mismatches.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_is_restated_while_turns_go_on() {
    let Some(database) = Database::create("a_state_is_restated_while_turns_go_on").await else { return };
    let (store, t, task) = (used(&database).await, tenant("t"), decision(0).context.task);
    // Somebody else is in the middle of a write.
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    other.execute("BEGIN; UPDATE helm_stats SET count = count WHERE scope = 'user'").await.unwrap();
    database.damage("UPDATE helm_stats SET reward = reward + 1, packed = '{1,2}' WHERE scope = 'task'").await;
    assert_eq!(store.restate(&t, &task).await.unwrap(), 2);
    other.execute("ROLLBACK").await.unwrap();
    assert!(store.bandits().audit(&t, &task).await.unwrap().mismatches.is_empty());

    let write = async {
        for number in 2..400 {
            store.log_decision(&decision(number), deadline()).await.unwrap();
            store.commit_turn(turn(number), Arc::new(MeanSettle)).await.unwrap();
        }
    };
    let restate = async {
        for _ in 0..20 {
            let damaged = [
                database.damage("UPDATE helm_stats SET reward = reward + 1, turns = 5 WHERE scope = 'task'"),
                database.damage(
                    "INSERT INTO helm_stats (tenant, task, scope, member, strategy, epoch, layout, count,
                    reward, reward_sq, turns, cost, tokens, latency_us, failures, loss) VALUES
                    ('t', 'task', 'user', 'nobody', 's1@1', 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
                ),
            ];
            futures::future::join_all(damaged).await;
            // Two that see the same lack fill it once.
            let (one, two) = futures::join!(store.restate(&t, &task), store.restate(&t, &task));
            assert!(one.unwrap() > 0 && two.unwrap() > 0);
        }
    };
    futures::join!(write, restate);
    let audit = store.bandits().audit(&t, &task).await.unwrap();
    assert_eq!((audit.decisions, audit.mismatches), (399, vec![]));
}

/// A settlement of nothing.
struct Nothing;

impl helm_store::Settle for Nothing {
    fn settle(&self, _: &helm_store::Case<'_>) -> Result<helm_store::Settlement, helm_store::SettleError> {
        Ok(helm_store::Settlement::default())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_build_wrote_is_refused() {
    for sql in [
        "UPDATE helm_decision SET format = 2",
        "UPDATE helm_turn SET format = 2",
        "UPDATE helm_reward SET format = 2",
    ] {
        let Some(database) = Database::create("what_a_newer_build_wrote_is_refused").await else { return };
        let store = used(&database).await;
        // Neighbours in a batch are not held up by it.
        store.log_decision(&decision(2), deadline()).await.unwrap();
        database.damage(sql).await;
        let error = store.log().turn(&tenant("t"), decision_id(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{sql}");
        assert!(error.to_string().contains("upgrade helm"), "{error}");
        // Said to a process that has not written these rows itself.
        let store = postgres(&database).await;
        let t = tenant("t");
        let (bad, good) = (feedback(1, "user", 1.0), feedback(2, "user", 1.0));
        let say = |said| store.record_feedback(&t, said, Timestamp::from_micros(1), Arc::new(MeanSettle));
        if sql.contains("helm_decision") {
            database.damage("UPDATE helm_decision SET format = 1 WHERE user_id = 'user-2'").await;
        }
        let (refused, recorded) = futures::join!(say(&bad), say(&good));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::SchemaMismatch, "{sql}");
        recorded.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_with_nul_is_refused_alone() {
    let Some(database) = Database::create("a_text_with_nul_is_refused_alone").await else { return };
    let store = postgres(&database).await;
    for number in 0..40 {
        store.log_decision(&decision(number), deadline()).await.unwrap();
    }
    let commits = (0..40).map(|number| {
        let mut turn = turn(number);
        match number {
            7 => turn.input = "a\0b".to_owned(),
            23 => turn.outcome.error = Some("a\0b".to_owned()),
            _ => {}
        }
        store.commit_turn(turn, Arc::new(MeanSettle))
    });
    for (number, committed) in futures::future::join_all(commits).await.into_iter().enumerate() {
        match number {
            7 | 23 => {
                let error = committed.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid);
                assert!(error.to_string().contains("NUL"), "{error}");
            }
            _ => drop(committed.unwrap()),
        }
    }
    let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.unwrap();
    assert_eq!((audit.decisions, audit.mismatches.len()), (38, 0));
}

/// What has to read a whole log may take longer than other statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_of_a_large_log_have_time() {
    let Some(database) = Database::create("totals_of_a_large_log_have_time").await else { return };
    used(&database).await.close().await;
    let quick = PostgresOptions::new(database.url()).with_statement_timeout(Duration::from_millis(200));
    let store = PostgresStore::open(quick).await.unwrap();
    let (t, task) = (tenant("t"), decision(1).context.task);
    let held = database.run("BEGIN; LOCK TABLE helm_evidence; SELECT pg_sleep(1); COMMIT");
    let totals = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        store.strategy_totals(&t, &task).await
    };
    let ((), totals) = futures::join!(held, totals);
    assert_eq!(totals.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_job_dies_alone() {
    let Some(database) = Database::create("an_unreadable_job_dies_alone").await else { return };
    let store = postgres(&database).await;
    for number in [1, 2] {
        store.log_decision(&decision(number), Timestamp::from_micros(0)).await.unwrap();
    }
    let first = "UPDATE helm_open_turn SET tenant = 'not a tenant' WHERE id = (SELECT min(id::text)::uuid FROM helm_open_turn)";
    database.damage(first).await;
    let (now, lease) = (Timestamp::from_micros(1), Duration::from_secs(60));
    assert_eq!(store.jobs().claim(now, lease, 10, &[TURN_DEADLINE]).await.unwrap().len(), 1);
    assert_eq!(store.jobs().counts().await.unwrap().dead, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_outlives_its_connections() {
    let Some(database) = Database::create("a_store_outlives_its_connections").await else { return };
    let store = used(&database).await;
    let (t, settle) = (tenant("t"), Arc::new(MeanSettle));
    for round in 0..3 {
        database
            .damage(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'helm'",
            )
            .await;
        let said = feedback(1, "user", f64::from(round) / 4.0);
        store.record_feedback(&t, &said, Timestamp::from_micros(1), settle.clone()).await.unwrap();
        store.log().turn(&t, decision_id(1)).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_threads_leave_the_state_of_a_replay_in_postgres() {
    let Some(database) = Database::create("eight_threads_leave_the_state_of_a_replay").await else { return };
    let store = postgres(&database).await;
    many_threads(Arc::clone(&store)).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_a_writer_to_postgres_loses_nothing_acknowledged() {
    let Some(database) = Database::create("killing_a_writer_loses_nothing").await else { return };
    killed_writers(&database.url(), async || postgres(&database).await).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_are_answered_by_postgres_as_by_memory(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Some(database) = Database::create("any_calls_are_answered_as_by_memory").await else { return };
            let store = postgres(&database).await;
            compare_with_memory(&*store, &steps).await;
            store.close().await;
        });
    }
}

#[test]
fn stores_are_shareable() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<PostgresStore>();
}
