//! Candidates that Helm raises by itself where they earn more, and rolls back where they turn out to earn less.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Decision, Feedback, Layout, ManualClock, ModelName, Strategy, TaskId, TenantId};
use helm_orchestrator::config::HelmConfig;
use helm_orchestrator::eval::RewardSpec;
use helm_orchestrator::policy::{self, Policy, Registry};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::store::{StateQuery, Store};
use helm_orchestrator::{
    Candidate, CandidateStep, Error, ErrorKind, GateOptions, GateRecord, GateVerdict, Helm, Task, TurnRequest,
};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3_601);

fn policy(table: &Value) -> Arc<dyn Policy> {
    Registry::standard().build(table).unwrap()
}

fn even() -> Arc<dyn Policy> {
    policy(&json!({ "kind": "random" }))
}

/// Mostly warm, so that something is still learnt of the plain answers.
fn warmer(warm: f64) -> Candidate {
    let weights = json!({ "kind": "fixed", "weights": { "plain": 1.0 - warm, "warm": warm } });
    waiting(policy(&weights))
}

fn waiting(policy: Arc<dyn Policy>) -> Candidate {
    Candidate::new(policy).with_options(GateOptions::default().with_least(20.0, 60))
}

fn task(policy: Arc<dyn Policy>) -> Task {
    let strategy = |id: &str| {
        Strategy::new(id.parse().unwrap(), ModelName::new("main").unwrap()).with_system("Be brief.")
    };
    let task = Task::new("support").unwrap().with_custom_policy(policy);
    ["plain@1", "warm@1"].into_iter().fold(task, |task, id| task.with_strategy(strategy(id)))
}

fn support() -> TaskId {
    TaskId::new("support").unwrap()
}

/// A store, and the time that passes for all who use it.
struct World {
    store: MemoryStore,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-01T08:00:00Z".parse().unwrap()));
        Self { store: MemoryStore::new(), clock }
    }

    async fn open(&self, task: Task) -> Helm {
        let clock: Arc<dyn helm_core::Clock> = self.clock.clone();
        Helm::builder().store(Arc::new(self.store.clone())).clock(clock).task(task).build().await.unwrap()
    }

    /// Waits for the look that is made within an hour, and answers what it found.
    async fn look(&self, helm: &Helm) -> GateRecord {
        self.clock.advance(HOUR);
        let now = helm.now();
        for _ in 0..400 {
            let last = helm.gate_records(&support()).await.unwrap().pop();
            if let Some(last) = last.filter(|last| last.at >= now) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody looked")
    }
}

/// People like the warm answers so much, and the plain ones a little.
async fn talk(helm: &Helm, users: Range<usize>, warm: f64) {
    for user in users {
        let (id, strategy) = ask(helm, user).await;
        let rating = if strategy.name().as_str() == "warm" { warm } else { 3.0 };
        helm.feedback(Feedback::rating(id, rating).unwrap()).await.unwrap();
    }
}

async fn ask(helm: &Helm, user: usize) -> (helm_core::DecisionId, helm_core::StrategyId) {
    let request = TurnRequest::new(format!("u{user}"), "support", "How do I reset it?").unwrap();
    let turn = helm.turn(request).await.unwrap();
    (turn.decision_id, turn.strategy.unwrap())
}

/// The decision of one more turn, with why.
async fn decided(helm: &Helm) -> (Decision, String) {
    let (id, _) = ask(helm, 100_000).await;
    let explained = helm.explain(id).await.unwrap();
    (explained.turn.decision.unwrap(), explained.why)
}

async fn is_decided_by(helm: &Helm, policy: &Arc<dyn Policy>) -> bool {
    decided(helm).await.0.policy_hash == *policy.hash()
}

async fn is_live(helm: &Helm) -> bool {
    helm.candidate(&support()).await.unwrap().unwrap().is_live()
}

async fn told(helm: &Helm) -> String {
    helm.health().await.unwrap().warnings.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_candidate_is_raised_and_decides_in_every_process() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let open = async || world.open(task(even()).with_candidate(candidate.clone())).await;
    let (one, other) = (open().await, open().await);
    talk(&one, 0..20, 5.0).await;
    let early = world.look(&one).await;
    assert_eq!((early.verdict, early.done), (GateVerdict::TooLittle, None));
    talk(&one, 20..220, 5.0).await;
    assert!(is_decided_by(&one, &even()).await && is_decided_by(&other, &even()).await);
    let record = world.look(&one).await;
    assert_eq!(
        (record.verdict, record.done),
        (GateVerdict::Raise, Some(CandidateStep::Raised)),
        "{record:?}"
    );
    for helm in [&one, &other] {
        let standing = helm.candidate(&support()).await.unwrap().unwrap();
        let last = standing.last().unwrap();
        assert!(standing.is_live() && standing.automatic && !last.by_hand && last.gain.unwrap()[1] > 0.0);
        let (decision, why) = decided(helm).await;
        assert_eq!(
            (&decision.policy, &decision.policy_hash),
            (candidate.policy.name(), candidate.policy.hash())
        );
        let warm = decision.candidates.iter().find(|own| own.strategy.name().as_str() == "warm").unwrap();
        assert!(warm.probability.get() > 0.75, "the log says with which probabilities it draws");
        assert!(why.contains("the task's candidate, which decides since 2026-11-01"), "{why}");
        let report = helm.report(&support()).await.unwrap();
        assert_eq!((&report.policy, report.candidate.as_ref()), (candidate.policy.name(), Some(&standing)));
        assert!(told(helm).await.contains("the candidate of task support decides since"));
    }
    // From now on the policy waits, and only what the candidate decides counts.
    let gate = one.gate(&support(), None).await.unwrap().unwrap();
    assert_eq!(gate.verdict, GateVerdict::TooLittle, "{gate:?}");
    assert!(gate.decisions <= 2, "{gate:?}");
    let elsewhere = one.for_tenant(TenantId::new("other").unwrap());
    assert!(is_decided_by(&elsewhere, &even()).await && !is_live(&elsewhere).await);
    assert!(told(&elsewhere).await.is_empty());
    assert!(one.check_state(&support(), |_| ()).await.unwrap().is_equal());
    talk(&one, 300..500, 5.0).await;
    let record = world.look(&one).await;
    assert_ne!(record.verdict, GateVerdict::Raise, "{record:?}");
    assert!(is_live(&other).await, "it goes on earning more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_turns_out_to_be_worse_is_rolled_back_and_stays_down() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let helm = world.open(task(even()).with_candidate(candidate.clone())).await;
    talk(&helm, 0..200, 5.0).await;
    assert_eq!(world.look(&helm).await.done, Some(CandidateStep::Raised));
    let raised = decided(&helm).await.0;
    talk(&helm, 200..600, 1.0).await;
    let record = world.look(&helm).await;
    assert_eq!(
        (record.verdict, record.done),
        (GateVerdict::Raise, Some(CandidateStep::RolledBack)),
        "{record:?}"
    );
    assert_eq!(
        (&record.candidate, &record.live),
        (&even().hash().to_string(), &candidate.policy.hash().to_string())
    );
    assert!(is_decided_by(&helm, &even()).await);
    let warnings = told(&helm).await;
    assert!(
        warnings.contains("was rolled back at") && warnings.contains("the policy earns more than it"),
        "{warnings}"
    );
    let why = helm.explain(raised.id).await.unwrap().why;
    assert!(why.contains("which decided from 2026-11-01T"), "{why}");
    // The log of the policy speaks for it again, and it stays where it is.
    talk(&helm, 600..1_100, 5.0).await;
    let record = world.look(&helm).await;
    assert_eq!((record.verdict, record.done), (GateVerdict::Raise, None), "{record:?}");
    assert!(is_decided_by(&helm, &even()).await);
    assert_eq!(helm.candidate(&support()).await.unwrap().unwrap().changes.len(), 2);
    assert!(told(&helm).await.contains("was rolled back at"));
    assert!(helm.check_state(&support(), |_| ()).await.unwrap().is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_roll_back_once_and_say_why() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let open = async || world.open(task(even()).with_candidate(candidate.clone())).await;
    let (one, other) = (open().await, open().await);
    let error = one.roll_back(&support(), "too early").await.unwrap_err();
    assert!(matches!(error, Error::NotRaised { .. }) && error.kind() == ErrorKind::Conflict, "{error}");
    talk(&one, 0..200, 5.0).await;
    assert_eq!(world.look(&one).await.done, Some(CandidateStep::Raised));
    let support = support();
    let (first, second) = tokio::join!(
        one.roll_back(&support, "it asks too much"),
        other.roll_back(&support, "it asks too much")
    );
    assert_eq!([&first, &second].iter().filter(|done| done.is_ok()).count(), 1, "{first:?} {second:?}");
    for helm in [&one, &other] {
        let standing = helm.candidate(&support).await.unwrap().unwrap();
        let last = standing.last().unwrap();
        assert!(!standing.is_live() && last.by_hand && last.because == "it asks too much", "{last:?}");
        assert!(is_decided_by(helm, &even()).await);
    }
    talk(&one, 200..300, 5.0).await;
    let record = world.look(&one).await;
    assert_eq!((record.verdict, record.done), (GateVerdict::Raise, None), "it is not raised again");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_ends_it() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let helm = world.open(task(even()).with_candidate(candidate.clone())).await;
    talk(&helm, 0..200, 5.0).await;
    assert_eq!(world.look(&helm).await.done, Some(CandidateStep::Raised));
    assert!(is_decided_by(&helm, &candidate.policy).await);
    let other_policy = policy(&json!({ "kind": "random", "floor": 0.5 }));
    let same_by_hand = warmer(0.8);
    for (own, waits) in
        [(even(), warmer(0.7).automatic()), (other_policy, candidate.clone()), (even(), same_by_hand)]
    {
        helm.reload(Helm::builder().task(task(Arc::clone(&own)).with_candidate(waits))).await.unwrap();
        assert!(is_decided_by(&helm, &own).await && !is_live(&helm).await);
        assert!(!told(&helm).await.contains("decides since"));
    }
    helm.reload(Helm::builder().task(task(even()).with_candidate(candidate.clone()))).await.unwrap();
    assert!(is_decided_by(&helm, &candidate.policy).await, "what became of these two is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_raised_without_being_asked_for() {
    let world = World::new();
    let helm = world.open(task(even()).with_candidate(warmer(0.8))).await;
    talk(&helm, 0..200, 5.0).await;
    let record = world.look(&helm).await;
    assert_eq!((record.verdict, record.done), (GateVerdict::Raise, None));
    let standing = helm.candidate(&support()).await.unwrap().unwrap();
    assert!(!standing.automatic && !standing.is_live() && standing.changes.is_empty());
    assert!(is_decided_by(&helm, &even()).await);
    assert!(told(&helm).await.contains("put it in the policy's place"));
    assert!(matches!(helm.roll_back(&support(), "why not").await, Err(Error::NotRaised { .. })));
    let plain = World::new().open(task(even())).await;
    assert!(plain.candidate(&support()).await.unwrap().is_none());
}

/// How many rows there are beside those that all policies read, and how many rewards the latter have.
async fn packed(world: &World) -> (usize, i64) {
    let bandits = world.store.bandits();
    let state = bandits.load(&TenantId::single(), &support(), &StateQuery::default()).await.unwrap();
    let own = |row: &&helm_core::StatsRow| row.layout != Layout::NONE;
    assert!(state.rows.iter().filter(own).all(|row| row.stats.count == 0), "each reward counts once");
    (state.rows.iter().filter(own).count(), state.rows.iter().map(|row| row.stats.count).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_keeps_sums_of_its_own_knows_what_was_before_it_decides() {
    let world = World::new();
    let helm = world.open(task(even())).await;
    talk(&helm, 0..100, 5.0).await;
    assert_eq!(packed(&world).await, (0, 100));
    let linear = waiting(policy(&json!({ "kind": "lin_ucb", "floor": 0.2 }))).automatic();
    helm.reload(Helm::builder().task(task(even()).with_candidate(linear.clone()))).await.unwrap();
    // A policy that learns is credited with what it could have learnt of turns that had ended before.
    for first in (100..250).step_by(10) {
        world.clock.advance(Duration::from_secs(10));
        talk(&helm, first..first + 10, 5.0).await;
    }
    let (rows, rewards) = packed(&world).await;
    assert!(rows > 0 && rewards == 250, "{rows} {rewards}");
    assert!(!helm.check_state(&support(), |_| ()).await.unwrap().is_equal(), "it knows only what came since");
    let record = world.look(&helm).await;
    assert_eq!(record.done, Some(CandidateStep::Raised), "{record:?}");
    assert!(helm.check_state(&support(), |_| ()).await.unwrap().is_equal());
    let (decision, _) = decided(&helm).await;
    assert_eq!(decision.policy_hash, *linear.policy.hash());
    let warm = decision.candidates.iter().find(|own| own.strategy.name().as_str() == "warm").unwrap();
    assert!(warm.probability.get() > 0.85 && warm.mean > 0.7, "{warm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_before_it_was_raised_owes_nothing_to_it() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let helm = world.open(task(Arc::clone(&candidate.policy))).await;
    let (before, _) = ask(&helm, 0).await;
    helm.reload(Helm::builder().task(task(even()).with_candidate(candidate))).await.unwrap();
    talk(&helm, 0..200, 5.0).await;
    assert_eq!(world.look(&helm).await.done, Some(CandidateStep::Raised));
    let why = helm.explain(before).await.unwrap().why;
    assert!(!why.contains("the task's candidate"), "{why}");
    assert!(decided(&helm).await.1.contains("the task's candidate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reward_ends_it() {
    let (world, candidate) = (World::new(), warmer(0.8).automatic());
    let open = || task(even()).with_candidate(candidate.clone());
    let helm = world.open(open()).await;
    talk(&helm, 0..200, 5.0).await;
    assert_eq!(world.look(&helm).await.done, Some(CandidateStep::Raised));
    assert!(is_decided_by(&helm, &candidate.policy).await);
    let standard = RewardSpec::standard().unwrap();
    let mut config = standard.config().clone();
    config.human_weight = 0.5;
    let other = config.build(&standard.id().name).unwrap();
    helm.reload(Helm::builder().task(open().with_reward(other))).await.unwrap();
    assert!(is_decided_by(&helm, &even()).await && !is_live(&helm).await);
    helm.reload(Helm::builder().task(open())).await.unwrap();
    assert!(is_decided_by(&helm, &candidate.policy).await, "under the reward it was raised for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_has_died_does_not_stop_the_next_one() {
    let (world, candidate) = (World::new(), warmer(0.8));
    let open = || task(even()).with_candidate(candidate.clone());
    let clock: Arc<dyn helm_core::Clock> = world.clock.clone();
    let idle = Helm::builder().store(Arc::new(world.store.clone())).clock(clock).task(open());
    let idle = idle.observing().build().await.unwrap();
    talk(&idle, 0..10, 5.0).await;
    world.clock.advance(HOUR);
    for _ in 0..3 {
        let due = idle.store().jobs().claim(idle.now(), HOUR, 10, &["policy_gate"]).await.unwrap();
        let [job] = due.as_slice() else { panic!("{due:?}") };
        assert!(idle.store().jobs().fail(job, "the database is down", idle.now()).await.unwrap());
    }
    assert_eq!(idle.store().jobs().counts().await.unwrap().dead, 1);
    let helm = world.open(open()).await;
    talk(&helm, 10..20, 5.0).await;
    assert_eq!(world.look(&helm).await.verdict, GateVerdict::TooLittle);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_looks_of_a_candidate_that_was_taken_out_are_dropped() {
    let world = World::new();
    let helm = world.open(task(even()).with_candidate(warmer(0.8))).await;
    talk(&helm, 0..10, 5.0).await;
    helm.reload(Helm::builder().task(task(even()))).await.unwrap();
    world.clock.advance(HOUR * 1_000);
    for _ in 0..400 {
        let counts = helm.store().jobs().counts().await.unwrap();
        if counts.waiting + counts.leased == 0 {
            assert_eq!(counts.dead, 0);
            assert!(helm.gate_records(&support()).await.unwrap().is_empty());
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody took them away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_refuses_a_decision_is_in_nobodys_way() {
    let plain_only = json!({ "kind": "lin_ucb", "ridge": { "strategies": { "plain": [1.0] } } });
    let world = World::new();
    let helm = world.open(task(even()).with_candidate(waiting(policy(&plain_only)).automatic())).await;
    talk(&helm, 0..20, 5.0).await;
    let bandits = world.store.bandits();
    let state = bandits.load(&TenantId::single(), &support(), &StateQuery::default()).await.unwrap();
    let of_warm: Vec<_> = state.rows.iter().filter(|row| row.strategy.name().as_str() == "warm").collect();
    assert!(!of_warm.is_empty() && of_warm.iter().all(|row| row.layout == Layout::NONE), "{of_warm:?}");
    assert_eq!(packed(&world).await.1, 20);
    assert!(helm.check_state(&support(), |_| ()).await.unwrap().is_equal());
}

/// A policy whose prior cannot be estimated.
struct Unfit(Arc<dyn Policy>);

impl Policy for Unfit {
    fn name(&self) -> &helm_core::PolicyName {
        self.0.name()
    }

    fn hash(&self) -> &helm_core::PolicyHash {
        self.0.hash()
    }

    fn choose(&self, request: &policy::ChoiceRequest<'_>) -> policy::Result<policy::Choice> {
        self.0.choose(request)
    }

    fn fit_prior(&self, _: &[policy::UserStats]) -> policy::Result<policy::PriorEstimate> {
        Err(policy::Error::NothingEligible)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_kept_where_acting_upon_it_fails() {
    let (world, able) = (World::new(), warmer(0.8).policy);
    let helm = world.open(task(even()).with_candidate(waiting(Arc::new(Unfit(able))).automatic())).await;
    talk(&helm, 0..200, 5.0).await;
    let record = world.look(&helm).await;
    assert_eq!((record.verdict, record.done), (GateVerdict::Raise, None), "{record:?}");
    assert!(is_decided_by(&helm, &even()).await);
}

#[test]
fn automatic_candidates_that_cannot_take_the_policys_place_are_refused() {
    let day = policy(&json!({ "kind": "random", "epoch_seconds": 86_400 }));
    let check = |candidate| Helm::builder().task(task(even()).with_candidate(candidate)).check();
    let error = check(waiting(Arc::clone(&day)).automatic()).unwrap_err().report();
    assert!(error.contains("tasks.support.candidate.policy: an automatic candidate needs the"), "{error}");
    assert!(error.contains("epoch_seconds of the policy, 3600; it has 86400"), "{error}");
    check(waiting(day)).unwrap();
    let config = |automatic: bool, given: &str| {
        let text = format!(
            "[tasks.t.strategies]\na = {{ system = \"A\" }}\nb = {{ system = \"B\" }}\n[tasks.t.candidate]\nautomatic = {automatic}\n\
             policy = {{ kind = \"lin_ucb\", ridge = {{ strategies = {given} }} }}\n"
        );
        let config = HelmConfig::from_toml(&text, Path::new("helm.toml")).unwrap();
        config.candidate(&TaskId::new("t").unwrap(), &Registry::standard()).map(drop)
    };
    let error = config(true, "{ a = [1.0] }").unwrap_err().report();
    assert!(error.contains("needs the features of strategy b too"), "{error}");
    config(false, "{ a = [1.0] }").unwrap();
    config(true, "{ a = [1.0], b = [0.5] }").unwrap();
}
