use smallvec::SmallVec;

use super::{Belief, Rule};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use helm_numerics::beta;

/// Finds the best strategy with few rewards, and says when it has: each strategy a few times first, then in the
/// proportions that tell the leader from its rivals soonest (Garivier & Kaufmann 2016, theorem 5, for normal
/// rewards with their own variances), then the winner alone.
///
/// The stopping rule errs with probability at most δ where one strategy is best, whenever it is looked at, however
/// the strategies were sampled, and for any rewards in \[0, 1\]. For the leader and each rival it forms the
/// likelihood ratio of a Krichevsky-Trofimov mixture (1981) of Bernoulli laws against the best common mean; for
/// rewards in \[0, 1\] with a given mean this is a supermartingale, so by Ville's inequality it exceeds (K − 1) / δ
/// for a rival that is in truth no worse with probability at most δ / (K − 1). Sample variances play no part in
/// it, so ten failures in a row prove nothing.
///
/// Defaults: δ = 0.05, ten rewards of each strategy first. The guarantee holds for undiscounted rewards.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TrackAndStop {
    delta: f64,
    least: f64,
}

impl Default for TrackAndStop {
    fn default() -> Self {
        Self { delta: 0.05, least: 10.0 }
    }
}

/// Below this a sample variance says nothing.
const LEAST_VARIANCE: f64 = 1e-3;
/// Bisections of the proportions' one unknown.
const BISECTIONS: u32 = 60;

impl TrackAndStop {
    /// The rule with this δ and so many rewards of each strategy first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `delta` is not in (0, 1) or `least` is 0.
    pub fn new(delta: f64, least: u32) -> Result<Self> {
        if delta > 0.0 && delta < 1.0 && least > 0 {
            return Ok(Self { delta, least: f64::from(least) });
        }
        Err(Error::InvalidParameter {
            parameter: "delta and least",
            accepted: "a delta between 0 and 1, and at least 1 reward",
            value: format!("{delta}, {least}"),
        })
    }

    /// The index of the strategy that is best with confidence 1 − δ; `None` until that is known.
    #[must_use]
    pub fn winner(&self, evidence: &[Evidence]) -> Option<usize> {
        if evidence.len() < 2 {
            return (evidence.len() == 1).then_some(0);
        }
        let leader = leader(evidence)?;
        let best = evidence.get(leader)?;
        let threshold = libm::log((evidence.len() as f64 - 1.0) / self.delta);
        let beaten =
            |(index, rival): (usize, &Evidence)| index == leader || ln_ratio(best, rival) > threshold;
        evidence.iter().enumerate().all(beaten).then_some(leader)
    }
}

/// The largest mean among strategies with rewards.
fn leader(evidence: &[Evidence]) -> Option<usize> {
    let met = evidence.iter().enumerate().filter(|(_, evidence)| evidence.count > 0.0);
    met.max_by(|(_, left), (_, right)| left.mean().total_cmp(&right.mean())).map(|(index, _)| index)
}

/// The logarithm of the mixtures' likelihood against that of one mean for both.
fn ln_ratio(leader: &Evidence, rival: &Evidence) -> f64 {
    let mixture = |evidence: &Evidence| {
        let failures = (evidence.count - evidence.sum).max(0.0);
        beta::ln_beta(evidence.sum + 0.5, failures + 0.5) - beta::ln_beta(0.5, 0.5)
    };
    let both = leader.plus(*rival);
    let mean = both.mean();
    let likelihood = |times: f64, probability: f64| {
        if times > 0.0 { times * libm::log(probability) } else { 0.0 }
    };
    let common = likelihood(both.sum, mean) + likelihood((both.count - both.sum).max(0.0), 1.0 - mean);
    mixture(leader) + mixture(rival) - common
}

fn variance(evidence: &Evidence) -> f64 {
    (evidence.scatter() / evidence.count.max(1.0)).max(LEAST_VARIANCE)
}

/// Each rival's share for a leader's share of 1, where every rival is told apart at the rate `rate`; infinite where
/// that cannot be.
fn share(leader: &Evidence, rival: &Evidence, rate: f64) -> f64 {
    let gap = leader.mean() - rival.mean();
    let left = gap * gap / (2.0 * rate) - variance(leader);
    if left > 0.0 { variance(rival) / left } else { f64::INFINITY }
}

/// Writes the proportions; `false` where rivals tie with the leader, so that no proportion helps.
fn proportions(evidence: &[Evidence], leader: usize, out: &mut [f64]) -> bool {
    let Some(best) = evidence.get(leader) else { return false };
    let rivals = || evidence.iter().enumerate().filter(|(index, _)| *index != leader);
    let closest = rivals().map(|(_, rival)| best.mean() - rival.mean()).fold(f64::INFINITY, f64::min);
    if closest <= 1e-9 {
        return false;
    }
    // The condition's left side grows with the rate, from 0 to infinity.
    let condition = |rate: f64| {
        let term = |rival: &Evidence| {
            let share = share(best, rival, rate);
            variance(best) * share * share / variance(rival)
        };
        rivals().map(|(_, rival)| term(rival)).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, closest * closest / (2.0 * variance(best)));
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if condition(middle) < 1.0 { low = middle } else { high = middle }
    }
    for (index, (out, rival)) in out.iter_mut().zip(evidence).enumerate() {
        *out = if index == leader { 1.0 } else { share(best, rival, low) };
    }
    out.iter().all(|share| share.is_finite())
}

impl Rule for TrackAndStop {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let evidence: SmallVec<[Evidence; 16]> = beliefs.iter().map(|belief| belief.evidence).collect();
        let too_few = |evidence: &Evidence| evidence.count < self.least;
        if evidence.iter().any(too_few) {
            out.iter_mut().zip(&evidence).for_each(|(out, evidence)| *out = f64::from(too_few(evidence)));
            return Ok(());
        }
        if let Some(winner) = self.winner(&evidence) {
            out.iter_mut().enumerate().for_each(|(index, out)| *out = f64::from(index == winner));
            return Ok(());
        }
        let leader = leader(&evidence).ok_or(Error::NothingEligible)?;
        if !proportions(&evidence, leader, out) {
            out.fill(1.0);
            return Ok(());
        }
        // A little of everything keeps an unlucky start from hiding the best (their forced exploration).
        let total: f64 = out.iter().sum();
        let count: f64 = evidence.iter().map(|evidence| evidence.count).sum();
        let forced = 0.5 / libm::sqrt(count.max(1.0));
        let strategies = out.len() as f64;
        out.iter_mut().for_each(|out| *out = (1.0 - forced) * *out / total + forced / strategies);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
