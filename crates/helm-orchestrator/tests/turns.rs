//! Turns from end to end: every way they end, what is learnt, and what is there again after a restart.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    ConversationId, DecisionMode, Feedback, Limits, Strategy, StrategyName, TaskId, TokenCount, TurnStatus,
    UserId,
};
use helm_orchestrator::experiment::Variant;
use helm_orchestrator::guardrails::GuardrailEngine;
use helm_orchestrator::llm::{ErrorKind as ModelErrorKind, Scripted, ScriptedModel, TimeoutKind};
use helm_orchestrator::store::{
    Applied, JobState, LogQuery, NewJob, PreferenceChange, Store, memory::MemoryStore,
};
use helm_orchestrator::{Error, Helm, HelmConfig, Task, TurnEvent, TurnRequest};

fn task() -> Task {
    Task::new("support")
        .unwrap()
        .strategy("concise", "Answer in at most two sentences.")
        .unwrap()
        .strategy("stepwise", "Answer step by step, as a numbered list.")
        .unwrap()
}

fn ask(message: &str) -> TurnRequest {
    TurnRequest::new("ana", "support", message).unwrap()
}

async fn scripted(script: impl IntoIterator<Item = Scripted>) -> (Helm, Arc<ScriptedModel>) {
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), script));
    let helm = Helm::builder().task(task()).model(model.clone()).build().await.unwrap();
    (helm, model)
}

async fn only_turn(helm: &Helm) -> helm_orchestrator::store::TurnView {
    only_turn_in(&**helm.store()).await
}

async fn only_turn_in(store: &dyn Store) -> helm_orchestrator::store::TurnView {
    let page =
        store.log().scan(&helm_core::TenantId::single(), &LogQuery::default(), None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1, "one record for one turn");
    page.items.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_conversation_learns_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.db");
    let (user, support) = (UserId::new("ana").unwrap(), TaskId::new("support").unwrap());
    let conversation = ConversationId::new("c1").unwrap();
    let open = async || Helm::builder().sqlite(&path).task(task()).build().await.unwrap();

    let helm = open().await;
    for number in 0..30 {
        let request =
            ask(&format!("How do I reset password {number}?")).with_conversation(conversation.clone());
        let turn = helm.turn(request).await.unwrap();
        assert_eq!(turn.status, TurnStatus::Completed);
        assert!(turn.simulated && turn.reward.is_some());
        let liked = turn.strategy.unwrap().name().as_str() == "stepwise";
        let rating = if liked { 5.0 } else { 1.0 };
        let receipt = helm.feedback(Feedback::rating(turn.decision_id, rating).unwrap()).await.unwrap();
        assert_eq!(receipt.applied, Applied::Fresh);
    }
    let tone = PreferenceChange::Set { name: "tone".to_owned(), value: "dry".into() };
    helm.change_preferences(&user, &[tone]).await.unwrap();
    assert!(helm.shutdown(Duration::from_secs(5)).await);
    assert!(matches!(helm.turn(ask("late")).await, Err(Error::ShuttingDown)));

    let helm = open().await;
    let preferences = helm.preferences(&user).await.unwrap().values;
    assert_eq!((&preferences["interaction_count"], &preferences["tone"]), (&30.into(), &"dry".into()));
    let history = helm.conversation(&user, &conversation, 100).await.unwrap();
    assert_eq!(history.len(), 60);
    let report = helm.report(&support).await.unwrap();
    assert_eq!(report.strategies.iter().map(|strategy| strategy.pulls).sum::<u64>(), 30);
    assert_eq!(report.strategies.iter().map(|strategy| strategy.feedback.count).sum::<u64>(), 30);
    assert!(report.strategies[1].probability.unwrap() > 0.8, "{report:?}");
    assert!(helm.audit(&support).await.unwrap().mismatches.is_empty());
    // The user's own choice: what they liked is almost certain to be drawn again.
    let turn = helm.turn(ask("And now?")).await.unwrap();
    let explanation = helm.explain(turn.decision_id).await.unwrap();
    let candidates = explanation.turn.decision.unwrap().candidates;
    assert!(candidates[1].probability.get() > 0.9, "{candidates:?}");
    assert!(explanation.why.contains("stepwise@1: "), "{}", explanation.why);
}

#[tokio::test]
async fn history_and_preferences_reach_the_model() {
    let (helm, model) = {
        let model =
            Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Answer("Fine.".to_owned())]));
        let task = Task::new("support").unwrap().strategy("s", "Tone: {{ preferences.tone }}.").unwrap();
        (Helm::builder().task(task).model(model.clone()).build().await.unwrap(), model)
    };
    let tone = PreferenceChange::Set { name: "tone".to_owned(), value: "dry".into() };
    helm.change_preferences(&UserId::new("ana").unwrap(), &[tone]).await.unwrap();
    let conversation = ConversationId::new("c").unwrap();
    for message in ["first, mail ana@example.com", "second"] {
        helm.turn(ask(message).with_conversation(conversation.clone())).await.unwrap();
    }
    let texts: Vec<String> =
        model.requests()[1].messages.iter().map(helm_core::Message::joined_text).collect();
    assert_eq!(texts, ["Tone: dry.", "first, mail [EMAIL]", "Fine.", "second"]);
    // Whoever says that it begins is believed, until it is gone on with.
    let begins = ask("third").with_new_conversation(conversation.clone());
    helm.turn(begins.clone()).await.unwrap();
    helm.turn(begins.with_conversation(conversation)).await.unwrap();
    let told = |request: usize| model.requests()[request].messages.len();
    assert_eq!((told(2), told(3)), (2, 8));
}

#[tokio::test]
async fn memories_are_recalled_unless_vector_search_is_off() {
    let mut strategy = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap());
    strategy.retrieval = helm_core::Retrieval { memories: 1 };
    let task = Task::new("support").unwrap().with_strategy(strategy).remembering();
    for vectors in [true, false] {
        let model =
            Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Answer("Fine.".to_owned())]));
        let builder = Helm::builder().task(task.clone()).model(model.clone());
        let builder = if vectors { builder } else { builder.without_vector_search() };
        let helm = builder.build().await.unwrap();
        for message in ["I drink green tea", "The weather is bad", "What kind of tea do I drink?"] {
            helm.turn(ask(message)).await.unwrap();
        }
        let asked: String =
            model.requests()[2].messages.iter().map(helm_core::Message::joined_text).collect();
        assert_eq!(asked.contains("I drink green tea"), vectors, "{asked}");
    }
}

#[tokio::test]
async fn the_guards_look_at_what_is_recalled() {
    let mut strategy = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap());
    strategy.retrieval = helm_core::Retrieval { memories: 2 };
    let lax = "input = { pii = \"allow\" }\n";
    for (rule, expected) in [("allow", "at ana@example.com"), ("redact", "at [EMAIL]"), ("block", "")] {
        let config = format!("{lax}retrieved = {{ pii = \"{rule}\" }}");
        let guards = GuardrailEngine::from_config(&toml::from_str(&config).unwrap()).unwrap();
        let task = Task::new("support").unwrap().with_strategy(strategy.clone()).remembering();
        let model =
            Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Answer("Fine.".to_owned())]));
        let builder = Helm::builder().task(task.with_guardrails(guards)).model(model.clone());
        let helm = builder.build().await.unwrap();
        helm.turn(ask("You find my tea at ana@example.com")).await.unwrap();
        let turn = helm.turn(ask("Where do you find my tea?")).await.unwrap();
        let asked: String =
            model.requests()[1].messages.iter().map(helm_core::Message::joined_text).collect();
        assert!(asked.contains(expected), "{rule}: {asked}");
        assert_eq!(asked.contains("ana@"), rule == "allow", "{rule}: {asked}");
        let stages: Vec<_> = turn.violations.iter().map(|violation| violation.stage).collect();
        let found = if rule == "allow" { vec![] } else { vec![helm_core::Stage::Retrieved] };
        assert_eq!(stages, found, "{rule}: what is found is on record");
    }
}

#[tokio::test]
async fn every_failure_is_recorded_and_teaches_nothing() {
    for (scripted_call, status) in [
        (Scripted::Fail(ModelErrorKind::Server), TurnStatus::UpstreamError),
        (Scripted::Fail(ModelErrorKind::Auth), TurnStatus::UpstreamError),
        (Scripted::Fail(ModelErrorKind::Timeout(TimeoutKind::Idle)), TurnStatus::Timeout),
    ] {
        let (helm, _) = scripted([scripted_call]).await;
        let turn = helm.turn(ask("Hello there")).await.unwrap();
        assert_eq!((turn.status, turn.answer, turn.reward), (status, None, None));
        assert!(turn.error.is_some());
        // Whatever is said of an answer that never came is no judgement of the strategy.
        let said = helm.feedback(Feedback::rating(turn.decision_id, 5.0).unwrap()).await.unwrap();
        assert_eq!((said.applied, said.reward), (Applied::Fresh, None));
        let report = helm.report(&TaskId::new("support").unwrap()).await.unwrap();
        assert!(report.strategies.iter().all(|strategy| strategy.reward.count == 0));
        let view = only_turn(&helm).await;
        assert_eq!(
            (view.decision.is_some(), view.outcome.map(|outcome| outcome.status)),
            (true, Some(status))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_turn() {
    let strategy = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap())
        .with_limits(Limits::default().with_deadline(Duration::from_secs(2)));
    let model =
        Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Hang("Let me see".to_owned())]));
    let task = Task::new("support").unwrap().with_strategy(strategy);
    let helm = Helm::builder().task(task).model(model).build().await.unwrap();
    let turn = helm.turn(ask("Hello there")).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Timeout);
    assert_eq!(turn.latency.as_secs(), 2);
}

#[tokio::test]
async fn hanging_up_is_recorded_as_cancelled() {
    let long = "word ".repeat(300);
    let store = helm_orchestrator::store::memory::MemoryStore::new();
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Hang(long)]));
    let builder = Helm::builder().store(Arc::new(store.clone())).task(task());
    let helm = builder.model(model).build().await.unwrap();
    let mut stream = helm.turn_stream(ask("Hello there")).unwrap();
    let mut decided = None;
    while let Some(event) = stream.next_event().await {
        match event.unwrap() {
            TurnEvent::Decided { decision_id, .. } => decided = Some(decision_id),
            TurnEvent::Delta(text) => {
                assert!(!text.is_empty());
                break;
            }
            _ => {}
        }
    }
    drop(stream);
    helm.shutdown(Duration::from_secs(5)).await;
    let view = only_turn_in(&store).await;
    assert_eq!(Some(view.id), decided);
    assert_eq!(view.outcome.unwrap().status, TurnStatus::Cancelled);
    assert!(view.reward.is_none());
}

#[tokio::test]
async fn guards_block_input_without_a_decision_and_output_with_one() {
    let config = r#"
        [guardrails.strict]
        input = { toxicity = "block" }
        [tasks.support]
        guardrails = "strict"
        [tasks.support.strategies.s]
    "#;
    let config = HelmConfig::from_toml(config, std::path::Path::new("test.toml")).unwrap();
    let model = Arc::new(ScriptedModel::new(
        "main".parse().unwrap(),
        [Scripted::Answer("You should kill yourself.".to_owned())],
    ));
    let folder = tempfile::tempdir().unwrap();
    let builder = config.builder(&|_| None).unwrap().sqlite(folder.path().join("helm.db"));
    let helm = builder.model(model.clone()).build().await.unwrap();
    let turn = helm.turn(ask("You are stupid, you idiot.")).await.unwrap();
    assert_eq!((turn.status, turn.strategy, turn.answer), (TurnStatus::Blocked, None, None));
    assert!(model.requests().is_empty(), "the model was not asked");
    let view = helm.explain(turn.decision_id).await.unwrap().turn;
    assert_eq!((view.decision, view.input.as_deref()), (None, Some("")), "a refused text is not kept");
    let error = helm.feedback(Feedback::rating(turn.decision_id, 5.0).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownDecision { .. }));

    let turn = helm.turn(ask("Hello there")).await.unwrap();
    assert_eq!((turn.status, turn.answer), (TurnStatus::Blocked, None));
    assert_eq!(turn.reward.unwrap().value.get(), 0.0, "an unsafe answer earns nothing");
}

#[tokio::test]
async fn a_limit_ends_an_answer_and_streams_match_whole_answers() {
    let strategy = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap())
        .with_max_output_tokens(TokenCount::new(4));
    let helm =
        Helm::builder().task(Task::new("support").unwrap().with_strategy(strategy)).build().await.unwrap();
    let turn = helm.turn(ask("Tell me about bees")).await.unwrap();
    assert_eq!((turn.status, turn.answer.as_ref().unwrap().len()), (TurnStatus::Length, 16));

    let text =
        "Write to ana@example.com today. It is a long answer with many words that go on and on. ".repeat(12);
    let (helm, _) = scripted([Scripted::Answer(text)]).await;
    let whole = helm.turn(ask("Hello there")).await.unwrap().answer.unwrap();
    let mut stream = helm.turn_stream(ask("Hello there")).unwrap();
    let mut streamed = String::new();
    while let Some(event) = stream.next_event().await {
        if let TurnEvent::Delta(text) = event.unwrap() {
            streamed.push_str(&text);
        }
    }
    assert_eq!(streamed, whole);
    assert!(whole.contains("[EMAIL]") && !whole.contains('@'));
}

#[tokio::test]
async fn a_refusal_is_shown_like_an_answer() {
    use helm_orchestrator::llm::{AnswerPart, ChatResponse, Finish, FinishReason};
    let said = AnswerPart::Refusal("I will not help with that.".to_owned());
    let refusal = ChatResponse::of_parts(vec![said], Finish::new(FinishReason::Refusal));
    let (helm, _) = scripted([Scripted::Respond(Box::new(refusal))]).await;
    let whole = helm.turn(ask("Hello there")).await.unwrap();
    let streamed = helm.turn_stream(ask("Hello there")).unwrap().into_response().await.unwrap();
    for turn in [whole, streamed] {
        assert_eq!(turn.status, TurnStatus::Completed);
        assert_eq!(turn.answer.as_deref(), Some("I will not help with that."));
    }
}

#[tokio::test]
async fn a_task_under_inference_keeps_more_exploration() {
    let floor = async |helm: Helm| {
        let turn = helm.turn(ask("Hello")).await.unwrap();
        let decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
        assert_eq!(decision.mode, DecisionMode::Sampled);
        decision.floor.unwrap().get()
    };
    let plain = Helm::builder().task(task()).build().await.unwrap();
    assert_eq!(floor(plain).await, 0.02);
    // Both sides leave the choice to the policy.
    let variants = ["a", "b"].map(|name| (Variant::new(name.parse().unwrap(), 1.0), None));
    let (task_id, key) = ("support".parse().unwrap(), "e".parse().unwrap());
    let builder = Helm::builder().task(task()).experiment(task_id, key, variants.into()).unwrap();
    assert_eq!(floor(builder.build().await.unwrap()).await, 0.05);
}

#[tokio::test]
async fn pinned_turns_and_experiments_are_marked() {
    let helm = Helm::builder().task(task()).build().await.unwrap();
    let pinned = helm.turn(ask("Hello").with_strategy(StrategyName::new("stepwise").unwrap())).await.unwrap();
    let decision = helm.explain(pinned.decision_id).await.unwrap().turn.decision.unwrap();
    assert_eq!((decision.mode, decision.propensity.get()), (DecisionMode::Pinned, 1.0));
    let report = helm.report(&TaskId::new("support").unwrap()).await.unwrap();
    assert_eq!(
        (report.strategies[1].pulls, report.strategies[1].reward.count),
        (1, 0),
        "a pinned turn teaches nothing"
    );

    let variants = ["concise@1", "stepwise@1"].map(|strategy| {
        let name = strategy.replace('@', "-").parse().unwrap();
        (Variant::new(name, 1.0), Some(strategy.parse().unwrap()))
    });
    let builder = Helm::builder().task(task());
    let builder =
        builder.experiment("support".parse().unwrap(), "e".parse().unwrap(), variants.into()).unwrap();
    let helm = builder.build().await.unwrap();
    for _ in 0..3 {
        let turn = helm.turn(ask("Hello")).await.unwrap();
        let decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
        let assignment = decision.assignment.unwrap();
        assert_eq!(decision.mode, DecisionMode::Assigned);
        assert_eq!(
            assignment.variant.as_str(),
            decision.strategy.to_string().replace('@', "-"),
            "users keep their side"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn silence_gets_the_default_reward_from_a_durable_job() {
    let config = r#"
        [rewards.people]
        terms = []
        human_weight = 1.0
        default = { value = 0.4, after_seconds = 0 }
        [tasks.support]
        reward = "people"
        [tasks.support.strategies.s]
    "#;
    let config = HelmConfig::from_toml(config, std::path::Path::new("test.toml")).unwrap();
    let builder = config.builder(&|_| None).unwrap().store(Arc::new(MemoryStore::new()));
    let helm = builder.build().await.unwrap();
    let turn = helm.turn(ask("Hello there")).await.unwrap();
    assert!(turn.reward.is_none(), "nobody has judged");
    let reward = async || helm.explain(turn.decision_id).await.unwrap().turn.reward;
    for _ in 0..50 {
        if reward().await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(reward().await.unwrap().value.get(), 0.4);
    let receipt = helm.feedback(Feedback::rating(turn.decision_id, 5.0).unwrap()).await.unwrap();
    assert_eq!(receipt.reward.unwrap().value.get(), 1.0);
    let receipt = helm.feedback(Feedback::rating(turn.decision_id, 2.0).unwrap()).await.unwrap();
    assert_eq!(receipt.applied, Applied::Corrected);
    assert_eq!(receipt.reward.unwrap().value.get(), 0.25);
    let learnt = helm.report(&"support".parse().unwrap()).await.unwrap().strategies[0].reward;
    assert_eq!((learnt.count, learnt.mean), (1, Some(0.25)), "one decision, at what it is worth now");
}

#[tokio::test]
async fn no_failure_is_learnt_as_the_default_reward() {
    let config = r#"
        [rewards.people]
        terms = []
        human_weight = 1.0
        default = { value = 0.4, after_seconds = 0 }
        [tasks.support]
        reward = "people"
        [tasks.support.strategies.s]
    "#;
    let config = HelmConfig::from_toml(config, std::path::Path::new("test.toml")).unwrap();
    for (call, status) in [
        (Scripted::Fail(ModelErrorKind::Server), TurnStatus::UpstreamError),
        (Scripted::Fail(ModelErrorKind::Timeout(TimeoutKind::Idle)), TurnStatus::Timeout),
        (Scripted::Fail(ModelErrorKind::Cancelled), TurnStatus::Cancelled),
        (Scripted::Answer("You should kill yourself.".to_owned()), TurnStatus::Blocked),
    ] {
        let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [call]));
        let folder = tempfile::tempdir().unwrap();
        let builder = config.builder(&|_| None).unwrap().sqlite(folder.path().join("helm.db"));
        let helm = builder.model(model).build().await.unwrap();
        let turn = helm.turn(ask("Hello there")).await.unwrap();
        assert_eq!(turn.status, status);
        let jobs = helm.store().jobs();
        assert_eq!(jobs.counts().await.unwrap().waiting, 0, "{status:?}: nothing is waited for");
        // A job that an earlier release queued for a failure teaches nothing either.
        let old = NewJob {
            kind: "default_reward".to_owned(),
            dedupe: "old".to_owned(),
            body: serde_json::json!({ "decision": turn.decision_id }),
            run_at: helm_core::Timestamp::from_micros(0),
            max_attempts: 1,
        };
        let tenant = helm_core::TenantId::single();
        jobs.enqueue(&tenant, &[old]).await.unwrap();
        jobs_are_done(&helm).await;
        let task = TaskId::new("support").unwrap();
        let report = helm.report(&task).await.unwrap();
        assert_eq!(report.strategies[0].reward.count, 0, "{status:?}");
        assert!(only_turn(&helm).await.reward.is_none(), "{status:?}");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused_and_change_nothing() {
    let helm = Helm::builder().task(task()).max_message_bytes(100).build().await.unwrap();
    let refused = async |request| helm.turn(request).await.unwrap_err().report();
    assert!(refused(ask("  \n")).await.contains("is empty"));
    assert!(refused(ask(&"x".repeat(101))).await.contains("101 bytes"));
    assert!(
        refused(TurnRequest::new("ana", "sales", "hi").unwrap())
            .await
            .contains("the configured tasks are: support")
    );
    let unknown = ask("hi").with_strategy(StrategyName::new("loud").unwrap());
    assert!(refused(unknown).await.contains("it has: concise, stepwise"));
    assert!(TurnRequest::new("", "support", "hi").is_err());
    let page = helm
        .store()
        .log()
        .scan(&helm_core::TenantId::single(), &LogQuery::default(), None, 10)
        .await
        .unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn wrong_configurations_say_where_and_what() {
    for (text, expected) in [
        ("[tasks.t]\npolicy = 3\n[tasks.t.strategies.s]", "tasks.t.policy"),
        ("[tasks.t]", "the task has no strategy"),
        ("[tasks.t]\nfallback = \"x\"\n[tasks.t.strategies.s]", "tasks.t.fallback"),
        ("[tasks.t]\nreward = \"x\"\n[tasks.t.strategies.s]", "no [rewards.x]"),
        ("[tasks.t.strategies.s]\nmodel = \"x\"", "no model x"),
        ("[tasks.t.strategies.s]\nsystem = \"{{ oops }}\"", "tasks.t.strategies.s.system"),
        ("[tasks.t.strategies.s]\ntemperature = 0.5", "temperature"),
        ("[tasks.t.strategies.s]\nversion = 0", "counted from 1"),
        ("[models.main]\nfamily = \"openai-chat\"\nmodel = \"m\"\n[tasks.t.strategies.s]", "OPENAI_API_KEY"),
        ("[store]\nurl = \"mysql://x\"\n[tasks.t.strategies.s]", "store.url"),
        ("[experiments.e]\ntask = \"t\"\nvariants = { a = {} }\n[tasks.t.strategies.s]", "at least two"),
        (
            "[rewards.r]\nterms = [{ evaluator = \"wit\", weight = 1.0 }]\n[tasks.t]\nreward = \"r\"\n[tasks.t.strategies.s]",
            "wit",
        ),
    ] {
        let checked = HelmConfig::from_toml(text, std::path::Path::new("test.toml"))
            .and_then(|config| config.builder(&|_| None))
            .and_then(helm_orchestrator::HelmBuilder::check);
        let report = checked.map_or_else(|error| error.report(), |()| "accepted".to_owned());
        assert!(report.contains(expected), "{text}: {report}");
    }
    let error = HelmConfig::from_toml("[store]\nurls = \"x\"", std::path::Path::new("test.toml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("test.toml") && error.contains("line 2") && error.contains("urls"), "{error}");
}

/// A decision as a process left it that was killed before its turn ended.
async fn abandoned(helm: &Helm) -> helm_core::DecisionId {
    let turn = helm.turn(ask("Hello there")).await.unwrap();
    let mut decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
    decision.id = helm_core::DecisionId::generate(decision.at);
    let past = helm_core::Timestamp::from_micros(0);
    helm.store().log_decision(&decision, past).await.unwrap();
    decision.id
}

async fn jobs_are_done(helm: &Helm) {
    while helm.store().jobs().counts().await.unwrap() != JobState::default() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_turn_whose_process_ended_is_given_an_end_and_teaches_nothing() {
    let helm = Helm::builder().task(task()).build().await.unwrap();
    let task = TaskId::new("support").unwrap();
    let rewards = async || {
        let report = helm.report(&task).await.unwrap();
        report.strategies.iter().map(|strategy| strategy.reward.count).sum::<u64>()
    };
    let id = abandoned(&helm).await;
    let before = rewards().await;
    jobs_are_done(&helm).await;
    let view = helm.explain(id).await.unwrap().turn;
    assert_eq!(view.outcome.unwrap().status, TurnStatus::Cancelled);
    assert_eq!((view.reward, rewards().await), (None, before));
}

#[tokio::test]
async fn only_those_who_are_asked_to_do_jobs_that_they_understand() {
    let store = helm_orchestrator::store::memory::MemoryStore::new();
    let builder = |task: Task| Helm::builder().store(Arc::new(store.clone())).task(task);
    let open = |task: Task| builder(task).build();
    let reader = builder(task()).observing().build().await.unwrap();
    let id = abandoned(&reader).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(reader.explain(id).await.unwrap().turn.outcome.is_none(), "it only looks");
    let stranger = open(Task::new("sales").unwrap().strategy("s", "Sell.").unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let counts = reader.store().jobs().counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 0), "what is not its own is left to others");
    stranger.shutdown(Duration::from_secs(5)).await;
    assert!(reader.explain(id).await.unwrap().turn.outcome.is_none());
}

#[tokio::test]
async fn an_installation_that_is_dropped_lets_go_of_its_store() {
    let store = Arc::new(helm_orchestrator::store::memory::MemoryStore::new());
    let helm = Helm::builder().store(store.clone()).task(task()).build().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(helm);
    for _ in 0..100 {
        if Arc::strong_count(&store) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("somebody holds on to the store");
}
