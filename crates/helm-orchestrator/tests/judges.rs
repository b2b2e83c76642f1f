//! Model judges beside the turns: a judgement is applied once, within the day's money, and not lost with a process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common {
    pub(crate) mod settled;
}

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::settled::settled;
use helm_core::{
    DecisionId, Feedback, ManualClock, ModelName, NanoUsd, Probability, Reward, RewardStage, SourceName,
    TaskId, TenantId, Timestamp, Usage, UserId,
};
use helm_orchestrator::eval::judge::{Judge, JudgeOptions, PairJudge, Rubric};
use helm_orchestrator::llm::{
    self, Call, Capabilities, ChatModel, ChatRequest, ChatResponse, ChatStream, Finish, FinishReason,
};
use helm_orchestrator::store::{PreferenceChange, Store, memory::MemoryStore};
use helm_orchestrator::{Error, Helm, HelmConfig, Task, TaskJudge, TurnRequest};

/// A judge that puts everything on one level, for one cent a time.
struct Verdicts {
    name: ModelName,
    capabilities: Capabilities,
    price: Option<NanoUsd>,
    level: u32,
    fails: AtomicU32,
    asked: AtomicU32,
}

const CENT: i64 = 10_000_000;

fn verdicts(level: u32, fails: u32) -> Arc<Verdicts> {
    Arc::new(priced(level, fails, Some(NanoUsd::from_nanos(CENT))))
}

fn priced(level: u32, fails: u32, price: Option<NanoUsd>) -> Verdicts {
    Verdicts {
        name: "judge".parse().unwrap(),
        capabilities: Capabilities::default(),
        level,
        fails: AtomicU32::new(fails),
        asked: AtomicU32::new(0),
        price,
    }
}

#[async_trait]
impl ChatModel for Verdicts {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn price(&self, _: Usage) -> Option<NanoUsd> {
        self.price
    }

    async fn generate(&self, request: &ChatRequest, _: &Call) -> llm::Result<ChatResponse> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(llm::Error::new(llm::ErrorKind::Server, self.name.clone()));
        }
        let system = request.messages.first().unwrap().joined_text();
        let code = system.split("\"code\": \"").nth(1).unwrap().split('"').next().unwrap();
        let text = format!("{{\"evidence\": \"x\", \"level\": {}, \"code\": \"{code}\"}}", self.level);
        let finish = Finish::new(FinishReason::Stop).with_cost(self.price);
        Ok(ChatResponse::new(text, finish))
    }

    async fn stream(&self, _: &ChatRequest, _: &Call) -> llm::Result<ChatStream> {
        panic!("a judge is not streamed")
    }
}

fn judge(model: &Arc<Verdicts>) -> TaskJudge {
    let options = JudgeOptions::default().with_max_cost(None);
    let judge = Judge::new("helpful", Rubric::helpfulness().unwrap(), Arc::clone(model) as _).unwrap();
    TaskJudge::new(Arc::new(judge.with_options(options))).unwrap()
}

fn reward() -> helm_orchestrator::eval::RewardSpec {
    let text = "terms = [{ evaluator = \"relevance\", weight = 1 }, { evaluator = \"helpful\", weight = 9 }]\nmin_coverage = 0.1\n";
    let config: helm_orchestrator::eval::RewardSpecConfig = toml::from_str(text).unwrap();
    config.build(&"r".parse().unwrap()).unwrap()
}

fn task(judge: TaskJudge) -> Task {
    Task::new("t").unwrap().strategy("s", "Be brief.").unwrap().with_reward(reward()).with_judge(judge)
}

async fn helm(store: &MemoryStore, judge: TaskJudge) -> Helm {
    Helm::builder().store(Arc::new(store.clone())).task(task(judge)).build().await.unwrap()
}

async fn turn(helm: &Helm, number: u32) -> (DecisionId, Option<Reward>) {
    let request = TurnRequest::new("ana", "t", format!("How do I reset router {number}?")).unwrap();
    let turn = helm.turn(request).await.unwrap();
    (turn.decision_id, turn.reward)
}

async fn reward_of(helm: &Helm, id: DecisionId) -> Reward {
    helm.explain(id).await.unwrap().turn.reward.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reward_is_provisional_then_judged_then_human_and_counts_once() {
    let (store, model) = (MemoryStore::new(), verdicts(5, 0));
    let helm = helm(&store, judge(&model)).await;
    let (id, provisional) = turn(&helm, 1).await;
    assert_eq!(provisional.unwrap().stage, RewardStage::Provisional);
    settled(&store).await;
    let judged = reward_of(&helm, id).await;
    assert_eq!(judged.stage, RewardStage::Judged);
    assert!(judged.value.get() > 0.85, "{judged:?}");
    let human = helm.feedback(Feedback::rating(id, 1.0).unwrap()).await.unwrap().reward.unwrap();
    assert_eq!(human.stage, RewardStage::Human);
    assert!(human.value.get() < 0.3, "a person outweighs the judge");
    let task = TaskId::new("t").unwrap();
    assert!(helm.audit(&task).await.unwrap().mismatches.is_empty());
    let report = helm.report(&task).await.unwrap();
    let strategy = &report.strategies[0];
    assert_eq!((strategy.reward.count, strategy.feedback.count), (1, 1), "a judge is no person");
    let forged = Feedback::thumbs(id, true).from_source(SourceName::new("judge:helpful").unwrap());
    assert!(matches!(helm.feedback(forged).await, Err(Error::ReservedSource { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_that_was_given_already_is_not_paid_for_again() {
    let (store, model) = (MemoryStore::new(), verdicts(4, 0));
    let helm = helm(&store, judge(&model)).await;
    let (id, _) = turn(&helm, 1).await;
    settled(&store).await;
    // As after a process that recorded the judgement and was killed before it said that the job was done.
    let job = helm_orchestrator::store::NewJob {
        kind: "judge".to_owned(),
        dedupe: "again".to_owned(),
        body: serde_json::json!({"decision": id, "task": "t", "judge": "helpful", "probability": 1.0}),
        run_at: helm_core::Timestamp::from_micros(0),
        max_attempts: 3,
    };
    store.jobs().enqueue(&TenantId::single(), &[job]).await.unwrap();
    settled(&store).await;
    assert_eq!(model.asked.load(Ordering::SeqCst), 1);
    assert_eq!(helm.explain(id).await.unwrap().turn.feedback.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_process_ended_is_judged_by_the_next() {
    let (folder, model) = (tempfile::tempdir().unwrap(), verdicts(5, 1));
    let path = folder.path().join("helm.db");
    let open = |observing: bool| {
        let builder = Helm::builder().sqlite(&path).task(task(judge(&model)));
        if observing { builder.observing() } else { builder }
    };
    // This process does no jobs, as if it were killed before it came to them.
    let killed = open(true).build().await.unwrap();
    let (id, _) = turn(&killed, 1).await;
    killed.shutdown(Duration::from_secs(5)).await;
    assert_eq!(model.asked.load(Ordering::SeqCst), 0);
    let next = open(false).build().await.unwrap();
    settled(&**next.store()).await;
    assert_eq!(reward_of(&next, id).await.stage, RewardStage::Judged);
    assert_eq!(model.asked.load(Ordering::SeqCst), 2, "what failed was tried again");
    assert!(next.audit(&TaskId::new("t").unwrap()).await.unwrap().mismatches.is_empty());
    let report = next.report(&TaskId::new("t").unwrap()).await.unwrap();
    assert_eq!(report.strategies[0].feedback.count, 0, "a judge is no person");
    next.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_money_of_a_day_is_not_exceeded_by_any_number_of_processes() {
    let (store, model) = (MemoryStore::new(), verdicts(3, 0));
    // A judgement costs one cent, and two at most: it may be asked twice.
    let cap = Some(NanoUsd::from_nanos(5 * CENT));
    let one = helm(&store, judge(&model).with_dollars_per_day(cap)).await;
    let two = helm(&store, judge(&model).with_dollars_per_day(cap)).await;
    for number in 0..12 {
        turn(if number % 2 == 0 { &one } else { &two }, number).await;
    }
    settled(&store).await;
    let asked = model.asked.load(Ordering::SeqCst);
    assert!((2..=5).contains(&asked), "{asked} cents were spent");
    let three = helm(&store, judge(&model).with_dollars_per_day(cap)).await;
    for number in 20..30 {
        turn(&three, number).await;
    }
    settled(&store).await;
    assert!(model.asked.load(Ordering::SeqCst) <= 5, "a new process knows what was spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_could_cost_too_much_is_not_asked_and_costs_nothing() {
    let (store, model) = (MemoryStore::new(), verdicts(5, 0));
    // A judgement costs one cent, and two at most: it may be asked twice.
    let options = JudgeOptions::default().with_max_cost(Some(NanoUsd::from_nanos(CENT)));
    let dear = Judge::new("helpful", Rubric::helpfulness().unwrap(), Arc::clone(&model) as _).unwrap();
    let dear = TaskJudge::new(Arc::new(dear.with_options(options))).unwrap();
    let helm = helm(&store, dear).await;
    let (id, before) = turn(&helm, 1).await;
    settled(&store).await;
    assert_eq!(model.asked.load(Ordering::SeqCst), 0);
    let after = helm.explain(id).await.unwrap().turn;
    assert!(after.outcome.unwrap().judging.iter().any(|draw| draw.drawn), "it was to be judged");
    assert!(before.is_some() && after.reward == before, "the turn keeps the reward that it had");
    let counts = store.jobs().counts().await.unwrap();
    assert_eq!(counts.dead, 0, "it is not tried again and again");
    let ledger = helm.preferences(&UserId::new("helm/judges").unwrap()).await.unwrap();
    assert!(ledger.values.values().all(|spent| spent.as_i64() == Some(0)), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_nobody_knows_what_is_bounded_by_a_number() {
    let (store, model) = (MemoryStore::new(), Arc::new(priced(3, 0, None)));
    let bounded = || judge(&model).with_dollars_per_day(None).with_judgements_per_day(Some(3));
    let helm_of = async || helm(&store, bounded()).await;
    let (one, two) = (helm_of().await, helm_of().await);
    for number in 0..8 {
        turn(if number % 2 == 0 { &one } else { &two }, number).await;
    }
    settled(&store).await;
    assert_eq!(model.asked.load(Ordering::SeqCst), 3);
    let unbounded = Helm::builder().task(task(judge(&model))).build().await.err().unwrap().report();
    assert!(unbounded.contains("no bound on dollars can hold"), "{unbounded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_at_midnight_in_utc_and_older_ones_leave_the_ledger() {
    const HOUR: i64 = 3_600_000_000;
    let (store, model) = (MemoryStore::new(), verdicts(3, 0));
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(20_000 * 24 * HOUR + 23 * HOUR)));
    // Two cents are set aside for a judgement, which costs one: two are made a day.
    let judge = judge(&model).with_dollars_per_day(Some(NanoUsd::from_nanos(3 * CENT)));
    let builder = Helm::builder().store(Arc::new(store.clone())).clock(Arc::clone(&clock) as _);
    let helm = builder.workers(1, 64).task(task(judge)).build().await.unwrap();
    let mut number = 0;
    for asked in [2, 4, 6] {
        for _ in 0..4 {
            number += 1;
            turn(&helm, number).await;
        }
        settled(&store).await;
        assert_eq!(model.asked.load(Ordering::SeqCst), asked);
        clock.advance(Duration::from_secs(3 * 24 * 3_600));
    }
    let ledger = UserId::new("helm/judges").unwrap();
    let kept = helm.preferences(&ledger).await.unwrap();
    let names: Vec<&str> = kept.values.keys().map(String::as_str).collect();
    assert_eq!(names, ["helpful/20006/judgements", "helpful/20006/nano_usd"]);
    let forged = PreferenceChange::Set { name: names[1].to_owned(), value: (-CENT * 1_000).into() };
    let refused = helm.change_preferences(&ledger, &[forged]).await;
    assert!(matches!(refused, Err(Error::ReservedUser { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_not_judged_by_what_needs_a_reference() {
    let (store, model) = (MemoryStore::new(), verdicts(3, 0));
    let pair = PairJudge::new("helpful", "Which is right?", Arc::clone(&model) as _).unwrap();
    let pair = pair.with_options(JudgeOptions::default().with_max_cost(None));
    let helm = helm(&store, TaskJudge::new(Arc::new(pair)).unwrap()).await;
    turn(&helm, 1).await;
    let counts = store.jobs().counts().await.unwrap();
    assert_eq!((counts.waiting + counts.leased, model.asked.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_known_and_agreed_upon_is_judged_seldom() {
    let (store, model) = (MemoryStore::new(), verdicts(3, 0));
    let none = Probability::new(0.0).unwrap();
    let seldom = judge(&model).with_rate(none).with_uncertain_rate(none).with_new_strategy_turns(3);
    let helm = helm(&store, seldom).await;
    for number in 0..10 {
        turn(&helm, number).await;
    }
    settled(&store).await;
    let asked = model.asked.load(Ordering::SeqCst);
    assert!((3..=4).contains(&asked), "{asked}: the strategy's first turns only");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_which_probability_a_turn_was_drawn_stays_with_it() {
    let (store, model) = (MemoryStore::new(), verdicts(5, 0));
    let half = Probability::new(0.5).unwrap();
    let seldom = judge(&model).with_rate(half).with_uncertain_rate(half).with_new_strategy_turns(3);
    let helm = helm(&store, seldom).await;
    let (mut draws, mut judged) = (Vec::new(), 0);
    for number in 0..30 {
        let (id, _) = turn(&helm, number).await;
        let [draw] = &helm.explain(id).await.unwrap().turn.outcome.unwrap().judging[..] else {
            panic!("one judge was drawn or not")
        };
        assert_eq!(draw.judge.as_str(), "helpful");
        judged += u32::from(draw.drawn);
        draws.push(draw.probability.get());
    }
    settled(&store).await;
    assert_eq!(model.asked.load(Ordering::SeqCst), judged);
    assert!(
        draws[..3].iter().all(|draw| *draw == 1.0) && draws[5..].iter().all(|draw| *draw == 0.5),
        "{draws:?}"
    );
    assert!((3..30).contains(&judged), "{judged}");
    let rescored = helm.rescore(&TaskId::new("t").unwrap(), &reward(), |_| ()).await.unwrap();
    let known = rescored.iter().filter_map(|one| one.judged).map(Probability::get);
    assert_eq!(known.clone().count(), judged as usize);
    assert!(known.filter(|known| *known == 0.5).count() > 0 && rescored.iter().all(|one| one.drawn));
}

#[test]
fn a_judge_is_configured_under_the_name_that_rewards_know_it_by() {
    let with = |judge: &str, prices: &str| {
        let text = format!(
            "[models.main]\nfamily = \"openai-chat\"\nbase_url = \"http://localhost:9/v1\"\nmodel = \"m\"\n{prices}\n\
             [tasks.t]\nreward = \"r\"\n[tasks.t.strategies.s]\n[judges.helpful]\n{judge}\n[rewards.r]\n\
             terms = [{{ evaluator = \"relevance\", weight = 1 }}, {{ evaluator = \"helpful\", weight = 1 }}]\n"
        );
        let config = HelmConfig::from_toml(&text, Path::new("helm.toml"))?;
        config.builder(&|_| None)?.check()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let prices = "input_price = 0.15\noutput_price = 0.6";
    with("model = \"main\"", prices).unwrap();
    with("model = \"main\"", "").unwrap();
    with("models = [\"main\", \"main\", \"main\"]", prices).unwrap();
    with("model = \"main\"\njudgements_per_day = 5", "").unwrap();
    with(
        "pair = true\nmodel = \"main\"\nstrong_model = \"main\"\nsure = 0.8\nquestion = \"Which is polite?\"",
        prices,
    )
    .unwrap();
    with("model = \"main\"\nstrong_model = \"main\"\nsure = 0.9\nlog_probabilities = true", prices).unwrap();
    with("model = \"main\"\nstrong_model = \"main\"\nquestion = \"Polite?\"\nlevels = [\"no\", \"yes\"]\nrate = 1", prices)
        .unwrap();
    for (judge, prices, said) in [
        ("model = \"other\"", prices, "judges.helpful.model"),
        ("model = \"main\"\nrate = 2", prices, "from 0 to 1"),
        ("model = \"main\"\nquestion = \"Polite?\"", prices, "both question and levels"),
        ("model = \"main\"\ndollars_per_day = 1", "", "no bound on dollars can hold"),
        ("model = \"main\"\ndollars_per_day = 0", prices, "above 0"),
        ("model = \"main\"\ncolour = 1", prices, "colour"),
        ("model = \"main\"\nmax_dollars = 0.1", "", "no bound on dollars can hold"),
        ("model = \"main\"", "input_price = 15\noutput_price = 75", "so none would be made; raise it"),
        ("model = \"main\"\nmax_dollars = 0.0001", prices, "judges.helpful.max_dollars"),
        (
            "model = \"main\"\nstrong_model = \"main\"\nsure = 0.7",
            prices,
            "both models would always be asked",
        ),
        ("model = \"main\"\nstrong_model = \"other\"", prices, "judges.helpful.strong_model"),
        ("model = \"main\"\nsure = 0.5", prices, "judges.helpful.sure"),
        ("models = [\"main\"]", prices, "two models at least"),
        ("models = [\"main\", \"other\"]", prices, "judges.helpful.models"),
        ("model = \"main\"\nmodels = [\"main\", \"main\"]", prices, "models alone"),
        ("", prices, "say who judges"),
        ("strong_model = \"main\"", prices, "say who judges"),
        ("pair = true\nmodel = \"main\"\nlevels = [\"a\", \"b\"]", prices, "judges.helpful.levels"),
        (
            "pair = true\nmodel = \"main\"\nlog_probabilities = true",
            prices,
            "judges.helpful.log_probabilities",
        ),
    ] {
        let error = with(judge, prices).unwrap_err().report();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn the_reward_called_default_is_that_of_tasks_that_name_none() {
    let text = "[tasks.t.strategies.s]\n[tasks.u]\nreward = \"default\"\n[tasks.u.strategies.s]\n[rewards.default]\n\
                version = 7\nterms = [{ evaluator = \"absent\", weight = 1 }]\n";
    let config = HelmConfig::from_toml(text, Path::new("helm.toml")).unwrap();
    for task in ["t", "u"] {
        assert_eq!(config.reward_of(&TaskId::new(task).unwrap()).unwrap().id().version, 7, "{task}");
    }
    let refused = config.builder(&|_| None).unwrap().check().unwrap_err().report();
    assert!(refused.contains("default@7 names the evaluator absent"), "{refused}");
    let none = config.reward_of(&TaskId::new("x").unwrap()).unwrap_err();
    assert!(matches!(none, Error::UnknownTask { .. }));
    let standard = HelmConfig::from_toml("[tasks.t.strategies.s]\n", Path::new("helm.toml")).unwrap();
    assert_eq!(standard.reward_of(&TaskId::new("t").unwrap()).unwrap().id().to_string(), "default@2");
}
