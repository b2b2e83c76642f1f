//! Weights are learned from people, and only used when they are better.

#![expect(clippy::expect_used, reason = "a test may panic")]

use helm_core::{Score, ScoreEntry, ScoreOutcome, UnitInterval};
use helm_eval::{
    Combine, Composition, Error, Evidence, InUse, Learning, Rating, RewardSpec, RewardSpecConfig, Weights,
    learn, learn_beside, learn_tasks,
};
use serde_json::json;

fn unit(value: f64) -> UnitInterval {
    UnitInterval::clamped(value).expect("a number")
}

fn entry(name: &str, value: f64) -> ScoreEntry {
    let outcome = ScoreOutcome::Scored(Score::new(unit(value), unit(0.5)));
    ScoreEntry { evaluator: name.parse().expect("a name"), outcome }
}

fn config() -> RewardSpecConfig {
    let terms = json!([{"evaluator": "good", "weight": 1.0}, {"evaluator": "noise", "weight": 3.0}]);
    serde_json::from_value(json!({"terms": terms, "min_coverage": 0.2})).expect("a specification")
}

fn build(config: &RewardSpecConfig) -> Result<RewardSpec, Error> {
    config.build(&"test".parse().expect("a name"))
}

/// Ratings that follow `good` and the length, not `noise`.
struct People {
    rows: Vec<(Vec<ScoreEntry>, usize, UnitInterval, String)>,
}

impl People {
    fn new(count: usize, of_good: f64, of_length: f64) -> Self {
        let mut state = 5_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let row = |number: usize| {
            let (good, noise, words) = (random(), random(), (1.0 + 99.0 * random()) as usize);
            let length = (words as f64).ln() / 100_f64.ln();
            let rating = of_good * good + of_length * length + 0.1 * random();
            (vec![entry("good", good), entry("noise", noise)], words, unit(rating), (number / 2).to_string())
        };
        Self { rows: (0..count).map(row).collect() }
    }

    fn ratings(&self) -> Vec<Rating<'_>> {
        self.rows
            .iter()
            .map(|(scores, words, rating, request)| Rating {
                scores,
                words: *words,
                rating: *rating,
                request,
                strategy: None,
            })
            .collect()
    }
}

#[test]
fn what_people_go_by_is_learned_and_used() {
    let people = People::new(200, 0.9, 0.0);
    let learned =
        learn(&build(&config()).expect("a spec"), &people.ratings(), Learning::default()).expect("learns");
    assert!(learned.adopted, "{learned:?}");
    let [good, noise] = learned.weights.terms.as_slice() else { panic!("two terms") };
    assert!(good.weight > 0.6 && noise.weight < 0.2, "{learned:?}");
    let mut config = config();
    config.combine = Combine::Learned;
    config.learned = Some(learned.weights);
    let spec = build(&config).expect("a spec");
    let value = |scores: &[ScoreEntry]| match spec.compose(&Evidence { scores, ..Evidence::default() }) {
        Ok(Composition::Reward(reward)) => {
            let weights: f64 = reward.components.iter().map(|component| component.weight).sum();
            assert!((weights - 1.0).abs() < 1e-12);
            reward.value.get()
        }
        other => panic!("{other:?}"),
    };
    assert!(
        value(&[entry("good", 0.9), entry("noise", 0.1)])
            > value(&[entry("good", 0.1), entry("noise", 0.9)]) + 0.3
    );
    let missing = value(&[entry("noise", 0.5)]);
    assert!((0.3..0.7).contains(&missing), "a missing score counts as its mean, not as 0: {missing}");
}

#[test]
fn length_is_credited_to_no_score() {
    let mut people = People::new(300, 0.0, 0.8);
    for (scores, words, ..) in &mut people.rows {
        // A score that is nothing but length.
        let length = (*words as f64).ln() / 100_f64.ln();
        *scores = vec![entry("good", 0.9 * length + 0.05), scores.remove(1)];
    }
    let spec = build(&config()).expect("a spec");
    let controlled = learn(&spec, &people.ratings(), Learning::default()).expect("learns");
    let weight = controlled.weights.terms.first().expect("a term").weight;
    let mut blind = people.ratings();
    blind.iter_mut().for_each(|rating| rating.words = 50);
    let blind = learn(&spec, &blind, Learning::default()).expect("learns");
    assert!(weight < 0.6 * blind.weights.terms.first().expect("a term").weight, "{controlled:?} {blind:?}");
}

#[test]
fn few_or_useless_ratings_change_nothing() {
    let spec = build(&config()).expect("a spec");
    for people in [People::new(8, 0.9, 0.0), People::new(120, 0.0, 0.0)] {
        let learned = learn(&spec, &people.ratings(), Learning::default()).expect("learns");
        assert!(!learned.adopted, "{learned:?}");
    }
    assert!(matches!(learn(&spec, &[], Learning::default()), Err(Error::TooFew { .. })));
    let mut learning = Learning::default();
    learning.prior_ratings = f64::NAN;
    assert!(learn(&spec, &People::new(8, 0.9, 0.0).ratings(), learning).is_err());
}

#[test]
fn learned_weights_are_checked() {
    let term = |name: &str, weight: f64| json!({"evaluator": name, "weight": weight, "centre": 0.5});
    let with = |terms: serde_json::Value| {
        let mut config = config();
        config.combine = Combine::Learned;
        config.learned =
            serde_json::from_value(json!({"ratings": 9, "intercept": 0.5, "terms": terms})).expect("weights");
        build(&config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(with(json!([term("good", 1.0), term("noise", 0.0)])), "");
    for (terms, expected) in [
        (json!([term("good", 1.0)]), "noise needs exactly one"),
        (json!([term("good", -1.0), term("noise", 0.0)]), "weight of good"),
        (json!([term("good", 0.0), term("noise", 0.0)]), "all learned weights are 0"),
        (json!([term("good", 1.0), term("noise", 0.0), term("other", 1.0)]), "weight of other"),
    ] {
        let found = with(terms);
        assert!(found.contains(expected), "{found}");
    }
    let mut without = config();
    without.combine = Combine::Learned;
    assert!(build(&without).is_err_and(|error| error.to_string().contains("learned")));
}

/// Two strategies whose answers score alike, of which people like one more.
fn two_strategies(count: usize, apart: f64) -> Vec<(Vec<ScoreEntry>, UnitInterval, String, &'static str)> {
    let row = |number: usize| {
        let strategy = if number.is_multiple_of(2) { "a@1" } else { "b@1" };
        let (score, noise) = ((number * 7 % 10) as f64 / 10.0, (number * 13 % 11) as f64 / 100.0);
        let off = if number.is_multiple_of(2) { apart } else { 0.0 };
        (
            vec![entry("good", score), entry("noise", 0.5)],
            unit(0.2 + 0.3 * score + noise + off),
            number.to_string(),
            strategy,
        )
    };
    (0..count).map(row).collect()
}

fn learned_of(rows: &[(Vec<ScoreEntry>, UnitInterval, String, &'static str)]) -> helm_eval::Learned {
    let rating =
        |(scores, rating, request, strategy): &'_ (Vec<ScoreEntry>, UnitInterval, String, &'static str)| {
            (scores.clone(), *rating, request.clone(), *strategy)
        };
    let owned: Vec<_> = rows.iter().map(rating).collect();
    let ratings: Vec<Rating<'_>> = owned
        .iter()
        .map(|(scores, rating, request, strategy)| Rating {
            scores,
            words: 20,
            rating: *rating,
            request,
            strategy: Some(strategy),
        })
        .collect();
    learn(&build(&config()).expect("a spec"), &ratings, Learning::default()).expect("learns")
}

#[test]
fn what_scores_do_not_see_of_a_strategy_is_learned_from_its_ratings() {
    let (few, many) = (learned_of(&two_strategies(8, 0.3)), learned_of(&two_strategies(80, 0.3)));
    let apart = |learned: &helm_eval::Learned| {
        let off = |name: &str| learned.corrected.strategies.get(name).copied().unwrap_or(0.0);
        off("a@1") - off("b@1")
    };
    assert!((0.25..=0.31).contains(&apart(&many)), "{}", apart(&many));
    assert!(apart(&few) > 0.1 && apart(&few) <= apart(&many) + 0.1, "{}", apart(&few));
    assert!(apart(&learned_of(&two_strategies(80, 0.0))).abs() < 0.02, "what is chance is drawn to nothing");
    let scores = [entry("good", 0.5), entry("noise", 0.5)];
    let value = |strategy| many.corrected.value_of(&scores, strategy);
    assert!(value(Some("a@1")) > value(None) && value(None) > value(Some("b@1")));
    assert_eq!(value(Some("never seen@1")), value(None));
}

#[test]
fn a_task_with_few_ratings_begins_with_what_people_like_in_others() {
    let (many, few) = (People::new(300, 0.9, 0.0), People::new(8, 0.9, 0.0));
    let spec = build(&config()).expect("a spec");
    let tasks = std::collections::BTreeMap::from([("many", many.ratings()), ("few", few.ratings())]);
    let together = learn_tasks(&spec, &tasks, Learning::default()).expect("learns");
    let alone = learn(&spec, &few.ratings(), Learning::default()).expect("learns");
    // What people go by is the first score, by 0.9, and not the second.
    let miss = |learned: &helm_eval::Learned| {
        let [good, noise] = learned.weights.terms.as_slice() else { panic!("two terms") };
        (good.weight - 0.9).abs() + noise.weight
    };
    assert!(miss(&together["few"]) < 0.6 * miss(&alone), "{} {}", miss(&together["few"]), miss(&alone));
    let single = std::collections::BTreeMap::from([("few", few.ratings())]);
    let single = learn_tasks(&spec, &single, Learning::default()).expect("learns");
    assert_eq!(
        single["few"].weights, alone.weights,
        "without other tasks the configured weights are the prior"
    );
}

#[test]
fn weights_in_use_are_succeeded_only_where_others_are_better_on_what_neither_knew() {
    let spec = build(&config()).expect("a specification");
    let before = People::new(200, 0.9, 0.0);
    let first = learn(&spec, &before.ratings(), Learning::default()).expect("weights");
    assert!(first.adopted);
    let again = |people: &People| {
        let ratings: Vec<Rating<'_>> = before.ratings().into_iter().chain(people.ratings()).collect();
        let in_use = Some(InUse { weights: &first.weights, since: 200 });
        learn_beside(&spec, &ratings, &[], Learning::default(), in_use).expect("weights")
    };
    assert!(!again(&People::new(120, 0.9, 0.0)).adopted, "people say what they said before");
    // What people liked matters to them no longer, and what did not matter does.
    let mut moved = People::new(400, 0.0, 0.0);
    for (scores, _, rating, request) in &mut moved.rows {
        let noise = scores[1].outcome.score().expect("a score").value.get();
        (*rating, *request) = (unit(0.9 * noise), format!("later {request}"));
    }
    let moved = again(&moved);
    assert!(moved.adopted && moved.better.expect("a test").difference.low > 0.0);
    let few = again(&People::new(12, 0.9, 0.0));
    assert!(!few.adopted && few.better.is_none(), "six requests are no test");
}

#[test]
fn a_reward_under_learned_weights_says_so_and_one_that_learns_is_the_configured_one_until_then() {
    let mut config = config();
    config.weights = Weights::Learned;
    let spec = build(&config).expect("a specification");
    assert!(spec.learns() && spec.id().to_string() == "test@1");
    let weights =
        learn(&spec, &People::new(100, 0.9, 0.0).ratings(), Learning::default()).expect("weights").weights;
    let under = spec.with_weights(3, weights).expect("a specification");
    assert_eq!(under.id().to_string(), "test@1+3");
    assert!(!under.learns() && under.config().combine == Combine::Learned);
    let scores = [entry("good", 1.0), entry("noise", 0.0)];
    let value = |spec: &RewardSpec| {
        let evidence = Evidence { scores: &scores, ..Evidence::default() };
        match spec.compose(&evidence).expect("a composition") {
            Composition::Reward(reward) => (reward.value.get(), reward.spec),
            other => panic!("{other:?}"),
        }
    };
    assert!(value(&under).0 > value(&spec).0 && value(&under).1 == *under.id());
    config.combine = Combine::Min;
    assert!(build(&config).expect_err("no mean").to_string().contains("leave out"));
}
