//! Confidence sequences for values from 0 to 1 that hold exactly, whatever their distribution (Waudby-Smith & Ramdas 2024).

use super::boundaries::GammaExponentialMixture;
use super::mean::Interval;
use super::refusal::{Answer, Refusal, share};

/// The mean of values from 0 to 1, with intervals that hold at all times together.
#[derive(Clone, Debug)]
pub struct BoundedMean {
    alpha: f64,
    values: Vec<f64>,
    /// By value, how much is bet on it, of what was known before.
    bets: Vec<f64>,
    sum: f64,
    /// Of the squares of the distances from the mean so far, for bets,
    spread: f64,
    /// and from the mean before, for empirical Bernstein: with 0 as the first mean, with 1 (for the mirrored values), and
    /// with ½.
    squares: [f64; 3],
    /// Σ λ, Σ λ x, and Σ of what the squares cost, for the values and the mirrored ones.
    mixed: [f64; 4],
}

/// Bets of empirical Bernstein stay below this.
const MOST: f64 = 0.5;

impl BoundedMean {
    /// With intervals that miss the mean with probability `alpha` at most.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn new(alpha: f64) -> Answer<Self> {
        Ok(Self {
            alpha: share("alpha", alpha)?,
            values: Vec::new(),
            bets: Vec::new(),
            sum: 0.0,
            spread: 0.25,
            squares: [0.0; 3],
            mixed: [0.0; 4],
        })
    }

    /// Adds a value.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfUnit`] for a value that is not from 0 to 1.
    pub fn add(&mut self, value: f64) -> Answer<()> {
        if !(0.0..=1.0).contains(&value) {
            return Err(Refusal::OutOfUnit { row: self.values.len(), value });
        }
        let before = self.values.len() as f64;
        let t = before + 1.0;
        let variance = self.spread / t;
        let bet = libm::sqrt(-2.0 * libm::log(0.5 * self.alpha) / (t * libm::log1p(t) * variance));
        let mean = |first: f64| if before > 0.0 { self.sum / before } else { first };
        let off = [0.0, 1.0, 0.5].map(|first| value - mean(first));
        let capped = bet.min(MOST);
        let cost = -libm::log1p(-capped) - capped;
        let [own, mirrored, _] = off.map(|off| off * off * cost);
        let added = [capped, capped * value, own, mirrored];
        self.mixed.iter_mut().zip(added).for_each(|(sum, more)| *sum += more);
        self.squares.iter_mut().zip(off).for_each(|(sum, off)| *sum += off * off);
        self.sum += value;
        let shrunk = (0.5 + self.sum) / (t + 1.0);
        self.spread += (value - shrunk) * (value - shrunk);
        self.bets.push(bet);
        self.values.push(value);
        Ok(())
    }

    /// By empirical Bernstein with predictable weights: cheap.
    #[must_use]
    pub fn empirical_bernstein(&self) -> Interval {
        let [bets, weighted, own, mirrored] = self.mixed;
        let wanted = -libm::log(0.5 * self.alpha);
        if bets <= 0.0 {
            return Interval { low: 0.0, high: 1.0 };
        }
        let (low, high) = ((weighted - wanted - own) / bets, (weighted + wanted + mirrored) / bets);
        Interval { low: low.max(0.0), high: high.min(1.0) }
    }

    /// By empirical Bernstein with a gamma mixture, tightest where the sum of squares is `tuned_for`.
    ///
    /// # Errors
    ///
    /// When `tuned_for` is not above 0.
    pub fn mixed_bernstein(&self, tuned_for: f64) -> Answer<Interval> {
        let level = 0.25 * self.alpha;
        let mixture = GammaExponentialMixture::new(tuned_for, level, 1.0)?;
        let n = self.values.len().max(1) as f64;
        let [.., squares] = self.squares;
        let half = mixture.bound(squares, level)? / n;
        let mean = self.sum / n;
        Ok(Interval { low: (mean - half).max(0.0), high: (mean + half).min(1.0) })
    }

    /// By betting against each mean, half of the stake on each side: the tightest, at the cost of a pass over all values
    /// for each of some dozens of means.
    #[must_use]
    pub fn betting(&self) -> Interval {
        let is_refuted = |mean: f64, sign: f64| self.ln_capital(mean, sign) >= -libm::log(0.5 * self.alpha);
        // The stake on "more" refutes small means, the stake on "less" great ones.
        let end = |mut refuted: f64, sign: f64| {
            let mut open = 1.0 - refuted;
            if !is_refuted(refuted, sign) {
                return refuted;
            }
            for _ in 0..60 {
                let middle = 0.5 * (refuted + open);
                if is_refuted(middle, sign) { refuted = middle } else { open = middle }
            }
            0.5 * (refuted + open)
        };
        Interval { low: end(0.0, 1.0), high: end(1.0, -1.0) }
    }

    /// The logarithm of what a stake of 1 has become that was bet on values above (or below) a mean.
    fn ln_capital(&self, mean: f64, sign: f64) -> f64 {
        let most = if sign > 0.0 { MOST / mean } else { MOST / (1.0 - mean) };
        let won = |(value, bet): (&f64, &f64)| {
            let off = sign * (value - mean);
            if off == 0.0 { 0.0 } else { libm::log1p(bet.min(most) * off) }
        };
        self.values.iter().zip(&self.bets).map(won).sum()
    }
}
