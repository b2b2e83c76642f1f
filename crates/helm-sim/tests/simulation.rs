//! Simulated users and environments are what they say.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use helm_core::{StrategyId, TaskId, UnitInterval};
use helm_policy::{Policy, PolicyConfig, Registry};
use helm_sim::{Arm, Environment, Messages, Population, PopulationConfig, StyleFeatures, replay};

const BRIEF: &str = "Check the cable first. Then try again.";
const STEPS: &str = "Do this:\n1. Look.\n2. Compare.\n3. Change one thing.\n4. Write down what worked.";
const WARM: &str = "Great question, and you are on the right track! Let us look at it together and see what is going on there, one thing after the other, without any hurry. Begin with the part that you know best, and tell me what you see when you have tried it. You can do this, and I am glad to help.";

fn task(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn population() -> Population {
    Population::new(PopulationConfig::default().with_users(200)).unwrap()
}

#[test]
fn users_differ_in_what_they_like() {
    let (population, task) = (population(), task("support"));
    let favourite = |user: &helm_sim::SimulatedUser| {
        let ratings = [BRIEF, STEPS, WARM].map(|answer| user.expected_rating(&task, answer));
        (0..3).max_by(|a, b| ratings[*a].total_cmp(&ratings[*b])).unwrap()
    };
    let favourites: Vec<_> = population.users().iter().map(favourite).collect();
    for answer in 0..3 {
        let share = favourites.iter().filter(|f| **f == answer).count() as f64 / 200.0;
        assert!((0.02..0.8).contains(&share), "answer {answer} is the favourite of {share}");
    }
}

#[test]
fn ratings_follow_the_opinion_and_repeat() {
    let (population, task) = (population(), task("tutor"));
    for user in &population.users()[..20] {
        let mean = (0..400).map(|turn| f64::from(user.rate(&task, STEPS, turn))).sum::<f64>() / 400.0;
        assert!((mean - user.expected_rating(&task, STEPS)).abs() < 0.45, "{mean}");
        assert_eq!(user.rate(&task, STEPS, 7), user.rate(&task, STEPS, 7));
    }
    let mut bad = PopulationConfig::default();
    bad.noise = f64::NAN;
    assert!(Population::new(bad).is_err());
}

#[test]
fn styles_are_read_from_the_text() {
    let (brief, steps, warm) = (StyleFeatures::of(BRIEF), StyleFeatures::of(STEPS), StyleFeatures::of(WARM));
    assert!(brief.brevity > 0.9 && warm.brevity < 0.5);
    assert!(steps.structure > 0.7 && brief.structure == 0.0);
    assert!(warm.warmth == 1.0 && steps.warmth == 0.0);
    assert_eq!(StyleFeatures::of(""), StyleFeatures { brevity: 1.0, ..StyleFeatures::default() });
}

#[test]
fn messages_vary_and_repeat() {
    let messages = Messages::new(3);
    let all: BTreeSet<_> = (0..500).map(|turn| messages.message(&task("support"), 1, turn)).collect();
    assert!(all.len() > 60, "{} different messages", all.len());
    assert!(all.iter().all(|message| !message.contains('{')));
    assert_eq!(messages.message(&task("writing"), 1, 9), messages.message(&task("writing"), 1, 9));
}

fn environment(means: &[f64], arm: fn(UnitInterval) -> Arm) -> Environment {
    let arms = means.iter().enumerate().map(|(index, mean)| {
        let strategy: StrategyId = format!("s{index}@1").parse().unwrap();
        (strategy, arm(UnitInterval::new(*mean).unwrap()))
    });
    Environment::new(arms.collect())
}

fn regret(policy: &dyn Policy, environment: &Environment) -> f64 {
    let runs = (1..=5).map(|seed| *replay(policy, environment, 1_000, seed).unwrap().regret.last().unwrap());
    runs.sum::<f64>() / 5.0
}

#[test]
fn learning_beats_playing_at_random() {
    let random = Registry::standard().build(&serde_json::json!({"kind": "random"})).unwrap();
    let auto = PolicyConfig::default().build().unwrap();
    for environment in [
        environment(&[0.3, 0.5, 0.7], Arm::Bernoulli),
        environment(&[0.6, 0.65, 0.8, 0.4], |mean| Arm::Noisy(mean, 0.1)),
    ] {
        let (learnt, chance) = (regret(&auto, &environment), regret(&random, &environment));
        assert!(learnt < 0.35 * chance, "{learnt} of {chance}");
    }
}

#[test]
fn a_replay_repeats_bit_for_bit() {
    let auto = PolicyConfig::default().build().unwrap();
    let environment = environment(&[0.3, 0.5], Arm::Bernoulli);
    assert_eq!(replay(&auto, &environment, 100, 1).unwrap(), replay(&auto, &environment, 100, 1).unwrap());
}
