//! How fast the world changes, as its rewards tell.
//!
//! For each half-life of a short list, every closed epoch's rewards are predicted from the discounted rewards
//! before it; the half-life whose predictions were best is used. "Never" is on the list and begins ahead, so a
//! task that does not drift pays nothing for the question. This is dynamic model averaging over forgetting
//! factors (West & Harrison 1997, ch. 6; Raftery, Kárný & Ettler 2010), taking the most probable model, with
//! conjugate predictions: beta-binomial for rewards that are 0 or 1, else normal-inverse-gamma.
//!
//! It is a pure function of the stored epochs: replicas that read the same state forget alike.

use std::collections::BTreeSet;
use std::time::Duration;

use helm_core::{Epoch, Stats, Timestamp};

use crate::error::Result;
use crate::evidence::Evidence;
use crate::forget::EpochWeights;
use crate::learner::NormalInverseGamma;
use crate::memo::{Fingerprint, Memo};
use crate::snapshot::Snapshot;
use helm_numerics::{beta, gamma};

/// Half-lives to choose from, in epochs, besides "never".
const HALF_LIVES: [f64; 4] = [16.0, 8.0, 4.0, 2.0];
/// How far ahead "never" begins, in nats.
const STATIONARY_BONUS: f64 = 3.0;
/// After this many epochs an epoch's say about the speed of change counts half.
const MEMORY: f64 = 32.0;

/// Chooses a half-life from the rewards.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    memo: Memo<Option<u8>>,
}

impl Drift {
    pub(crate) fn weights(
        &self,
        snapshot: &Snapshot,
        length: Duration,
        now: Timestamp,
    ) -> Result<EpochWeights> {
        let open = Epoch::containing(now, length);
        let key = fingerprint(snapshot, open);
        let chosen = match self.memo.get(key) {
            Some(known) => known,
            None => {
                let found = choose(snapshot, open, length)?;
                self.memo.put(key, found);
                found
            }
        };
        let half_life = chosen.and_then(|index| HALF_LIVES.get(usize::from(index)));
        Ok(match half_life {
            Some(epochs) => EpochWeights::half_life(epochs * length.as_secs_f64(), length, now),
            None => EpochWeights::full(),
        })
    }
}

fn fingerprint(snapshot: &Snapshot, open: Epoch) -> u64 {
    let mut print = Fingerprint::default();
    for (strategy, arm) in snapshot.arms() {
        print.add(strategy);
        for (epoch, stats) in arm.task.epochs.range(..open) {
            print.add(&(epoch.start(), stats.count, stats.reward, stats.reward_sq));
        }
    }
    print.finish()
}

/// What one half-life has predicted so far.
struct Model {
    decay: f64,
    evidence: f64,
    /// Discounted rewards by strategy.
    past: Vec<Evidence>,
}

fn choose(snapshot: &Snapshot, open: Epoch, length: Duration) -> Result<Option<u8>> {
    let mut arms = Vec::new();
    let mut epochs = BTreeSet::new();
    for (strategy, arm) in snapshot.arms() {
        let closed: Vec<(Epoch, &Stats)> =
            arm.task.epochs.range(..open).map(|(epoch, stats)| (*epoch, stats)).collect();
        epochs.extend(closed.iter().map(|(epoch, _)| *epoch));
        arms.push((strategy, closed));
    }
    let mut read = Vec::with_capacity(arms.len());
    for (strategy, closed) in arms {
        let evidence = closed.into_iter().map(|(epoch, stats)| Ok((epoch, Evidence::of(stats, strategy)?)));
        read.push(evidence.collect::<Result<std::collections::BTreeMap<_, _>>>()?);
    }
    let binary = read.iter().flat_map(std::collections::BTreeMap::values).all(Evidence::is_binary);
    let predictive = if binary { beta_binomial } else { normal };
    let model = |decay| Model { decay, evidence: 0.0, past: vec![Evidence::default(); read.len()] };
    let mut stationary = model(1.0);
    let mut models: Vec<Model> = HALF_LIVES.iter().map(|epochs| model(libm::exp2(-1.0 / epochs))).collect();
    let mut last: Option<Epoch> = None;
    for epoch in epochs {
        let steps = last.map_or(1.0, |last| steps_between(last, epoch, length));
        for model in std::iter::once(&mut stationary).chain(&mut models) {
            model.meet(epoch, steps, &read, predictive);
        }
        last = Some(epoch);
    }
    let mut best = (stationary.evidence + STATIONARY_BONUS, None);
    for (index, model) in (0_u8..).zip(&models) {
        if model.evidence > best.0 {
            best = (model.evidence, Some(index));
        }
    }
    Ok(best.1)
}

fn steps_between(earlier: Epoch, later: Epoch, length: Duration) -> f64 {
    ((later.start() as f64 - earlier.start() as f64) / length.as_secs_f64().max(1.0)).max(1.0)
}

type Predictive = fn(&Evidence, &Evidence) -> f64;

impl Model {
    /// Scores this epoch's rewards by what came before, then counts them among the past.
    fn meet(
        &mut self,
        epoch: Epoch,
        steps: f64,
        read: &[std::collections::BTreeMap<Epoch, Evidence>],
        predictive: Predictive,
    ) {
        let decay = libm::pow(self.decay, steps);
        self.evidence *= libm::exp2(-steps / MEMORY);
        for (past, arm) in self.past.iter_mut().zip(read) {
            // The epoch before this one has been counted in full; it ages now.
            *past = past.weighted(decay);
            if let Some(new) = arm.get(&epoch).filter(|new| new.count > 0.0) {
                self.evidence += predictive(past, new);
                *past = past.plus(*new);
            }
        }
    }
}

/// The logarithm of the probability of these rewards under Beta(1, 1) and the past.
fn beta_binomial(past: &Evidence, new: &Evidence) -> f64 {
    let (a, b) = (1.0 + past.sum, 1.0 + (past.count - past.sum).max(0.0));
    let failures = (new.count - new.sum).max(0.0);
    beta::ln_beta(a + new.sum, b + failures) - beta::ln_beta(a, b)
}

/// The logarithm of the density of these rewards under the default normal-inverse-gamma prior and the past, up
/// to a term that is the same for all pasts (Murphy 2007, eq. 95).
fn normal(past: &Evidence, new: &Evidence) -> f64 {
    normaliser(&past.plus(*new)) - normaliser(past)
}

fn normaliser(evidence: &Evidence) -> f64 {
    let (_, kappa, alpha, beta) = NormalInverseGamma::default().parameters(evidence);
    gamma::ln_gamma(alpha) - alpha * libm::log(beta) - 0.5 * libm::log(kappa)
}
