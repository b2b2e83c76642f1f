//! Track-and-Stop keeps its promise where sample variances would deceive: rare rewards, near-certain ones, ties.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use helm_core::StrategyId;
use helm_policy::{Belief, Evidence, Posterior, Rule, TrackAndStop};
use sha2::{Digest, Sha256};

/// A number in [0, 1) for this place.
fn uniform(place: &[u64]) -> f64 {
    let mut hasher = Sha256::new();
    place.iter().for_each(|part| hasher.update(part.to_le_bytes()));
    let word = hasher.finalize()[..8].iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

/// The first winner within `horizon` rewards, looked at after every tenth.
fn first_winner(means: &[f64], run: u64, horizon: u64) -> Option<usize> {
    let rule = TrackAndStop::default();
    let ids: Vec<StrategyId> = (0..means.len()).map(|index| format!("s{index}@1").parse().unwrap()).collect();
    let mut evidence = vec![Evidence::default(); means.len()];
    let mut law = vec![0.0; means.len()];
    for step in 0..horizon {
        if step % 10 == 0 {
            if let Some(winner) = rule.winner(&evidence) {
                return Some(winner);
            }
            let belief = |(id, evidence): (&StrategyId, &Evidence)| {
                let nothing = Posterior::Normal { mean: 0.0, deviation: 1.0 };
                Belief::new(id.clone(), nothing).with_evidence(*evidence)
            };
            let beliefs: Vec<_> = ids.iter().zip(&evidence).map(belief).collect();
            rule.probabilities(&beliefs, step, &mut law).unwrap();
        }
        let mut point = uniform(&[run, step, 0]) * law.iter().sum::<f64>();
        let arm = law.iter().position(|weight| {
            point -= weight;
            point < 0.0
        });
        let arm = arm.unwrap_or(0);
        let reward = f64::from(uniform(&[run, step, 1]) < means[arm]);
        evidence[arm] = evidence[arm].plus(Evidence { count: 1.0, sum: reward, sum_sq: reward });
    }
    None
}

#[test]
fn winners_are_wrong_at_most_as_often_as_promised() {
    const RUNS: u64 = 100;
    let worlds: [&[f64]; 6] = [
        &[0.50, 0.55],
        &[0.70, 0.75, 0.80, 0.85, 0.90],
        &[0.5, 0.5, 0.5, 0.5, 0.6],
        &[0.02, 0.03, 0.05],
        &[0.97, 0.99],
        &[0.2, 0.9],
    ];
    for means in worlds {
        let best = means.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let winners: Vec<_> = (0..RUNS).filter_map(|run| first_winner(means, run, 3_000)).collect();
        let wrong = winners.iter().filter(|winner| **winner != best).count() as f64;
        // Two standard errors above the promise.
        let most = RUNS as f64 * 0.05 + 2.0 * (RUNS as f64 * 0.05 * 0.95).sqrt();
        assert!(wrong <= most, "{means:?}: {wrong} of {}", winners.len());
        println!("{means:?}: {} of {RUNS} stopped, {wrong} wrong", winners.len());
    }
    assert!((0..20).all(|run| first_winner(&[0.2, 0.9], run, 500) == Some(1)), "what is plain is soon said");
}

#[test]
fn ten_failures_prove_nothing() {
    let failures = Evidence { count: 10.0, sum: 0.0, sum_sq: 0.0 };
    let leader = Evidence { count: 320.0, sum: 10.0, sum_sq: 10.0 };
    assert_eq!(TrackAndStop::default().winner(&[leader, failures, failures, failures]), None);
}
