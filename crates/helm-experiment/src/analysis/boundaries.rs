//! Curves that a sum of centred values stays below at all times but with a small probability (Howard, Ramdas, McAuliffe &
//! Sekhon 2021). They are functions of the intrinsic time `v`, which is the variance of the sum or an estimate of it.

use std::f64::consts::LN_2;

use helm_numerics::{beta, gamma, normal};

use super::always_valid::Sides;
use super::mean::Interval;
use super::proportions::Proportion;
use super::refusal::{Answer, Refusal, positive, share};
use super::root::increasing_root;

/// The scale ρ at which a normal mixture is tightest at `v`.
fn best_scale(v: f64, alpha: f64) -> f64 {
    let twice = -2.0 * libm::log(alpha);
    v / (twice + libm::log1p(twice))
}

/// A normal mixture, for sums with normal tails.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormalMixture {
    scale: f64,
    sides: Sides,
}

impl NormalMixture {
    /// Tightest at the intrinsic time `tuned_for`, for this level.
    ///
    /// # Errors
    ///
    /// When the time is not above 0, or the level not between 0 and 1 (½ for one side).
    pub fn new(tuned_for: f64, alpha: f64, sides: Sides) -> Answer<Self> {
        let (tuned_for, alpha) = (positive("the intrinsic time", tuned_for)?, share("alpha", alpha)?);
        let alpha = if sides == Sides::One { share("twice alpha", 2.0 * alpha)? } else { alpha };
        Ok(Self { scale: best_scale(tuned_for, alpha), sides })
    }

    /// The logarithm of the evidence of a sum `s` at `v`.
    #[must_use]
    pub fn ln_e(&self, s: f64, v: f64) -> f64 {
        let sum = v + self.scale;
        let two_sided = 0.5 * libm::log(self.scale / sum) + s * s / (2.0 * sum);
        match self.sides {
            Sides::Two => two_sided,
            Sides::One => two_sided + LN_2 + normal::ln_sf(-s / libm::sqrt(sum)),
        }
    }

    /// The bound at `v`.
    ///
    /// # Errors
    ///
    /// When the level is not between 0 and 1.
    pub fn bound(&self, v: f64, alpha: f64) -> Answer<f64> {
        let wanted = -libm::log(share("alpha", alpha)?);
        Ok(match self.sides {
            Sides::Two => libm::sqrt((v + self.scale) * (libm::log1p(v / self.scale) + 2.0 * wanted)),
            Sides::One => increasing_root(0.0, wanted, |s| self.ln_e(s, v)),
        })
    }
}

/// A gamma mixture of exponential supermartingales, for sums whose values lie at most `c` above their mean: what
/// empirical Bernstein bounds need.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GammaExponentialMixture {
    scale: f64,
    c: f64,
    constant: f64,
}

impl GammaExponentialMixture {
    /// Tightest at the intrinsic time `tuned_for`, for this level.
    ///
    /// # Errors
    ///
    /// When the time or `c` is not above 0, or the level not between 0 and ½.
    pub fn new(tuned_for: f64, alpha: f64, c: f64) -> Answer<Self> {
        let (tuned_for, c) = (positive("the intrinsic time", tuned_for)?, positive("c", c)?);
        let scale = best_scale(tuned_for, share("twice alpha", 2.0 * alpha)?);
        let shape = scale / (c * c);
        let constant = shape * libm::log(shape) - gamma::ln_gamma(shape) - gamma::ln_lower(shape, shape);
        Ok(Self { scale, c, constant })
    }

    /// The logarithm of the evidence of a sum `s` at `v`.
    #[must_use]
    pub fn ln_e(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let (at, shape) = ((self.c * s + v) / square, (v + self.scale) / square);
        let end = at + self.scale / square;
        self.constant + gamma::ln_gamma(shape) + gamma::ln_lower(shape, end) - shape * libm::log(end) + at
    }

    /// The bound at `v`.
    ///
    /// # Errors
    ///
    /// When the level is not between 0 and 1.
    pub fn bound(&self, v: f64, alpha: f64) -> Answer<f64> {
        let wanted = -libm::log(share("alpha", alpha)?);
        Ok(increasing_root(0.0, wanted, |s| self.ln_e(s, v)))
    }
}

/// A stitched bound: simple, of the order of the law of the iterated logarithm, and wider than a mixture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StitchedBound {
    /// From which intrinsic time on it is of use.
    pub from: f64,
    /// How far a value lies above its mean at most; 0 for normal tails.
    pub c: f64,
    /// How fast the level is spent on later times, above 1. 1.4 is usual.
    pub power: f64,
    /// How long an epoch is relative to the one before, above 1. 2 is usual.
    pub epoch: f64,
}

impl StitchedBound {
    /// The bound at `v`.
    ///
    /// # Errors
    ///
    /// When the level is not between 0 and 1 or a parameter is out of range.
    pub fn bound(&self, v: f64, alpha: f64) -> Answer<f64> {
        let (alpha, from) = (share("alpha", alpha)?, positive("the first time", self.from)?);
        let (power, epoch) = (positive("the power less 1", self.power - 1.0)? + 1.0, self.epoch);
        positive("the epoch less 1", epoch - 1.0)?;
        let v = libm::fmax(v, from);
        let quarter = libm::pow(epoch, 0.25);
        let (k1, k2) = ((quarter + 1.0 / quarter) / libm::sqrt(2.0), 0.5 * (libm::sqrt(epoch) + 1.0));
        let spent = libm::log(zeta(power)) - power * libm::log(libm::log(epoch));
        let level = power * libm::log(libm::log(epoch * v / from)) + spent - libm::log(alpha);
        let linear = k2 * self.c * level;
        Ok(libm::sqrt(k1 * k1 * v * level + linear * linear) + linear)
    }
}

/// Riemann's zeta function above 1, by the formula of Euler and Maclaurin.
fn zeta(s: f64) -> f64 {
    const TERMS: u32 = 30;
    let n = f64::from(TERMS);
    let sum: f64 = (1..TERMS).map(|k| libm::pow(f64::from(k), -s)).sum();
    let end = libm::pow(n, -s);
    let corrections = s / 12.0 / n - s * (s + 1.0) * (s + 2.0) / 720.0 / (n * n * n)
        + s * (s + 1.0) * (s + 2.0) * (s + 3.0) * (s + 4.0) / 30_240.0 / libm::pow(n, 5.0);
    sum + n * end / (s - 1.0) + 0.5 * end + end * corrections
}

/// The evidence of a mixture of binomials: of a sum of values with mean 0 of which each is −`g` or `h`.
struct BetaBinomial {
    r: f64,
    g: f64,
    h: f64,
}

impl BetaBinomial {
    fn new(tuned_for: f64, alpha: f64, g: f64, h: f64) -> Self {
        let r = libm::fmax(best_scale(tuned_for, alpha) - g * h, 1e-3 * g * h);
        Self { r, g, h }
    }

    fn ln_e(&self, s: f64, v: f64) -> f64 {
        let Self { r, g, h } = *self;
        let sum = g + h;
        let ln_beta =
            |v: f64, s: f64| beta::ln_beta((r + v - g * s) / (g * sum), (r + v + h * s) / (h * sum));
        let entropy = v / (g * h) * libm::log(sum)
            - (v + h * s) / (h * sum) * libm::log(g)
            - (v - g * s) / (g * sum) * libm::log(h);
        entropy + ln_beta(v, s) - ln_beta(0.0, 0.0)
    }
}

/// The interval of a share that holds at all times together, for successes and failures: tightest after `tuned_for`
/// trials at the level `tuned_alpha`.
///
/// # Errors
///
/// When the level is not between 0 and 1, or `tuned_for` is 0.
pub fn share_at_any_time(seen: Proportion, tuned_for: u64, alpha: f64, tuned_alpha: f64) -> Answer<Interval> {
    let wanted = -libm::log(share("alpha", alpha)?);
    let (tuned_alpha, tuned) =
        (share("alpha", tuned_alpha)?, positive("the number of trials", tuned_for as f64)?);
    let (p, n) = (seen.share(), seen.trials() as f64);
    let ln_e = |q: f64| {
        let mixture = BetaBinomial::new(q * (1.0 - q) * tuned, tuned_alpha, q, 1.0 - q);
        mixture.ln_e((p - q) * n, q * (1.0 - q) * n)
    };
    // From p outwards the evidence grows.
    let end = |outer: f64| {
        let (mut inside, mut outside) = (p, outer);
        for _ in 0..100 {
            let middle = 0.5 * (inside + outside);
            if middle == inside || middle == outside {
                break;
            }
            if ln_e(middle) < wanted { inside = middle } else { outside = middle }
        }
        0.5 * (inside + outside)
    };
    Ok(Interval { low: if p > 0.0 { end(0.0) } else { 0.0 }, high: if p < 1.0 { end(1.0) } else { 1.0 } })
}

/// The probability, valid at any time, of so different `q` quantiles of two samples, were they the same (Howard & Ramdas
/// 2022). Tightest after `tuned_for` values an arm, for whoever compares it with `tuned_alpha`.
///
/// # Errors
///
/// [`Refusal::NoUnits`], [`Refusal::NotFinite`]; [`Refusal::NoShare`] of `q` or `tuned_alpha`;
/// [`Refusal::NotPositive`] when `tuned_for` is 0.
pub fn quantiles_differ(
    control: &[f64],
    treatment: &[f64],
    q: f64,
    tuned_for: u64,
    tuned_alpha: f64,
) -> Answer<f64> {
    let (q, alpha) = (share("the quantile", q)?, share("alpha", tuned_alpha)?);
    let tuned = positive("the number of values", tuned_for as f64)?;
    let mixture = BetaBinomial::new(tuned * q * (1.0 - q), alpha, q, 1.0 - q);
    let (own, other) = (Sample::new(control, q, &mixture)?, Sample::new(treatment, q, &mixture)?);
    let places = own.sorted.iter().chain(&other.sorted).chain([&own.inner.0, &own.inner.1, &other.inner.0]);
    let places = places.chain([&other.inner.1]);
    let least = places.map(|x| own.ln_e(*x) + other.ln_e(*x)).fold(f64::INFINITY, f64::min);
    Ok(libm::exp(-least).min(1.0))
}

/// The evidence of a sample against each value's being its quantile.
struct Sample<'a> {
    sorted: Vec<f64>,
    q: f64,
    mixture: &'a BetaBinomial,
    /// Between these values there is least, at this share of values below.
    inner: (f64, f64),
    best: f64,
}

impl<'a> Sample<'a> {
    fn new(values: &[f64], q: f64, mixture: &'a BetaBinomial) -> Answer<Self> {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(Refusal::NotFinite { row });
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(first), Some(last)) = (sorted.first().copied(), sorted.last().copied()) else {
            return Err(Refusal::NoUnits);
        };
        let mut sample = Self { sorted, q, mixture, inner: (0.0, 0.0), best: q };
        sample.best = least(|below| sample.ln_e_of(below));
        let place = sample.best * sample.sorted.len() as f64;
        let at = |index: f64| sample.sorted.get((index as usize).saturating_sub(1)).copied();
        sample.inner = (at(place.ceil()).unwrap_or(first), at(place.floor() + 1.0).unwrap_or(last));
        Ok(sample)
    }

    fn ln_e_of(&self, below: f64) -> f64 {
        let n = self.sorted.len() as f64;
        self.mixture.ln_e((below - self.q) * n, self.q * (1.0 - self.q) * n)
    }

    fn ln_e(&self, x: f64) -> f64 {
        let share = |count: usize| count as f64 / self.sorted.len() as f64;
        let below = if x < self.inner.0 {
            share(self.sorted.partition_point(|value| *value <= x))
        } else if x > self.inner.1 {
            share(self.sorted.partition_point(|value| *value < x))
        } else {
            self.best
        };
        self.ln_e_of(below)
    }
}

/// Where between 0 and 1 a convex function is least, by golden sections.
fn least(of: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..80 {
        let (one, other) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        if of(one) < of(other) { high = other } else { low = one }
    }
    0.5 * (low + high)
}
