use std::collections::BTreeMap;

use helm_core::Probability;
use helm_numerics::normal;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::error::{Error, Result};

/// How a bootstrap resamples. Default: 2,000 times, seed 0, a level of .95.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Resampling {
    /// How often, at least 100.
    pub resamples: usize,
    /// The seed: the same seed gives the same interval to the bit.
    pub seed: u64,
    /// How often an interval should hold the true value, above 0 and below 1.
    pub level: f64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 2_000, seed: 0, level: 0.95 }
    }
}

impl Resampling {
    /// Sets how often.
    #[must_use]
    pub const fn with_resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the level.
    #[must_use]
    pub fn with_level(mut self, level: Probability) -> Self {
        self.level = level.get();
        self
    }

    /// The settings, when they are in range.
    pub(crate) fn check(self) -> Result<Self> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::NotFinite { what: "a level, which is above 0 and below 1" });
        }
        if self.resamples < 100 {
            return Err(Error::TooFew { what: "a bootstrap", least: 100, found: self.resamples });
        }
        Ok(self)
    }
}

/// A figure and its interval.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Estimate {
    /// The figure on the data itself.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The standard deviation of the resampled figures.
    pub stderr: f64,
}

/// Of two figures on the same data: the second less the first.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// The difference.
    pub difference: Estimate,
    /// The share of resamples in which the second figure is greater, ties counted half.
    pub better: f64,
}

impl Comparison {
    /// Whether the interval leaves 0 out.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.difference.low > 0.0 || self.difference.high < 0.0
    }
}

/// A figure with a percentile interval, resampling whole clusters: rows of one prompt share their difficulty, and a
/// bootstrap of single rows would be too sure.
///
/// `clusters` names the cluster of each row; `statistic` is given rows (indices, some more than once) and says the
/// figure, or `None` where it has none. With few clusters the percentiles are those of a normal approximation widened
/// as by Student's t: for n clusters the tail is expanded by the factor (n/(n-1))^(1/2), after Hesterberg, "What
/// teachers should know about the bootstrap" (2015), section 4.2.
///
/// Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13; Cameron, Gelbach and Miller,
/// "Bootstrap-based improvements for inference with clustered errors" (2008).
///
/// # Errors
///
/// Fails for settings out of range, fewer than 2 clusters, and where the statistic has no value on the data or on more
/// than half of the resamples, or one that is no number.
///
/// ```
/// use helm_eval::stats::{Resampling, bootstrap};
///
/// let (prompts, ratings) = (["a", "a", "b", "c"], [1.0, 2.0, 4.0, 3.0]);
/// let mean = |rows: &[usize]| Some(rows.iter().map(|row| ratings[*row]).sum::<f64>() / rows.len() as f64);
/// let estimate = bootstrap(&prompts, mean, Resampling::default())?;
/// assert_eq!(estimate.value, 2.5);
/// assert!(estimate.low < 2.5 && estimate.high > 2.5);
/// # Ok::<(), helm_eval::Error>(())
/// ```
pub fn bootstrap<C: Ord>(
    clusters: &[C],
    statistic: impl Fn(&[usize]) -> Option<f64>,
    resampling: Resampling,
) -> Result<Estimate> {
    let both = |rows: &[usize]| statistic(rows).map(|value| (0.0, value));
    resampled(clusters, both, resampling).map(|comparison| comparison.difference)
}

/// Compares two figures on the same resamples, so that what makes prompts hard for both cancels out. `statistic` says
/// both figures of the given rows; clusters as in [`bootstrap`].
///
/// # Errors
///
/// As [`bootstrap`].
pub fn compare<C: Ord>(
    clusters: &[C],
    statistic: impl Fn(&[usize]) -> Option<(f64, f64)>,
    resampling: Resampling,
) -> Result<Comparison> {
    resampled(clusters, statistic, resampling)
}

fn resampled<C: Ord>(
    clusters: &[C],
    statistic: impl Fn(&[usize]) -> Option<(f64, f64)>,
    resampling: Resampling,
) -> Result<Comparison> {
    let Resampling { resamples, seed, level } = resampling.check()?;
    let mut groups: BTreeMap<&C, Vec<usize>> = BTreeMap::new();
    clusters.iter().zip(0..).for_each(|(cluster, row)| groups.entry(cluster).or_default().push(row));
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let few = |what, least, found| Err(Error::TooFew { what, least, found });
    if groups.len() < 2 {
        return few("a bootstrap over clusters", 2, groups.len());
    }
    let difference = |rows: &[usize]| statistic(rows).map(|(first, second)| second - first);
    let all: Vec<usize> = (0..clusters.len()).collect();
    let Some(value) = difference(&all).filter(|value| value.is_finite()) else {
        return Err(Error::NotFinite { what: "the statistic of the data" });
    };
    let mut random = SplitMix64::seed_from_u64(seed);
    let (mut figures, mut rows) = (Vec::with_capacity(resamples), Vec::with_capacity(clusters.len()));
    for _ in 0..resamples {
        rows.clear();
        for _ in 0..groups.len() {
            rows.extend(groups.get(below(&mut random, groups.len())).into_iter().flatten());
        }
        figures.extend(difference(&rows).filter(|value| value.is_finite()));
    }
    if figures.len() * 2 < resamples {
        return few("an interval of resampled figures", resamples / 2, figures.len());
    }
    figures.sort_by(f64::total_cmp);
    let above = figures.iter().filter(|figure| **figure > 0.0).count() as f64;
    let level_at = figures.iter().filter(|figure| **figure == 0.0).count() as f64;
    let tail = expanded_tail((1.0 - level) / 2.0, groups.len());
    let stderr = super::variance(&figures).sqrt();
    let (low, high) = (quantile(&figures, tail), quantile(&figures, 1.0 - tail));
    let difference = Estimate { value, low, high, stderr };
    Ok(Comparison { difference, better: (above + level_at / 2.0) / figures.len() as f64 })
}

/// The tail whose percentile is as far out as that of the unbiased standard error.
fn expanded_tail(tail: f64, clusters: usize) -> f64 {
    let count = clusters as f64;
    normal::cdf(normal::quantile(tail) * (count / (count - 1.0)).sqrt())
}

/// The value below which a share of sorted values lies, between two of them where it must be.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len().saturating_sub(1)) as f64;
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

/// A number below `bound`, by multiplication; the bias is below 2⁻³² for what fits in memory.
pub(crate) fn below(random: &mut SplitMix64, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}
