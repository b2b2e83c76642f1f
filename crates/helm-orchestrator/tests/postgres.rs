//! Turns in PostgreSQL, when `HELM_TEST_PG` names a server.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use std::sync::Arc;

use helm_core::{Feedback, Strategy};
use helm_orchestrator::llm::{Scripted, ScriptedModel};
use helm_orchestrator::store::postgres::{PostgresOptions, PostgresStore};
use helm_orchestrator::store::{PreferenceChange, Selection, Store};
use helm_orchestrator::{Helm, Task, TurnRequest};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A database of its own for a test; `None`, and a note, without a server.
async fn database(name: &str) -> Option<(String, String, String)> {
    let Ok(server) = std::env::var("HELM_TEST_PG") else {
        let required = std::env::var("HELM_TEST_REQUIRE_SERVICES").is_ok_and(|required| required == "1");
        assert!(!required, "{name}: HELM_TEST_PG names no server");
        eprintln!("{name}: skipped, because HELM_TEST_PG names no PostgreSQL server");
        return None;
    };
    let own = format!("helm_{name}_{}", std::process::id());
    execute(&server, format!("CREATE DATABASE {own}")).await;
    let url = format!("{}/{own}", server.rsplit_once('/').unwrap().0);
    Some((server, own, url))
}

async fn execute(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// A message, an answer, a memory and preferences with NUL are kept, and the paid answer with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_with_nul_is_stored_with_another_character() {
    let Some((server, name, url)) = database("nul").await else { return };
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(PostgresOptions::new(url)).await.unwrap());
    let strategy = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap());
    let answer = Scripted::Answer("An ans\0wer.".to_owned());
    let helm = Helm::builder()
        .task(Task::new("support").unwrap().with_strategy(strategy).remembering())
        .model(Arc::new(ScriptedModel::new("main".parse().unwrap(), [answer])))
        .store(Arc::clone(&store))
        .build()
        .await
        .unwrap();
    let ask = TurnRequest::new("ana", "support", "Where\0 is it?").unwrap();
    let response = helm.turn(ask.with_conversation("c".parse().unwrap())).await.unwrap();
    assert!(response.answer.is_some());
    let tenant = helm_core::TenantId::single();
    let view = store.log().turn(&tenant, response.decision_id).await.unwrap().unwrap();
    assert_eq!(view.input.as_deref(), Some("Where\u{fffd} is it?"));
    assert!(view.output.unwrap().contains("ans\u{fffd}wer"));
    let user = "ana".parse().unwrap();
    let said = helm.conversation(&user, &"c".parse().unwrap(), 9).await.unwrap();
    assert!(said.iter().all(|stored| stored.message.joined_text().contains('\u{fffd}')), "{said:?}");
    let collection = store.vectors().collections(&tenant).await.unwrap().remove(0).collection.name;
    let kept = Selection::of_user(user.clone(), collection);
    assert_eq!(store.vectors().count(&tenant, &kept).await.unwrap(), 1);
    let set = PreferenceChange::Set { name: "tone".to_owned(), value: serde_json::json!({ "a\0": ["\0"] }) };
    let after = helm.change_preferences(&user, &[set]).await.unwrap();
    assert_eq!(after.values["tone"], serde_json::json!({ "a\u{fffd}": ["\u{fffd}"] }));
    assert!(helm.shutdown(std::time::Duration::from_secs(5)).await);
    execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// Learning is read where it is written, so a replica that is taught leaves none behind: bars allow a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_is_taught_another_knows_at_its_next_turn() {
    let Some((server, name, url)) = database("taught").await else { return };
    let mut replicas = [replica(&url).await, replica(&url).await];
    let (task, ana) = ("support".parse().unwrap(), "ana".parse().unwrap());
    for round in 0..12_u64 {
        let [teacher, pupil] = &replicas;
        let ask = |text: &str| TurnRequest::new("ana", "support", text.to_owned()).unwrap();
        let taught = teacher.turn(ask("Where is it?")).await.unwrap();
        let rating = if round % 3 == 0 { 1.0 } else { 5.0 };
        teacher.feedback(Feedback::rating(taught.decision_id, rating).unwrap()).await.unwrap();
        let known = teacher.outlook(&task, Some(&ana)).await.unwrap();
        let next = pupil.turn(ask("And now?")).await.unwrap();
        let decision = pupil.explain(next.decision_id).await.unwrap().turn.decision.unwrap();
        assert_eq!(decision.candidates.iter().map(|one| one.pulls).sum::<u64>(), 2 * round + 1);
        for candidate in &decision.candidates {
            let known = known.iter().find(|known| known.strategy == candidate.strategy).unwrap();
            assert!((known.mean - candidate.mean).abs() < 1e-6, "{round}: {known:?}, {candidate:?}");
        }
        replicas.reverse();
    }
    for replica in replicas {
        assert!(replica.shutdown(std::time::Duration::from_secs(5)).await);
    }
    execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// A process's Helm on that database.
async fn replica(url: &str) -> Helm {
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(PostgresOptions::new(url)).await.unwrap());
    let strategy = |name: &str| Strategy::new(name.parse().unwrap(), "main".parse().unwrap());
    let answers = std::iter::repeat_n(Scripted::Answer("It is on its way.".to_owned()), 24);
    let task = Task::new("support").unwrap().with_strategy(strategy("s@1")).with_strategy(strategy("t@1"));
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), answers));
    Helm::builder().task(task).model(model).store(store).build().await.unwrap()
}
