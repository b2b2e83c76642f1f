use super::mean::Difference;
use super::refusal::{Answer, Refusal};

/// How much each row of an adaptive log counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Weighting {
    /// The same.
    Uniform,
    /// The root of the propensity: rows in which an arm was hardly possible count less, and the error is normal again
    /// (Hadad et al. 2021). The one to use.
    Root,
    /// Two-point allocation, for policies whose least propensity falls as this power of time.
    TwoPoint(f64),
}

/// A log that a learning policy wrote: plain means of its arms are biased, since it plays an arm less after bad luck.
#[derive(Clone, Debug)]
pub struct AdaptiveLog {
    arms: Vec<usize>,
    propensities: Vec<Vec<f64>>,
    /// By row and arm, an unbiased value of the arm.
    scores: Vec<Vec<f64>>,
}

/// Arms' values and their errors.
#[derive(Clone, PartialEq, Debug)]
pub struct ArmEstimates {
    /// By arm.
    pub values: Vec<f64>,
    /// Their standard errors.
    pub errors: Vec<f64>,
    /// By row and arm, what moves a value, times its number.
    influences: Vec<Vec<f64>>,
}

impl AdaptiveLog {
    /// Of rows in order: which arm was played, what came of it, and the propensities of all arms.
    ///
    /// Scores are augmented by the mean of what the arm had earned before the row (AIPW).
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`], [`Refusal::Unpaired`], [`Refusal::NotFinite`], [`Refusal::NoPropensities`],
    /// [`Refusal::ZeroPropensity`].
    pub fn new(arms: &[usize], rewards: &[f64], propensities: &[Vec<f64>]) -> Answer<Self> {
        if arms.len() != rewards.len() || arms.len() != propensities.len() {
            let right = if arms.len() == rewards.len() { propensities.len() } else { rewards.len() };
            return Err(Refusal::Unpaired { left: arms.len(), right });
        }
        let count = propensities.first().map(Vec::len).ok_or(Refusal::NoUnits)?;
        let mut means = vec![(0.0_f64, 0.0_f64); count];
        let mut scores = Vec::with_capacity(arms.len());
        for (row, ((arm, reward), given)) in arms.iter().zip(rewards).zip(propensities).enumerate() {
            check_row(row, given, count, *reward)?;
            let own = given.get(*arm).copied().filter(|own| *own > 0.0);
            let own = own.ok_or(Refusal::ZeroPropensity { row })?;
            let mut score: Vec<f64> = means.iter().map(|(_, mean)| *mean).collect();
            if let (Some(score), Some((count, mean))) = (score.get_mut(*arm), means.get_mut(*arm)) {
                *score += (reward - *mean) / own;
                *count += 1.0;
                *mean += (reward - *mean) / *count;
            }
            scores.push(score);
        }
        Ok(Self { arms: arms.to_vec(), propensities: propensities.to_vec(), scores })
    }

    /// How often the least played arm was played: below 50, do not look at an interval that claims to hold at any time.
    #[must_use]
    pub fn least_pulls(&self) -> usize {
        let count = self.propensities.first().map_or(0, Vec::len);
        let pulls = (0..count).map(|arm| self.arms.iter().filter(|played| **played == arm).count());
        pulls.min().unwrap_or(0)
    }

    /// The least propensity of all rows and arms.
    #[must_use]
    pub fn floor(&self) -> f64 {
        self.propensities.iter().flatten().copied().fold(1.0, f64::min)
    }

    /// The values of all arms.
    #[must_use]
    pub fn estimates(&self, weighting: Weighting) -> ArmEstimates {
        let count = self.propensities.first().map_or(0, Vec::len);
        let (mut values, mut errors) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut influences = vec![Vec::with_capacity(count); self.scores.len()];
        for arm in 0..count {
            let weights = self.weights(arm, weighting);
            let sum: f64 = weights.iter().sum();
            let scores = || self.scores.iter().map(|row| row.get(arm).copied().unwrap_or(f64::NAN));
            let value = weights.iter().zip(scores()).map(|(weight, score)| weight * score).sum::<f64>() / sum;
            let mut square = 0.0;
            for ((weight, score), influence) in weights.iter().zip(scores()).zip(&mut influences) {
                let own = weight * (score - value) / sum;
                square += own * own;
                influence.push(own);
            }
            values.push(value);
            errors.push(libm::sqrt(square));
        }
        ArmEstimates { values, errors, influences }
    }

    fn weights(&self, arm: usize, weighting: Weighting) -> Vec<f64> {
        let propensities = self.propensities.iter().map(|row| row.get(arm).copied().unwrap_or(0.0));
        match weighting {
            Weighting::Uniform => vec![1.0; self.scores.len()],
            Weighting::Root => propensities.map(libm::sqrt).collect(),
            Weighting::TwoPoint(decay) => two_point(propensities, self.scores.len() as f64, decay),
        }
    }
}

fn check_row(row: usize, propensities: &[f64], arms: usize, reward: f64) -> Answer<()> {
    if !reward.is_finite() {
        return Err(Refusal::NotFinite { row });
    }
    let sum: f64 = propensities.iter().sum();
    let are_shares = propensities.iter().all(|share| (0.0..=1.0).contains(share));
    if propensities.len() != arms || !are_shares || (sum - 1.0).abs() > 1e-6 {
        return Err(Refusal::NoPropensities { row });
    }
    Ok(())
}

/// The allocation of Hadad et al. (2021), section 2.4: of what is left, so much is spent on each row.
fn two_point(propensities: impl Iterator<Item = f64>, rows: f64, decay: f64) -> Vec<f64> {
    let mut left = 1.0;
    let weight = |(row, propensity): (usize, f64)| {
        let t = (row + 1) as f64;
        let bad = (1.0 - decay) / ((1.0 - decay) + rows * libm::pow(t / rows, decay) - t);
        let rate = (1.0 - propensity) * bad + propensity / (1.0 + rows - t);
        let spent = rate * left;
        left -= spent;
        libm::sqrt((propensity * spent).max(0.0))
    };
    propensities.enumerate().map(weight).collect()
}

impl ArmEstimates {
    /// The value of one arm less that of another, with the error of both together; `None` for an arm that is not there.
    #[must_use]
    pub fn contrast(&self, arm: usize, control: usize) -> Option<Difference> {
        let value = self.values.get(arm)? - self.values.get(control)?;
        let own = |row: &Vec<f64>| Some(row.get(arm)? - row.get(control)?);
        let square: f64 = self.influences.iter().filter_map(own).map(|own| own * own).sum();
        Some(Difference { value, error: libm::sqrt(square), dof: f64::INFINITY })
    }

    /// As [`contrast`](Self::contrast), with rows of the same unit taken together: `units` says of each row which it is,
    /// counted from 0.
    #[must_use]
    pub fn contrast_by_unit(&self, arm: usize, control: usize, units: &[usize]) -> Option<Difference> {
        let value = self.values.get(arm)? - self.values.get(control)?;
        let mut sums = vec![0.0; units.iter().max()? + 1];
        for (row, unit) in self.influences.iter().zip(units) {
            *sums.get_mut(*unit)? += row.get(arm)? - row.get(control)?;
        }
        let square: f64 = sums.iter().map(|sum: &f64| sum * sum).sum();
        Some(Difference { value, error: libm::sqrt(square), dof: f64::INFINITY })
    }
}
