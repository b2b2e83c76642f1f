use super::log::{Modelled, OffPolicyLog, Row};
use crate::analysis::{Answer, Refusal};

/// How the other policy's mean reward is estimated. Those with a model need one in every decision.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Estimator {
    /// Importance weights as they are (Horvitz & Thompson 1952): without bias, and wide.
    Ips,
    /// Weights of at most so much.
    ClippedIps(f64),
    /// Over the sum of the weights (Swaminathan & Joachims 2015). A default.
    SelfNormalised,
    /// What the model expects alone: as biased as the model.
    Direct,
    /// What the model expects, corrected by weighted errors of it (Dudík, Langford & Li 2014). A default.
    DoublyRobust,
    /// The same over the sum of the weights.
    SelfNormalisedDoublyRobust,
    /// Corrected only where the weight is at most so much (Wang, Agarwal & Dudík 2017).
    SwitchDoublyRobust(f64),
    /// Weighted up to so much, and what the model expects of actions beyond it.
    Switch(f64),
    /// With weights shrunk to λw / (w² + λ) (Su et al. 2020).
    ShrunkDoublyRobust(f64),
    /// With weights of w / (1 − λ + λw) (Metelli et al. 2021).
    SubGaussianIps(f64),
    /// The same, doubly robust.
    SubGaussianDoublyRobust(f64),
    /// Weighted up to so much, blended with what the model expects of each action as far as it is beyond (Su et al. 2019).
    ContinuousBlending(f64),
}

impl OffPolicyLog {
    /// The other policy's mean reward.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`] without decisions; [`Refusal::Unusable`] where the estimator needs a model or the log's
    /// probabilities of all actions and a decision has none.
    pub fn estimate(&self, estimator: Estimator) -> Answer<f64> {
        if self.rows.is_empty() {
            return Err(Refusal::NoUnits);
        }
        let mean = |of: &dyn Fn(&Row) -> Answer<f64>| -> Answer<f64> {
            let sum: f64 = self.rows.iter().map(of).sum::<Answer<f64>>()?;
            Ok(sum / self.rows.len() as f64)
        };
        let weighted = |of: &dyn Fn(f64) -> f64| mean(&|row| Ok(of(row.weight) * row.reward));
        let robust = |of: &dyn Fn(f64) -> f64| {
            mean(&|row| {
                let Modelled { chosen, target } = modelled(row)?;
                Ok(target + of(row.weight) * (row.reward - chosen))
            })
        };
        match estimator {
            Estimator::Ips => weighted(&|w| w),
            Estimator::ClippedIps(most) => weighted(&|w| w.min(most)),
            Estimator::SelfNormalised => Ok(weighted(&|w| w)? / self.weight()?),
            Estimator::Direct => robust(&|_| 0.0),
            Estimator::DoublyRobust => robust(&|w| w),
            Estimator::SelfNormalisedDoublyRobust => {
                let weight = self.weight()?;
                robust(&|w| w / weight)
            }
            Estimator::SwitchDoublyRobust(most) => robust(&|w| if w <= most { w } else { 0.0 }),
            Estimator::ShrunkDoublyRobust(lambda) => robust(&|w| lambda * w / (w * w + lambda)),
            Estimator::SubGaussianIps(lambda) => weighted(&|w| w / (1.0 - lambda + lambda * w)),
            Estimator::SubGaussianDoublyRobust(lambda) => robust(&|w| w / (1.0 - lambda + lambda * w)),
            Estimator::Switch(most) => mean(&|row| {
                let own = if row.weight <= most { row.weight * row.reward } else { 0.0 };
                let beyond = actions(row)?.iter().filter(|(target, logged, _)| *target > most * logged);
                Ok(own + beyond.map(|(target, _, expected)| target * expected).sum::<f64>())
            }),
            Estimator::ContinuousBlending(most) => mean(&|row| {
                let part = |(target, logged, expected): &(f64, f64, f64)| {
                    (target - (most * logged).min(*target)) * expected
                };
                Ok(row.weight.min(most) * row.reward + actions(row)?.iter().map(part).sum::<f64>())
            }),
        }
    }

    fn weight(&self) -> Answer<f64> {
        Ok(self.diagnostics()?.mean_weight)
    }
}

fn modelled(row: &Row) -> Answer<Modelled> {
    row.model.ok_or(Refusal::Unusable { name: "rewards", why: "a decision has no model of them" })
}

fn actions(row: &Row) -> Answer<&[(f64, f64, f64)]> {
    let why = "a decision has no model of them, or not the log's probabilities of all actions";
    row.actions.as_deref().ok_or(Refusal::Unusable { name: "rewards", why })
}
