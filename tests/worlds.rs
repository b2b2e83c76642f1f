//! What learning earns in the worlds of `examples/worlds`, where it is known what could be earned.

use std::path::Path;

use helm_policy::{Policy, Registry};
use helm_sim::{Episode, Manifest, Run, SimulationOptions, simulate};

/// What a mean reward is as a rating of 1 to 5: a rating is its reward's place between 0 and 1.
fn stars(reward: f64) -> f64 {
    1.0 + 4.0 * reward
}

fn manifest() -> Manifest {
    Manifest::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/worlds/manifest.json")).unwrap()
}

fn policy(kind: &str) -> std::sync::Arc<dyn Policy> {
    Registry::standard().build(&serde_json::json!({ "kind": kind })).unwrap()
}

/// What is expected of a run from this step on, a step.
struct Earned {
    chosen: f64,
    best: f64,
}

fn earned(run: &Run, episode: &Episode, from: usize) -> Earned {
    let steps = (episode.horizon() - from) as f64;
    let best = |step: usize| episode.means[step].iter().copied().fold(f64::MIN, f64::max);
    let best = (from..episode.horizon()).map(best).sum::<f64>() / steps;
    let before = from.checked_sub(1).map_or(0.0, |step| run.regret[step]);
    Earned { chosen: best - (run.total_regret() - before) / steps, best }
}

/// Holds the gain over choosing evenly; what is earned in the last quarter.
fn gain(world: &str) -> Earned {
    let episode = manifest().world(world).unwrap().episode(1);
    let play = |kind: &str| simulate(&*policy(kind), &episode, 1, &SimulationOptions::default()).unwrap();
    let (learnt, evenly) = (play("auto"), play("random"));
    let (all, even) = (earned(&learnt, &episode, 0), earned(&evenly, &episode, 0).chosen);
    let share = (all.chosen - even) / (all.best - even);
    assert!(all.chosen >= 1.2 * even, "{world}: {} is less than a fifth above {even}", all.chosen);
    assert!(share >= 0.8, "{world}: {share} of the possible gain");
    earned(&learnt, &episode, episode.horizon() * 3 / 4)
}

#[test]
fn where_one_strategy_is_best_people_are_satisfied_with_it() {
    let once_learnt = gain("steady");
    assert!(stars(once_learnt.best) >= 4.5, "the best strategy earns it");
    assert!(stars(once_learnt.chosen) >= 4.5, "{}", stars(once_learnt.chosen));
}

#[test]
fn where_tastes_differ_each_gets_what_satisfies() {
    let once_learnt = gain("tastes");
    assert!(stars(once_learnt.best) >= 4.5, "each user's best strategy earns it");
    assert!(stars(once_learnt.chosen) >= 4.5, "{}", stars(once_learnt.chosen));
}

#[test]
fn where_the_best_strategy_changes_it_is_followed() {
    let once_learnt = gain("drift");
    assert!(once_learnt.chosen >= 0.9 * once_learnt.best, "{}", once_learnt.chosen);
}

#[test]
fn every_world_is_tried_here() {
    assert_eq!(manifest().names().collect::<Vec<_>>(), ["steady", "tastes", "drift"]);
}
