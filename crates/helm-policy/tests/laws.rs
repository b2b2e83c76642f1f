//! What must hold of every policy.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Layout, NanoUsd, Scope, Stats, StatsRow, StrategyId,
    TaskId, TenantId, Timestamp, UnitInterval, UserId,
};
use helm_policy::{
    Arm, Belief, ChoiceRequest, Contribution, Error, Learner, LearnerPolicy, Options, Policy, PolicyConfig,
    PriorEstimate, Registry, Result, Rule, Snapshot, StrategyPrior, UserStats,
};
use proptest::prelude::*;
use serde_json::json;

/// Every built-in kind, some of them twice.
const KINDS: [&str; 20] = [
    r#"{"kind":"auto"}"#,
    r#"{"kind":"thompson","learner":"beta","pool":"none"}"#,
    r#"{"kind":"thompson","learner":"beta","floor":0.05,"forget":{"half_life_seconds":10000}}"#,
    r#"{"kind":"thompson","pool":"strategies","forget":"adaptive"}"#,
    r#"{"kind":"top_two_thompson","forget":{"window_seconds":10000}}"#,
    r#"{"kind":"track_and_stop"}"#,
    r#"{"kind":"epsilon_greedy","epsilon":0.2}"#,
    r#"{"kind":"epsilon_greedy","decay":5.0}"#,
    r#"{"kind":"softmax"}"#,
    r#"{"kind":"ucb1"}"#,
    r#"{"kind":"ucb1_tuned"}"#,
    r#"{"kind":"kl_ucb"}"#,
    r#"{"kind":"exp3_ix"}"#,
    r#"{"kind":"square_cb","learner":"beta"}"#,
    r#"{"kind":"square_cb"}"#,
    r#"{"kind":"lin_ucb"}"#,
    r#"{"kind":"lin_ts"}"#,
    r#"{"kind":"rand_ucb"}"#,
    r#"{"kind":"fixed","weights":{"s0":1,"s1":2}}"#,
    r#"{"kind":"random"}"#,
];

fn policies() -> Vec<Arc<dyn Policy>> {
    let registry = Registry::standard();
    KINDS.iter().map(|kind| registry.build(&serde_json::from_str(kind).unwrap()).unwrap()).collect()
}

fn policy(kind: &str) -> Arc<dyn Policy> {
    Registry::standard().build(&serde_json::from_str(kind).unwrap()).unwrap()
}

fn context() -> Context {
    let (user, task) = (UserId::new("ana").unwrap(), TaskId::new("t").unwrap());
    Context::new(TenantId::single(), user, task, Timestamp::from_micros(5_000_000_000))
}

fn ids(count: usize) -> Vec<StrategyId> {
    (0..count).map(|index| format!("s{index}@1").parse().unwrap()).collect()
}

fn arms(ids: &[StrategyId]) -> Vec<Arm> {
    ids.iter().cloned().map(Arm::new).collect()
}

fn id(number: u64) -> DecisionId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    DecisionId::from_bytes(bytes)
}

fn sum(rewards: &[f64]) -> Stats {
    let rewards = rewards.iter().map(|reward| Stats::of_reward(UnitInterval::new(*reward).unwrap()));
    rewards.fold(Stats::default(), |sum, stats| sum.checked_add(&stats).unwrap())
}

fn row(scope: Scope, strategy: &StrategyId, rewards: &[f64]) -> StatsRow {
    StatsRow {
        scope,
        strategy: strategy.clone(),
        epoch: Epoch::starting_at(0),
        layout: Layout::NONE,
        stats: sum(rewards),
    }
}

fn choose(
    policy: &dyn Policy,
    eligible: &[StrategyId],
    snapshot: &Snapshot,
    number: u64,
) -> helm_policy::Choice {
    let context = context();
    policy.choose(&ChoiceRequest::new(id(number), &context, &arms(eligible), snapshot)).unwrap()
}

fn snapshot_of(rewards: &[Vec<f64>], own: &[Vec<f64>]) -> Snapshot {
    let user = Scope::User(context().user);
    let strategies = ids(rewards.len());
    let task = strategies.iter().zip(rewards).map(|(strategy, rewards)| row(Scope::Task, strategy, rewards));
    let own = strategies.iter().zip(own).map(|(strategy, rewards)| row(user.clone(), strategy, rewards));
    Snapshot::from_rows(task.chain(own).collect::<Vec<_>>(), None).unwrap()
}

fn rewards() -> impl Strategy<Value = Vec<Vec<f64>>> {
    proptest::collection::vec(proptest::collection::vec(0.0_f64..=1.0, 0..30), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn probabilities_sum_to_one_and_keep_the_floor(rewards in rewards(), number in 0_u64..1_000) {
        let snapshot = snapshot_of(&rewards, &rewards.iter().map(|r| r[..r.len() / 2].to_vec()).collect::<Vec<_>>());
        let eligible = ids(rewards.len());
        for policy in policies() {
            let choice = choose(&policy, &eligible, &snapshot, number);
            let total: f64 = choice.candidates.iter().map(|c| c.probability.get()).sum();
            prop_assert!((total - 1.0).abs() < 1e-12, "{}: {total}", policy.name());
            let t = snapshot.rewards().unwrap().max(1) as f64;
            let floor = (0.2 / t.sqrt()).min(0.02) / eligible.len() as f64;
            for candidate in &choice.candidates {
                prop_assert!(candidate.probability.get() >= floor * (1.0 - 1e-9));
            }
            let kept = choice.floor.map(|mass| mass.get() / eligible.len() as f64).unwrap();
            prop_assert!(choice.candidates.iter().all(|c| c.probability.get() >= kept * (1.0 - 1e-9)));
            let drawn = choice.candidates.iter().find(|c| c.strategy == choice.strategy).unwrap();
            prop_assert_eq!(drawn.probability, choice.propensity);
            prop_assert_eq!(choose(&policy, &eligible, &snapshot, number), choice);
        }
    }

    #[test]
    fn the_order_of_the_eligible_does_not_matter(rewards in rewards()) {
        let snapshot = snapshot_of(&rewards, &[]);
        let forward = ids(rewards.len());
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        for policy in policies() {
            let by_name = |eligible: &[StrategyId]| -> BTreeMap<StrategyId, f64> {
                let choice = choose(&policy, eligible, &snapshot, 1);
                choice.candidates.into_iter().map(|c| (c.strategy, c.probability.get())).collect()
            };
            let (forward, backward) = (by_name(&forward), by_name(&backward));
            for (strategy, probability) in forward {
                prop_assert!((probability - backward[&strategy]).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn draws_follow_the_logged_law() {
    let snapshot = snapshot_of(&[vec![0.4, 0.6, 0.5], vec![0.6, 0.5], vec![0.55]], &[]);
    let eligible = ids(3);
    for policy in policies() {
        let draws = 20_000_u64;
        let mut counts: BTreeMap<StrategyId, f64> = BTreeMap::new();
        let law = choose(&policy, &eligible, &snapshot, 0).candidates;
        for number in 0..draws {
            *counts.entry(choose(&policy, &eligible, &snapshot, number).strategy).or_default() += 1.0;
        }
        let chi_squared: f64 = law
            .iter()
            .map(|candidate| {
                let expected = candidate.probability.get() * draws as f64;
                let found = counts.get(&candidate.strategy).copied().unwrap_or(0.0);
                (found - expected).powi(2) / expected
            })
            .sum();
        // The 0.9999 quantile of chi-squared with two degrees of freedom; the draws are fixed, so is the answer.
        assert!(chi_squared < 18.4, "{}: {chi_squared}", policy.name());
    }
}

#[test]
fn a_user_who_differs_gets_their_own_strategy() {
    let crowd: Vec<f64> = (0..200).map(|i| if i % 5 == 0 { 0.3 } else { 0.9 }).collect();
    let other: Vec<f64> = (0..200).map(|i| if i % 5 == 0 { 0.6 } else { 0.5 }).collect();
    let own = [vec![0.1; 12], vec![0.95; 12]];
    let with_own = [[crowd.clone(), own[0].clone()].concat(), [other.clone(), own[1].clone()].concat()];
    let policy = policy(r#"{"kind":"auto"}"#);
    let differing = StrategyPrior { between: 0.06, chance: 0.01, within: 0.06, users: 20 };
    let strategies = ids(2).into_iter().map(|id| (id, differing)).collect();
    let with_prior = |mut snapshot: Snapshot| {
        snapshot
            .set_prior(Some(PriorEstimate { format_version: 1, strategies: BTreeMap::clone(&strategies) }));
        snapshot
    };
    let newcomer = choose(&policy, &ids(2), &with_prior(snapshot_of(&[crowd, other], &[])), 0);
    assert!(newcomer.candidates[0].probability.get() > 0.9, "the crowd decides for a newcomer");
    let known = choose(&policy, &ids(2), &with_prior(snapshot_of(&with_own, &own)), 0);
    assert!(known.candidates[1].probability.get() > 0.9, "the user's own ratings decide for the user");
}

#[test]
fn the_hierarchy_collapses_when_users_agree_and_opens_when_they_do_not() {
    let strategy = &ids(1)[0];
    let user = |mean: f64| UserStats {
        strategy: strategy.clone(),
        stats: sum(&(0..40).map(|i| mean + if i % 2 == 0 { 0.1 } else { -0.1 }).collect::<Vec<_>>()),
    };
    let policy = policy(r#"{"kind":"auto"}"#);
    let agreeing: Vec<_> = (0..20).map(|_| user(0.5)).collect();
    let differing: Vec<_> = (0..20).map(|i| user(if i % 2 == 0 { 0.2 } else { 0.8 })).collect();
    let between = |users: &[UserStats]| policy.fit_prior(users).unwrap().strategies[strategy].between;
    assert_eq!(between(&agreeing), 0.0);
    assert!((between(&differing) - 0.09).abs() < 0.01, "{}", between(&differing));
    assert!(policy.fit_prior(&agreeing[..3]).unwrap().strategies.is_empty(), "three users say nothing");
}

fn decision(strategy: &StrategyId) -> Decision {
    let policy = policy(r#"{"kind":"auto"}"#);
    Decision {
        id: id(1),
        context: context(),
        strategy: strategy.clone(),
        propensity: helm_core::Probability::ONE,
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: policy.name().clone(),
        policy_hash: policy.hash().clone(),
        epoch: Epoch::starting_at(0),
        candidates: vec![],
        floor: None,
        excluded: vec![],
        at: context().at,
    }
}

#[test]
fn a_correction_changes_the_sum_and_not_the_count() {
    let policy = policy(r#"{"kind":"auto"}"#);
    let decision = decision(&ids(1)[0]);
    let with = |reward: f64| Contribution {
        reward: Some(UnitInterval::new(reward).unwrap()),
        ..Contribution::default()
    };
    let (before, after) = (
        policy.contribution(&decision, &with(0.2)).unwrap(),
        policy.contribution(&decision, &with(0.9)).unwrap(),
    );
    assert_eq!(before.len(), 2, "the task's row and the user's");
    for (before, after) in before.iter().zip(&after) {
        let difference = after.stats.checked_sub(&before.stats).unwrap();
        assert_eq!(difference.count, 0);
        assert!((difference.reward.to_f64() - 0.7).abs() < 1e-9);
    }
    let failed = Contribution { failed: true, ..Contribution::default() };
    let failed = policy.contribution(&decision, &failed).unwrap();
    assert_eq!((failed[0].stats.count, failed[0].stats.failures), (0, 1));
    assert!(policy.contribution(&decision, &Contribution::default()).unwrap().is_empty());
}

#[test]
fn old_rewards_fade_with_the_half_life() {
    let strategies = ids(2);
    let at = |start, strategy: &StrategyId, rewards: &[f64]| StatsRow {
        epoch: Epoch::starting_at(start),
        ..row(Scope::Task, strategy, rewards)
    };
    let old_hero = at(-86_400 * 100, &strategies[0], &[0.9; 50]);
    let rest = [at(0, &strategies[0], &[0.2; 10]), at(0, &strategies[1], &[0.5; 10])];
    let snapshot = Snapshot::from_rows([old_hero].into_iter().chain(rest), None).unwrap();
    let forgetful = policy(r#"{"kind":"thompson","forget":{"half_life_seconds":86400}}"#);
    let loyal = policy(r#"{"kind":"thompson"}"#);
    assert!(choose(&forgetful, &strategies, &snapshot, 0).candidates[1].probability.get() > 0.9);
    assert!(choose(&loyal, &strategies, &snapshot, 0).candidates[0].probability.get() > 0.9);
}

#[test]
fn bad_requests_are_typed_errors() {
    let policy = policy(r#"{"kind":"auto"}"#);
    let (context, snapshot) = (context(), Snapshot::default());
    let ask = |eligible: &[StrategyId], snapshot: &Snapshot| {
        policy.choose(&ChoiceRequest::new(id(0), &context, &arms(eligible), snapshot))
    };
    let strategies = ids(2);
    assert_eq!(ask(&[], &snapshot), Err(Error::NothingEligible));
    let twice = [strategies[0].clone(), strategies[0].clone()];
    assert!(matches!(ask(&twice, &snapshot), Err(Error::DuplicateStrategy { .. })));
    let negative =
        StatsRow { stats: Stats { count: -1, ..Stats::default() }, ..row(Scope::Task, &strategies[0], &[]) };
    let corrupt = Snapshot::from_rows([negative], None).unwrap();
    assert!(matches!(ask(&strategies, &corrupt), Err(Error::CorruptStats { .. })));
    let rows = ["ana", "bo"].map(|name| row(Scope::User(UserId::new(name).unwrap()), &strategies[0], &[0.5]));
    assert_eq!(Snapshot::from_rows(rows, None), Err(Error::MixedUsers));
}

#[test]
fn seconds_are_those_of_all_turns_not_only_of_the_judged() {
    let policy = policy(r#"{"kind":"auto","forget":"never","budget":{"seconds_per_turn":2.0}}"#);
    let strategies = ids(2);
    // A tenth of the turns is judged. The first takes a second and is the better one.
    let rows = |seconds: i64| {
        let mut slow = row(Scope::Task, &strategies[0], &[0.75; 30]);
        (slow.stats.turns, slow.stats.latency_us) = (300, 300 * seconds * 1_000_000);
        let mut quick = row(Scope::Task, &strategies[1], &[0.5; 30]);
        (quick.stats.turns, quick.stats.latency_us) = (300, 300_000_000 / 2);
        Snapshot::from_rows([slow, quick], None).unwrap()
    };
    let first = |seconds| choose(&policy, &strategies, &rows(seconds), 0).candidates[0].probability.get();
    assert!(first(1) > 0.9, "within two seconds nobody pays");
    assert!(first(30) < 0.1, "far beyond them the slow one does");
    let waited = Contribution { latency: Some(Duration::from_secs(3)), ..Contribution::default() };
    let waited = policy.contribution(&decision(&strategies[0]), &waited).unwrap();
    let stats = &waited[0].stats;
    assert_eq!((stats.count, stats.turns, stats.latency_us), (0, 1, 3_000_000));
}

#[test]
fn a_row_that_is_refused_leaves_the_snapshot_as_it_was() {
    let strategies = ids(2);
    let known = row(Scope::Task, &strategies[0], &[0.5]);
    let snapshot = Snapshot::from_rows([known.clone()], None).unwrap();
    let huge = Stats { count: i64::MAX, ..Stats::default() };
    let of = |name: &str| Scope::User(UserId::new(name).unwrap());
    let mut full = snapshot.clone();
    full.add(&row(of("ana"), &strategies[1], &[0.5])).unwrap();
    for (mut before, refused) in [
        (snapshot.clone(), StatsRow { stats: huge.clone(), ..known }),
        (full.clone(), StatsRow { stats: huge, ..row(of("ana"), &strategies[1], &[]) }),
        (full, row(of("bo"), &strategies[0], &[0.5])),
    ] {
        let unchanged = before.clone();
        assert!(before.add(&refused).is_err());
        assert_eq!(before, unchanged);
    }
}

#[test]
fn bad_configurations_say_what_to_do() {
    let registry = Registry::standard();
    for (config, expected) in [
        (json!({}), "kind"),
        (json!({"kind": "bandit"}), "there are: auto"),
        (json!({"kind": "auto", "flor": 0.1}), "flor"),
        (json!({"kind": "auto", "floor": 1.5}), "floor must be from 0 to 1"),
        (json!({"kind": "thompson", "width": 0.0}), "width"),
        (json!({"kind": "epsilon_greedy", "epsilon": -0.1}), "epsilon"),
        (json!({"kind": "fixed", "weights": {"a": 0.0}}), "weights"),
        (json!({"kind": "auto", "epoch_seconds": 0}), "epoch_seconds"),
        (json!({"kind": "auto", "floor": null}), "floor"),
        (json!({"kind": "auto", "budget": {"usd_per_day": 0.0}}), "budget"),
        (json!({"kind": "auto", "budget": {"euros": 1.0}}), "euros"),
        (json!({"kind": "auto", "forget": {"half_life_seconds": 60}}), "epoch_seconds"),
        (json!({"kind": "lin_ucb", "ridge": {"penalty": 0.0}}), "penalty"),
        (json!({"kind": "lin_ucb", "ridge": {"penality": 1.0}}), "penality"),
        (json!({"kind": "thompson", "learner": "ridgee"}), "ridgee"),
    ] {
        let error = registry.build(&config).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{config}: {error}");
    }
}

/// Everybody's rewards, with what they cost, in one epoch.
fn costly(start: i64, strategy: &StrategyId, rewards: &[f64], usd: f64) -> StatsRow {
    let mut row = StatsRow { epoch: Epoch::starting_at(start), ..row(Scope::Task, strategy, rewards) };
    row.stats.cost = NanoUsd::from_nanos((usd * 1e9) as i64);
    row.stats.turns = row.stats.count;
    row
}

#[test]
fn a_budget_makes_the_dear_give_way() {
    // It is half past one of day 0; each strategy has had both hours.
    let strategies = ids(2);
    let spend = |dear: f64| {
        let hours = [0, 3_600].into_iter();
        let rows = hours.flat_map(|hour| {
            [
                costly(hour, &strategies[0], &[0.9; 30], dear),
                costly(hour, &strategies[1], &[0.7; 30], dear / 100.0),
            ]
        });
        Snapshot::from_rows(rows.collect::<Vec<_>>(), None).unwrap()
    };
    let unpaced = policy(r#"{"kind":"auto","forget":"never"}"#);
    let paced = policy(r#"{"kind":"auto","forget":"never","budget":{"usd_per_day":24.0}}"#);
    let dear = |policy: &dyn Policy, snapshot: &Snapshot| {
        choose(policy, &strategies, snapshot, 0).candidates[0].probability.get()
    };
    assert!(dear(&unpaced, &spend(4.0)) > 0.9, "without a budget the better one is played");
    assert!(dear(&paced, &spend(0.1)) > 0.9, "so it is while little is spent");
    assert!(dear(&paced, &spend(4.0)) < 0.1, "an hour of four dollars where one is allowed raises the price");
    assert!(dear(&paced, &spend(13.0)) < 0.02, "when the day's budget is spent only the cheapest is left");
    assert_eq!(paced.history(context().at), Some(Epoch::starting_at(-601_200)), "a week is looked at");
}

#[cfg(feature = "conformance")]
#[test]
fn every_kind_keeps_the_laws() {
    for policy in policies() {
        helm_policy::conformance::policy(&policy);
    }
}

#[test]
fn every_learner_keeps_the_laws() {
    use helm_policy::{
        BetaCounts, Hierarchical, NormalInverseGamma, Pooled, Ridge, RidgeOptions, conformance,
    };
    let normal = NormalInverseGamma::default();
    let learners: [Box<dyn Learner>; 8] = [
        Box::new(BetaCounts),
        Box::new(normal),
        Box::new(Pooled(BetaCounts)),
        Box::new(Pooled(normal)),
        Box::new(Hierarchical(BetaCounts)),
        Box::new(Hierarchical(normal)),
        Box::new(Ridge::new(RidgeOptions::default()).unwrap()),
        Box::new(Ridge::new(RidgeOptions::textbook(1.0)).unwrap()),
    ];
    learners.iter().for_each(|learner| conformance::learner(learner));
}

#[test]
fn every_rule_keeps_the_laws() {
    use helm_policy::{
        EpsilonGreedy, Exp3Ix, FixedWeights, InverseGap, KlUcb, Optimism, RandomRule, RandomizedUcb, Softmax,
        Thompson, TopTwoThompson, TrackAndStop, Ucb1, Ucb1Tuned, conformance,
    };
    let weights = [("s0".parse().unwrap(), 1.0), ("s1".parse().unwrap(), 2.0)].into();
    let rules: [Box<dyn Rule>; 15] = [
        Box::new(RandomRule),
        Box::new(FixedWeights::new(weights).unwrap()),
        Box::new(EpsilonGreedy::new(0.1).unwrap()),
        Box::new(EpsilonGreedy::new(0.5).unwrap().decaying(3.0).unwrap()),
        Box::new(Softmax::new(0.1).unwrap()),
        Box::new(Ucb1),
        Box::new(Ucb1Tuned),
        Box::new(KlUcb),
        Box::new(Exp3Ix),
        Box::new(InverseGap::default()),
        Box::new(Thompson::new(0.7).unwrap().widened_for_few()),
        Box::new(TopTwoThompson::new(0.5).unwrap()),
        Box::new(TrackAndStop::default()),
        Box::new(Optimism::new(0.3).unwrap()),
        Box::new(RandomizedUcb::new(1.0).unwrap()),
    ];
    rules.iter().for_each(|rule| conformance::rule(rule));
}

#[test]
fn threads_in_any_order_add_up_to_the_same_bits() {
    const THREADS: usize = 8;
    const REWARDS: u64 = 10_000;
    let policy = policy(r#"{"kind":"exp3_ix"}"#);
    let strategies = ids(3);
    let rows = |number: u64| -> Vec<StatsRow> {
        let mut decision = decision(&strategies[number as usize % 3]);
        decision.epoch = Epoch::starting_at(3_600 * (number as i64 % 5));
        decision.propensity = helm_core::Probability::new(0.1 + 0.8 * (number % 7) as f64 / 7.0).unwrap();
        let reward = UnitInterval::new((number * 7_919 % 10_007) as f64 / 10_007.0).ok();
        policy.contribution(&decision, &Contribution { reward, ..Contribution::default() }).unwrap()
    };
    let mut replayed = Snapshot::default();
    (0..REWARDS).flat_map(rows).for_each(|row| replayed.add(&row).unwrap());
    // Every thread sends every reward, in an order of its own; a key that was seen is a duplicate.
    let shared = std::sync::Mutex::new((std::collections::HashSet::new(), Snapshot::default()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (shared, rows) = (&shared, &rows);
            scope.spawn(move || {
                for place in 0..REWARDS {
                    // 7,919 and the like are prime to 10,000, so this visits each reward once.
                    let number = (place * [7_919, 6_577, 9_973, 3, 7, 9, 11, 13][thread]) % REWARDS;
                    let rows = rows(number);
                    let mut shared = shared.lock().unwrap();
                    if shared.0.insert(number) {
                        rows.iter().for_each(|row| shared.1.add(row).unwrap());
                    }
                }
            });
        }
    });
    let (seen, added) = shared.into_inner().unwrap();
    assert_eq!(seen.len() as u64, REWARDS);
    assert_eq!(added, replayed);
}

#[test]
fn the_catalog_is_true() {
    let registry = Registry::standard();
    for info in helm_policy::CATALOG {
        assert!(
            KINDS.iter().any(|kind| kind.contains(&format!(r#""kind":"{}""#, info.kind))),
            "{}",
            info.kind
        );
        let mut config = json!({"kind": info.kind});
        let own = info.parameters.iter().filter(|parameter| parameter.default != "-");
        for parameter in own {
            config[parameter.name] = serde_json::from_str(parameter.default).unwrap();
        }
        if info.kind == "fixed" {
            config["weights"] = json!({"a": 1.0});
        }
        let mut bare = json!({"kind": info.kind});
        if info.kind == "fixed" {
            bare["weights"] = json!({"a": 1.0});
        }
        // Equal hashes mean equal laws: what is listed is what holds without it.
        let hash = |config| registry.build(&config).map(|policy| policy.hash().clone());
        assert!(hash(bare.clone()).is_ok(), "{}", info.kind);
        assert_eq!(hash(bare), hash(config.clone()), "{}", info.kind);
        config["nonsense"] = json!(1);
        assert!(registry.build(&config).is_err(), "{}", info.kind);
    }
}

/// A rule of one's own: always the strategy with the most uncertain mean.
struct MostCurious;

impl Rule for MostCurious {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let widths = || beliefs.iter().map(|belief| belief.posterior.deviation());
        let widest = widths().fold(0.0, f64::max);
        out.iter_mut().zip(widths()).for_each(|(out, width)| *out = f64::from(width >= widest));
        Ok(())
    }
}

#[test]
fn a_rule_of_ones_own_registers_by_name() {
    let mut registry = Registry::standard();
    let build = |_: &serde_json::Value| -> Result<Arc<dyn Policy>> {
        let name = "most_curious".parse().unwrap();
        let learner = helm_policy::NormalInverseGamma::default();
        Ok(Arc::new(LearnerPolicy::new(name, "", learner, MostCurious, Options::default())?))
    };
    registry.register("most_curious", build).unwrap();
    assert!(matches!(registry.register("auto", build), Err(Error::DuplicateKind { .. })));
    let policy = registry.build(&json!({"kind": "most_curious"})).unwrap();
    let snapshot = snapshot_of(&[vec![0.5; 50], vec![0.5]], &[]);
    assert!(choose(&policy, &ids(2), &snapshot, 0).candidates[1].probability.get() > 0.9);
}

#[test]
fn policies_are_shareable() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Box<dyn Policy>>();
    shareable::<Box<dyn Learner>>();
    shareable::<Box<dyn Rule>>();
    shareable::<Registry>();
    assert_eq!(PolicyConfig::default().name(), "auto");
}
