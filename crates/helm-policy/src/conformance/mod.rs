//! Laws that every policy, learner and rule keeps, built in or yours. Behind the feature `conformance`.
//!
//! ```
//! # use helm_policy::{BetaCounts, PolicyConfig, Softmax, conformance};
//! conformance::policy(&PolicyConfig::default().build()?);
//! conformance::learner(&BetaCounts);
//! conformance::rule(&Softmax::new(0.1)?);
//! # Ok::<(), helm_policy::Error>(())
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken law is told by a panic"
)]

mod learner;
mod rule;

use std::collections::BTreeMap;
use std::time::Duration;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Features, Layout, PolicyHash, PolicyName,
    Probability, Scope, Stats, StatsRow, StrategyId, TaskId, TenantId, Timestamp, UnitInterval, UserId,
};

pub use learner::learner;
pub use rule::rule;

use crate::arm::Arm;
use crate::error::Error;
use crate::policy::{Choice, ChoiceRequest, Contribution, Policy};
use crate::snapshot::Snapshot;

/// Draws by which the law of drawing is tested.
const DRAWS: u64 = 4_000;
/// The 0.9999 quantile of chi-squared with two degrees of freedom. Ids are fixed, so the answer never varies.
const CHI_SQUARED: f64 = 18.5;

/// Holds a policy to every law.
///
/// # Panics
///
/// Panics with the law that it breaks.
pub fn policy(policy: &dyn Policy) {
    let arms = arms(3);
    for snapshot in [Snapshot::default(), learnt(&arms)] {
        let choice = choose(policy, 1, &arms, &snapshot);
        is_a_law(&choice);
        assert_eq!(choice, choose(policy, 1, &arms, &snapshot), "a decision repeats under its id");
        draws_follow_the_law(policy, &choice, &arms, &snapshot);
        order_does_not_matter(policy, &choice, &arms, &snapshot);
        exploration_is_kept(policy, &arms, &snapshot);
        let alone = choose(policy, 1, &arms[..1], &snapshot);
        assert!((alone.propensity.get() - 1.0).abs() < 1e-12, "one strategy alone is certain");
    }
    decides_with_features(policy, &arms);
    refuses_what_cannot_be_chosen(policy, &arms);
    counts_alike(policy, &arms);
}

fn arms(count: usize) -> Vec<Arm> {
    let id = |index| -> StrategyId { format!("s{index}@1").parse().expect("a strategy id") };
    (0..count).map(|index| Arm::new(id(index))).collect()
}

fn context() -> Context {
    let (user, task) = (UserId::new("ana").expect("an id"), TaskId::new("t").expect("an id"));
    Context::new(TenantId::single(), user, task, Timestamp::from_micros(90_000_000_000))
}

fn id(number: u64) -> DecisionId {
    DecisionId::from_bytes((u128::from(number) + 1).to_be_bytes())
}

/// Some rewards for each strategy, of everybody and of the user.
fn learnt(arms: &[Arm]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (index, arm) in arms.iter().enumerate() {
        for reward in 0..8 {
            let value = 0.1 * ((index * 3 + reward * 7) % 11) as f64;
            for scope in [Scope::Task, Scope::User(context().user)] {
                let stats = Stats::of_reward(UnitInterval::new(value).expect("a reward"));
                let (strategy, epoch) = (arm.id.clone(), Epoch::starting_at(3_600 * reward as i64));
                let row = StatsRow { scope, strategy, epoch, layout: Layout::NONE, stats };
                snapshot.add(&row).expect("rows add up");
            }
        }
    }
    snapshot
}

fn choose(policy: &dyn Policy, number: u64, arms: &[Arm], snapshot: &Snapshot) -> Choice {
    let context = context();
    match policy.choose(&ChoiceRequest::new(id(number), &context, arms, snapshot)) {
        Ok(choice) => choice,
        Err(error) => panic!("it chooses where it can: {error}"),
    }
}

fn is_a_law(choice: &Choice) {
    let total: f64 = choice.candidates.iter().map(|candidate| candidate.probability.get()).sum();
    assert!((total - 1.0).abs() < 1e-12, "probabilities sum to 1, not to {total}");
    let drawn = choice.candidates.iter().find(|candidate| candidate.strategy == choice.strategy);
    let drawn = drawn.expect("what is drawn is among the candidates");
    assert_eq!(drawn.probability, choice.propensity, "the propensity is that of what was drawn");
    assert!(choice.propensity.get() > 0.0, "what cannot be drawn is not drawn");
}

fn draws_follow_the_law(policy: &dyn Policy, choice: &Choice, arms: &[Arm], snapshot: &Snapshot) {
    let mut counts: BTreeMap<StrategyId, f64> = BTreeMap::new();
    for number in 0..DRAWS {
        let drawn = choose(policy, number, arms, snapshot);
        is_a_law(&drawn);
        assert_eq!(drawn.candidates, choice.candidates, "the law does not depend on the decision's id");
        *counts.entry(drawn.strategy).or_default() += 1.0;
    }
    let likely = choice.candidates.iter().filter(|candidate| candidate.probability.get() > 0.0);
    let chi_squared: f64 = likely
        .map(|candidate| {
            let expected = candidate.probability.get() * DRAWS as f64;
            let found = counts.get(&candidate.strategy).copied().unwrap_or(0.0);
            (found - expected) * (found - expected) / expected
        })
        .sum();
    assert!(chi_squared < CHI_SQUARED, "draws follow the probabilities: chi-squared is {chi_squared}");
}

fn order_does_not_matter(policy: &dyn Policy, choice: &Choice, arms: &[Arm], snapshot: &Snapshot) {
    let backward: Vec<Arm> = arms.iter().rev().cloned().collect();
    let rotated: Vec<Arm> = arms.iter().cycle().skip(1).take(arms.len()).cloned().collect();
    for order in [backward, rotated] {
        let other = choose(policy, 1, &order, snapshot);
        for candidate in &choice.candidates {
            let same = other.candidates.iter().find(|other| other.strategy == candidate.strategy);
            let difference = same.map(|same| (same.probability.get() - candidate.probability.get()).abs());
            assert!(difference.is_some_and(|by| by < 1e-9), "the order of the eligible does not matter");
        }
    }
}

fn exploration_is_kept(policy: &dyn Policy, arms: &[Arm], snapshot: &Snapshot) {
    let context = context();
    let request = ChoiceRequest::new(id(1), &context, arms, snapshot).with_least_floor(0.3);
    let choice = policy.choose(&request).expect("it chooses where it can");
    is_a_law(&choice);
    let least = 0.3 / arms.len() as f64 * (1.0 - 1e-9);
    let kept = choice.candidates.iter().all(|candidate| candidate.probability.get() >= least);
    assert!(kept, "the exploration that was asked for is kept by every strategy");
    let told = choice.floor.is_none_or(|mass| (0.3 - 1e-12..=1.0).contains(&mass.get()));
    assert!(told, "the exploration that is told is that which is kept");
}

fn decides_with_features(policy: &dyn Policy, arms: &[Arm]) {
    let mut context = context();
    context.features = Features::new(1, vec![0.3, -0.7]).expect("features");
    for snapshot in [Snapshot::default(), learnt(arms)] {
        let choice = policy.choose(&ChoiceRequest::new(id(1), &context, arms, &snapshot));
        is_a_law(&choice.expect("it chooses where the context has features"));
    }
}

fn refuses_what_cannot_be_chosen(policy: &dyn Policy, arms: &[Arm]) {
    let (context, nothing) = (context(), Snapshot::default());
    let ask = |arms: &[Arm]| policy.choose(&ChoiceRequest::new(id(1), &context, arms, &nothing));
    assert_eq!(ask(&[]), Err(Error::NothingEligible), "nothing eligible is an error");
    let twice = [arms[0].clone(), arms[0].clone()];
    assert!(matches!(ask(&twice), Err(Error::DuplicateStrategy { .. })), "a duplicate is an error");
}

/// Equal evidence counts alike, and a correction changes sums but no counts.
fn counts_alike(policy: &dyn Policy, arms: &[Arm]) {
    let choice = choose(policy, 1, arms, &Snapshot::default());
    let mut decision = decision_of(&arms[0], &context());
    (decision.strategy, decision.propensity) = (choice.strategy, choice.propensity);
    (decision.candidates, decision.floor) = (choice.candidates, choice.floor);
    (decision.policy, decision.policy_hash) = (policy.name().clone(), policy.hash().clone());
    decision.epoch = Epoch::containing(decision.at, policy.epoch_length());
    let count = |value: f64| {
        let reward = UnitInterval::new(value).ok();
        let evidence = Contribution { reward, ..Contribution::default() };
        policy.contribution(&decision, &evidence).expect("a reward counts")
    };
    assert_eq!(count(0.25), count(0.25), "equal evidence counts alike");
    let (before, after) = (count(0.25), count(0.75));
    assert_eq!(before.len(), after.len(), "a correction touches the same rows");
    for (before, after) in before.iter().zip(&after) {
        let same_place =
            (&before.scope, before.epoch, before.layout) == (&after.scope, after.epoch, after.layout);
        assert!(same_place, "a correction touches the same rows");
        let difference = after.stats.checked_sub(&before.stats).expect("sums can be subtracted");
        assert_eq!(difference.count, 0, "a correction counts no second time");
        assert!(
            (difference.reward.to_f64() - 0.5).abs() < 1e-9,
            "a correction changes the sum by its difference"
        );
        let place = (&before.strategy, before.epoch, before.stats.count);
        assert_eq!(
            place,
            (&decision.strategy, decision.epoch, 1),
            "a reward counts once, where it was earned"
        );
    }
    let nothing = policy.contribution(&decision, &Contribution::default());
    assert_eq!(nothing, Ok(Vec::new()), "nothing known, nothing learnt");
}

/// A decision for this strategy, of no policy in particular.
fn decision_of(arm: &Arm, context: &Context) -> Decision {
    Decision {
        id: id(1),
        at: context.at,
        context: context.clone(),
        strategy: arm.id.clone(),
        propensity: Probability::ONE,
        mode: DecisionMode::Sampled,
        assignment: None,
        policy: PolicyName::new("p").expect("a name"),
        policy_hash: PolicyHash::of("p"),
        epoch: Epoch::containing(context.at, Duration::from_secs(3_600)),
        candidates: Vec::new(),
        excluded: Vec::new(),
        drawn_by: None,
        floor: None,
    }
}
