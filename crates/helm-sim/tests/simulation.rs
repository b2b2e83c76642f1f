//! Simulated users and environments are what they say.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use helm_core::TaskId;
use helm_policy::{Policy, PolicyConfig, Registry};
use helm_sim::{
    Error, Knot, Law, Manifest, Messages, Population, PopulationConfig, Segment, SimulationOptions,
    StyleFeatures, World, simulate,
};

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

fn world(law: Law) -> World {
    World::new("test", law)
}

fn bernoulli(means: &[f64]) -> World {
    world(Law::Bernoulli { horizon: 1_000, means: means.to_vec() })
}

fn regret(policy: &dyn Policy, world: &World) -> f64 {
    let options = SimulationOptions::default();
    let runs = (1..=5).map(|seed| simulate(policy, &world.episode(seed), seed, &options).unwrap());
    runs.map(|run| run.total_regret()).sum::<f64>() / 5.0
}

/// One world of every law.
fn worlds() -> Vec<World> {
    let knot = |t, means: &[f64]| Knot { t, means: means.to_vec() };
    let segment = |start, means: &[f64]| Segment { start, means: means.to_vec() };
    vec![
        bernoulli(&[0.3, 0.5, 0.7]),
        bernoulli(&[0.3, 0.5, 0.7]).with_delay(50),
        world(Law::Gaussclip { horizon: 1_000, means: vec![0.6, 0.65, 0.8, 0.4], sd: vec![0.1; 4] }),
        world(Law::BernoulliSegments {
            horizon: 2_000,
            segments: vec![segment(0, &[0.8, 0.4]), segment(1_000, &[0.1, 0.4])],
        }),
        world(Law::BernoulliKnots {
            horizon: 1_000,
            knots: vec![knot(0, &[0.2, 0.8]), knot(999, &[0.4, 0.6])],
        }),
        world(Law::Linear { horizon: 1_000, d: 2, theta: vec![vec![1.0, 0.0], vec![0.0, 1.0]], sd: 0.1 }),
        world(Law::Users {
            horizon: 2_000,
            user_cdf: (1..=20).map(|user| f64::from(user) / 20.0).collect(),
            user_means: (0..20)
                .map(|user| if user % 2 == 0 { vec![0.2, 0.8] } else { vec![0.8, 0.2] })
                .collect(),
        }),
    ]
}

#[test]
fn learning_beats_playing_at_random() {
    let random = Registry::standard().build(&serde_json::json!({"kind": "random"})).unwrap();
    let auto = PolicyConfig::default().build().unwrap();
    for world in worlds() {
        let (learnt, chance) = (regret(&auto, &world), regret(&random, &world));
        assert!(learnt < 0.5 * chance, "{world:?}: {learnt} of {chance}");
    }
}

#[test]
fn a_simulation_repeats_bit_for_bit() {
    let auto = PolicyConfig::default().build().unwrap();
    let options = SimulationOptions::default();
    for world in worlds() {
        let episode = world.episode(1);
        let run = || simulate(&auto, &episode, 1, &options).unwrap();
        assert_eq!(run(), run());
    }
}

#[test]
fn rewards_outside_their_range_are_refused() {
    let world = bernoulli(&[0.5, 0.5]).with_range(0.0, 0.5);
    let auto = PolicyConfig::default().build().unwrap();
    let refused = simulate(&auto, &world.episode(1), 1, &SimulationOptions::default());
    assert!(matches!(refused, Err(Error::OutsideRange { .. })));
}

#[test]
fn what_is_wrong_with_a_manifest_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let envs = r#"{"envs":[{"name":"a","type":"bernoulli","file":"a.json","seeds":[1]},
        {"name":"t","type":"table","file":"t.csv","seeds":[1],"d":1,"K":2},
        {"name":"x","type":"quantum","file":"a.json","seeds":[1]},
        {"name":"gone","type":"bernoulli","file":"gone.json","seeds":[1]}]}"#;
    write("manifest.json", envs);
    write("a.json", r#"{"T":10,"means":[]}"#);
    write("t.csv", "x0,r0,r1\n1,0,1\n2,zero,1\n");
    let manifest = Manifest::read(folder.path().join("manifest.json")).unwrap();
    let message = |name: &str| format!("{:#}", manifest.world(name).err().unwrap());
    for (world, expected) in [
        ("a", "empty"),
        ("t", "line 3"),
        ("x", "unknown variant"),
        ("gone", "gone.json"),
        ("b", "it has: a, t"),
    ] {
        assert!(message(world).contains(expected), "{world}: {}", message(world));
    }
    assert!(Manifest::read(folder.path().join("none.json")).is_err());
    write("t.csv", "x0,r0,r1\n1,0,1\n2,0.5,1\n");
    let episode = manifest.world("t").unwrap().episode(1);
    assert_eq!((episode.horizon(), episode.arms), (2, 2));
    assert_eq!(episode.contexts.len(), 2);
}
