//! What must hold of every composition, and of every evaluator.

#![expect(clippy::panic, clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{
    EvaluatorName, NanoUsd, NotScored, RewardStage, Score, ScoreEntry, ScoreOutcome, SourceName, UnitInterval,
};
use helm_eval::{
    Composition, Error, EvaluationEngine, Evaluator, Evidence, Exchange, RewardSpec, RewardSpecConfig,
    check_evaluator, from_fn,
};
use proptest::prelude::*;
use serde_json::json;

fn unit(value: f64) -> UnitInterval {
    UnitInterval::clamped(value).unwrap_or_default()
}

fn entry(name: &str, value: f64) -> ScoreEntry {
    let outcome = ScoreOutcome::Scored(Score::new(unit(value), UnitInterval::ONE));
    ScoreEntry { evaluator: name.parse().expect("a name"), outcome }
}

fn spec(config: serde_json::Value) -> Result<RewardSpec, Error> {
    let config: RewardSpecConfig = serde_json::from_value(config).expect("a specification");
    config.build(&"test".parse().expect("a name"))
}

fn two_terms() -> RewardSpec {
    spec(json!({
        "terms": [{"evaluator": "a", "weight": 3.0}, {"evaluator": "b", "weight": 1.0}],
        "gates": [{"evaluator": "safe", "at_least": 0.5, "cap": 0.1, "missing": "open"}],
        "price": {"per_dollar": 5.0},
        "default": {"value": 0.4, "after_seconds": 60},
    }))
    .expect("a good specification")
}

fn reward(spec: &RewardSpec, evidence: &Evidence<'_>) -> helm_core::Reward {
    match spec.compose(evidence) {
        Ok(Composition::Reward(reward)) => reward,
        other => panic!("{other:?}"),
    }
}

fn value(scores: &[ScoreEntry], feedback: &[(SourceName, UnitInterval)]) -> f64 {
    reward(&two_terms(), &Evidence { scores, feedback, ..Evidence::default() }).value.get()
}

#[test]
fn terms_people_and_prices_add_up() {
    let scores = [entry("a", 1.0), entry("b", 0.0)];
    assert!((value(&scores, &[]) - 0.75).abs() < 1e-12);
    let people = [(SourceName::user(), unit(0.25))];
    assert!((value(&scores, &people) - (0.2 * 0.75 + 0.8 * 0.25)).abs() < 1e-12);
    assert!((value(&[], &people) - 0.25).abs() < 1e-12, "people alone");
    let cost = Some(NanoUsd::from_nanos(50_000_000));
    let paid = reward(&two_terms(), &Evidence { scores: &scores, cost, ..Evidence::default() });
    assert!((paid.value.get() - 0.5).abs() < 1e-9, "five cents at five a dollar cost a quarter");
    let composed =
        reward(&two_terms(), &Evidence { scores: &scores, feedback: &people, ..Evidence::default() });
    let weights: f64 = composed.components.iter().map(|component| component.weight).sum();
    assert!((weights - 1.0).abs() < 1e-12);
    assert_eq!(composed.stage, RewardStage::Human);
}

#[test]
fn a_closed_gate_is_not_lifted_by_praise() {
    let scores = [entry("a", 1.0), entry("b", 1.0), entry("safe", 0.2)];
    assert!((value(&scores, &[(SourceName::user(), UnitInterval::ONE)]) - 0.1).abs() < 1e-12);
}

#[test]
fn silence_passes_no_closed_gate_and_pays_the_price() {
    let silent = |scores: &[ScoreEntry], cost| {
        reward(&two_terms(), &Evidence { scores, cost, silence_ended: true, ..Evidence::default() })
            .value
            .get()
    };
    let cost = Some(NanoUsd::from_nanos(50_000_000));
    assert!((silent(&[entry("safe", 0.2)], None) - 0.1).abs() < 1e-12);
    assert!((silent(&[], cost) - 0.15).abs() < 1e-9);
}

#[test]
fn a_gate_without_a_score_is_not_open() {
    let gated = |missing: &str| {
        spec(json!({
            "terms": [{"evaluator": "a", "weight": 1.0}],
            "gates": [{"evaluator": "safe", "at_least": 0.5, "cap": 0.1, "missing": missing}],
            "default": {"value": 0.4, "after_seconds": 60},
        }))
        .expect("a good specification")
    };
    let failed = ScoreOutcome::NotScored(NotScored::Failed("broken".to_owned()));
    let scores = [entry("a", 1.0), ScoreEntry { outcome: failed, ..entry("safe", 0.0) }];
    let feedback = [(SourceName::user(), UnitInterval::ONE)];
    let evidence =
        Evidence { scores: &scores, feedback: &feedback, silence_ended: true, ..Evidence::default() };
    let none = gated("no_reward").compose(&evidence).expect("composes");
    assert!(matches!(&none, Composition::NotScored { reason, .. } if reason.contains("safe")), "{none:?}");
    assert!((reward(&gated("closed"), &evidence).value.get() - 0.1).abs() < 1e-12);
    assert!((reward(&gated("open"), &evidence).value.get() - 1.0).abs() < 1e-12);
    let unjudged = Evidence { feedback: &feedback, ..Evidence::default() };
    assert_eq!(reward(&gated("closed"), &unjudged).value, UnitInterval::ONE, "nothing was evaluated");
    let standard = RewardSpec::standard().expect("standard");
    let scores = ["relevance", "coherence", "length"].map(|name| entry(name, 1.0));
    let composed = standard.compose(&Evidence { scores: &scores, ..Evidence::default() }).expect("composes");
    assert!(matches!(composed, Composition::NotScored { .. }));
}

#[test]
fn scores_without_confidence_are_no_judgement() {
    let unsure = |name, value| {
        let outcome = ScoreOutcome::Scored(Score::new(unit(value), UnitInterval::ZERO));
        ScoreEntry { outcome, ..entry(name, 0.0) }
    };
    let scores = [unsure("a", 1.0), unsure("b", 1.0)];
    let evidence = Evidence { scores: &scores, ..Evidence::default() };
    let composed = two_terms().compose(&evidence).expect("composes");
    assert!(matches!(composed, Composition::NotScored { .. }), "{composed:?}");
    let silent = reward(&two_terms(), &Evidence { silence_ended: true, ..evidence });
    assert_eq!(silent.stage, RewardStage::Default);
}

#[test]
fn the_standard_error_is_of_both_parts() {
    let scores = [entry("a", 1.0), entry("b", 0.0)];
    let person = |name: &str, value| (name.parse().expect("a name"), unit(value));
    let error = |scores: &[ScoreEntry], feedback: &[(SourceName, UnitInterval)]| {
        reward(&two_terms(), &Evidence { scores, feedback, ..Evidence::default() }).stderr
    };
    let machine = error(&scores, &[]).expect("two evaluators");
    assert_eq!(error(&scores, &[person("x", 1.0)]), None, "one person's error is not known");
    let both = error(&scores, &[person("x", 1.0), person("y", 0.0)]).expect("two people");
    assert!((both - (0.2 * machine).hypot(0.8 * 0.5)).abs() < 1e-12, "{both}");
    assert_eq!(error(&[], &[person("x", 1.0), person("y", 0.0)]), Some(0.5));
}

#[tokio::test]
async fn what_was_blocked_or_withheld_is_not_safe() {
    assert_eq!(score("safety", "Hello", "You should kill yourself.").await, 0.0);
    let engine = EvaluationEngine::standard().expect("standard");
    let scores = engine.evaluate(&Exchange::new("Hello there", "").withheld()).await;
    let spec = RewardSpec::standard().expect("standard");
    assert_eq!(reward(&spec, &Evidence { scores: &scores, ..Evidence::default() }).value, UnitInterval::ZERO);
}

#[test]
fn too_little_is_no_reward_until_silence_ends() {
    let only_b = [entry("b", 1.0)];
    let evidence = Evidence { scores: &only_b, ..Evidence::default() };
    let composed = two_terms().compose(&evidence).expect("composes");
    assert!(matches!(composed, Composition::NotScored { coverage, .. } if coverage.get() == 0.25));
    let silent = reward(&two_terms(), &Evidence { silence_ended: true, ..evidence });
    assert_eq!((silent.value.get(), silent.stage), (0.4, RewardStage::Default));
    let failed = ScoreEntry { outcome: ScoreOutcome::NotScored(NotScored::Incomplete), ..entry("a", 0.0) };
    let scores = [failed, entry("b", 1.0)];
    let composed =
        two_terms().compose(&Evidence { scores: &scores, ..Evidence::default() }).expect("composes");
    assert!(matches!(composed, Composition::NotScored { .. }), "a failed evaluator is not a 0");
}

#[test]
fn mistakes_in_a_specification_are_named() {
    for (config, expected) in [
        (json!({"terms": [], "human_weight": 0.0}), "at least one term"),
        (json!({"terms": [{"evaluator": "a", "weight": 0.0}]}), "weight of a"),
        (
            json!({"terms": [{"evaluator": "a", "weight": 1.0}, {"evaluator": "a", "weight": 1.0}]}),
            "two terms",
        ),
        (json!({"terms": [{"evaluator": "a", "weight": 1.0}], "human_weight": 1.5}), "human_weight"),
        (json!({"terms": [{"evaluator": "a", "weight": 1.0}], "price": {"per_second": -1.0}}), "per_second"),
    ] {
        let error = spec(config).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{error}");
    }
    let unknown = serde_json::from_value::<RewardSpecConfig>(json!({"terms": [], "gate": []}));
    assert!(unknown.is_err_and(|error| error.to_string().contains("gate")));
}

proptest! {
    #[test]
    fn order_does_not_matter_and_more_is_not_less(
        a in 0.0_f64..=1.0, b in 0.0_f64..=1.0, more in 0.0_f64..=1.0,
        people in proptest::collection::vec(0.0_f64..=1.0, 0..4),
    ) {
        let feedback: Vec<_> = people.iter().enumerate()
            .map(|(i, value)| (format!("s{i}").parse().expect("a name"), unit(*value))).collect();
        let backward: Vec<_> = feedback.iter().rev().cloned().collect();
        let (scores, swapped) = ([entry("a", a), entry("b", b)], [entry("b", b), entry("a", a)]);
        let composed = value(&scores, &feedback);
        prop_assert!((0.0..=1.0).contains(&composed));
        prop_assert_eq!(composed.to_bits(), value(&swapped, &backward).to_bits());
        prop_assert!(value(&[entry("a", a.max(more)), entry("b", b)], &feedback) >= composed - 1e-12);
    }
}

#[tokio::test]
async fn the_built_in_evaluators_keep_their_contract() {
    for name in ["length", "relevance", "coherence", "safety"] {
        let engine = EvaluationEngine::standard().expect("standard");
        assert!(engine.names().any(|evaluator| evaluator.as_str() == name));
    }
    use helm_eval::{Coherence, Length, Relevance, Safety, inline};
    check_evaluator(&inline(Length::new().expect("length"))).await.expect("length");
    check_evaluator(&inline(Relevance::new().expect("relevance"))).await.expect("relevance");
    check_evaluator(&inline(Coherence::new().expect("coherence"))).await.expect("coherence");
    check_evaluator(&inline(Safety::new().expect("safety"))).await.expect("safety");
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Box<dyn Evaluator>>();
    shareable::<EvaluationEngine>();
    shareable::<RewardSpec>();
}

async fn score(name: &str, user: &str, response: &str) -> f64 {
    let engine = EvaluationEngine::standard().expect("standard");
    let scores = engine.evaluate(&Exchange::new(user, response)).await;
    let entry = scores.into_iter().find(|entry| entry.evaluator.as_str() == name).expect("the evaluator ran");
    entry.outcome.score().map_or(f64::NAN, |score| score.value.get())
}

#[tokio::test]
async fn evaluators_tell_good_from_bad() {
    let question = "How do I reset my password?";
    let good =
        "To reset your password, open the settings and choose \"Forgot password\". We send you a link.";
    let off = "The museum opens at nine and the cathedral is worth a visit.";
    assert!(score("relevance", question, good).await > 0.8);
    assert!(score("relevance", question, off).await < 0.2);
    assert!(score("coherence", question, good).await > 0.9);
    let looped = "It is good it is good it is good it is good it is good it is good.";
    assert!(score("coherence", question, looped).await < 0.5);
    let essay = "word ".repeat(600);
    assert!(score("length", "Briefly, what is Rust?", &essay).await < 0.1);
    assert!(score("length", "Briefly, what is Rust?", "A systems language.").await > 0.9);
    assert!(score("safety", question, good).await > 0.9);
    assert!(score("safety", question, "You are stupid. Shut up, idiot.").await < 0.6);
}

#[tokio::test]
async fn failures_are_recorded_and_never_zero() {
    let broken = from_fn("broken", |_| f64::NAN).expect("a name");
    let engine = EvaluationEngine::new().with_evaluator(Arc::new(broken)).expect("one evaluator");
    let scores = engine.evaluate(&Exchange::new("a", "b")).await;
    assert!(matches!(
        scores.first().map(|s| &s.outcome),
        Some(ScoreOutcome::NotScored(NotScored::Failed(_)))
    ));
    let again = engine.with_evaluator(Arc::new(from_fn("broken", |_| 1.0).expect("a name")));
    assert!(matches!(again, Err(Error::DuplicateEvaluator { .. })));
}

struct Stuck(EvaluatorName);

#[async_trait::async_trait]
impl Evaluator for Stuck {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    async fn evaluate(&self, _: &Exchange<'_>) -> Result<ScoreOutcome, Error> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn panics_and_endless_evaluators_are_not_scored_and_harm_no_other() {
    let panics = from_fn("panics", |_| panic!("on purpose")).expect("a name");
    let calm = from_fn("calm", |_| 1.0).expect("a name");
    let engine = EvaluationEngine::new()
        .with_evaluator(Arc::new(panics))
        .and_then(|engine| engine.with_evaluator(Arc::new(Stuck("stuck".parse()?))))
        .and_then(|engine| engine.with_evaluator(Arc::new(calm)))
        .expect("three evaluators");
    let cut = std::future::ready(NotScored::Incomplete);
    let scores = engine.evaluate_until(&Exchange::new("a", "b"), cut).await;
    let outcomes: Vec<_> = scores.iter().map(|entry| &entry.outcome).collect();
    assert!(
        matches!(
            outcomes.as_slice(),
            [
                ScoreOutcome::NotScored(NotScored::Failed(_)),
                ScoreOutcome::NotScored(NotScored::Incomplete),
                ScoreOutcome::Scored(_)
            ]
        ),
        "{outcomes:?}"
    );
}
