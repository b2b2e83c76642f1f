use helm_core::StrategyId;

use crate::evidence::Evidence;
use crate::posterior::Posterior;
use crate::rule::{Belief, Drawn, Rule};

/// Numbers of strategies and of rewards that every rule is tried on.
const COUNTS: [usize; 5] = [1, 2, 3, 17, 60];
const REWARDS: [u64; 3] = [0, 7, 1_000_000_000];

/// Holds a rule to every law: weights are finite, at least 0 and not all 0; every one is written, whatever stood
/// there; the order of beliefs does not matter; losses are finite and repeat.
///
/// # Panics
///
/// Panics with the law that it breaks.
pub fn rule(rule: &dyn Rule) {
    for count in COUNTS {
        for shape in 0..4 {
            let beliefs = beliefs(count, shape);
            REWARDS.iter().for_each(|rewards| weights_are_a_law(rule, &beliefs, *rewards));
        }
    }
    losses_are_finite(rule);
    if !rule.reads_widths() {
        widths_do_not_matter(rule);
    }
}

/// Beliefs of every shape: wide, narrow, equal, hopeless, after few and many rewards.
fn beliefs(count: usize, shape: usize) -> Vec<Belief> {
    let belief = |index: usize| {
        let id: StrategyId = format!("s{index}@1").parse().expect("a strategy id");
        let rewards = [0.0, 1.0, 3.0, 50.0, 10_000.0][index % 5];
        let (mean, width) = (0.1 + 0.12 * (index % 7) as f64, 0.3 / libm::sqrt(1.0 + rewards));
        let posterior = match shape {
            0 => Posterior::Beta { a: 1.0 + rewards * mean, b: 1.0 + rewards * (1.0 - mean) },
            1 => Posterior::StudentT { mean, scale: width, dof: 2.0 + rewards },
            2 => Posterior::Normal { mean, deviation: width },
            _ => Posterior::StudentT { mean: 0.5, scale: 0.2, dof: 2.0 },
        };
        let evidence = Evidence { count: rewards, sum: rewards * mean, sum_sq: rewards * mean * mean };
        Belief::new(id, posterior).with_evidence(evidence).with_loss(rewards * (1.0 - mean))
    };
    (0..count).map(belief).collect()
}

fn weights(rule: &dyn Rule, beliefs: &[Belief], rewards: u64, before: f64) -> Vec<f64> {
    let mut out = vec![before; beliefs.len()];
    rule.probabilities(beliefs, rewards, &mut out).expect("a rule decides on ordinary beliefs");
    out
}

fn weights_are_a_law(rule: &dyn Rule, beliefs: &[Belief], rewards: u64) {
    let found = weights(rule, beliefs, rewards, 0.0);
    let total: f64 = found.iter().sum();
    let usable = found.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
    assert!(usable && total.is_finite() && total > 0.0, "weights are finite and not all 0: {found:?}");
    assert_eq!(found, weights(rule, beliefs, rewards, f64::NAN), "every weight is written");
    for by in 0..beliefs.len().min(3) {
        // Turned by some places and then about.
        let place = |index: usize| (by + beliefs.len() - 1 - index) % beliefs.len();
        let turned: Vec<Belief> = (0..beliefs.len()).map(|index| beliefs[place(index)].clone()).collect();
        let other = weights(rule, &turned, rewards, 0.0);
        let other_total: f64 = other.iter().sum();
        for (index, other) in other.iter().enumerate() {
            let off = (found[place(index)] / total - other / other_total).abs();
            assert!(off < 1e-7, "the order of beliefs does not matter: a share moves by {off}");
        }
    }
}

fn widths_do_not_matter(rule: &dyn Rule) {
    let beliefs = beliefs(5, 2);
    let wider = beliefs.iter().cloned().map(|mut belief| {
        belief.posterior = belief.posterior.scaled(3.0);
        belief
    });
    let wider: Vec<Belief> = wider.collect();
    let same = weights(rule, &beliefs, 7, 0.0) == weights(rule, &wider, 7, 0.0);
    assert!(same, "a rule that says it reads no widths reads none");
}

fn losses_are_finite(rule: &dyn Rule) {
    for propensity in [1.0, 0.3, 1e-4] {
        for rewards in REWARDS {
            let drawn = Drawn { propensity, strategies: 5, rewards };
            for reward in [0.0, 0.4, 1.0] {
                let loss = rule.loss(&drawn, reward);
                let storable = helm_core::Fixed::quantize(loss).is_ok();
                assert!(storable, "losses are finite and within what is stored, not {loss}");
                assert_eq!(loss, rule.loss(&drawn, reward), "a loss repeats");
            }
        }
    }
}
