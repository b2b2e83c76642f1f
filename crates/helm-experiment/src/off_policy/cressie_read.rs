use helm_numerics::student;

use super::log::OffPolicyLog;
use crate::analysis::{Answer, Interval, Refusal, share};

/// Sums over decisions that the interval rests on.
#[derive(Clone, Copy, Default)]
struct Sums {
    n: f64,
    weight: f64,
    weight_sq: f64,
    earned: f64,
    /// Σ w² r.
    mixed: f64,
    earned_sq: f64,
}

impl OffPolicyLog {
    /// The interval by empirical likelihood in the divergence of Cressie and Read with λ = −2 (Karampatziakis, Langford &
    /// Mineiro 2020), for rewards from 0 to 1 and one look: of all laws near the log's under which weights have the mean 1,
    /// the values that they give the other policy. It is narrower than others where weights vary much, and for decisions
    /// that do not depend on each other.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`]; [`Refusal::OutOfUnit`] for a reward outside of 0 to 1; when `alpha` is not between 0 and 1.
    pub fn cressie_read_interval(&self, alpha: f64) -> Answer<Interval> {
        let alpha = share("alpha", alpha)?;
        if self.rows.len() < 2 {
            return Err(Refusal::TooFewUnits);
        }
        self.check_unit_rewards()?;
        let mut sums = Sums::default();
        for row in &self.rows {
            let (w, r) = (row.weight, row.reward);
            sums.n += 1.0;
            sums.weight += w;
            sums.weight_sq += w * w;
            sums.earned += w * r;
            sums.mixed += w * w * r;
            sums.earned_sq += w * w * r * r;
        }
        let low = sums.bound(alpha);
        // The greatest value is what is left of the least one of what was missed.
        let high = 1.0 - sums.missed().bound(alpha);
        Ok(Interval { low, high })
    }
}

impl Sums {
    /// The same of 1 − r, as weights of the mean 1 make one of the other.
    fn missed(self) -> Self {
        Self {
            earned: self.weight - self.earned,
            mixed: self.weight_sq - self.mixed,
            earned_sq: self.weight_sq - 2.0 * self.mixed + self.earned_sq,
            ..self
        }
    }

    /// With one more decision that earned nothing, of this weight: what might yet come.
    fn with(self, weight: f64) -> Self {
        Self {
            n: self.n + 1.0,
            weight: self.weight + weight,
            weight_sq: self.weight_sq + weight * weight,
            ..self
        }
    }

    /// The least value of the laws that are near enough: with a decision of weight 0 or of a weight without bound, whichever
    /// is less.
    fn bound(self, alpha: f64) -> f64 {
        // F(1, n) is the square of Student's t.
        let t = student::upper_quantile(0.5 * alpha, self.n);
        let all = self.n + 1.0;
        let free = if self.weight < self.n { 1.0 + 1.0 / self.n } else { self.with(0.0).distance() };
        let phi = (-free - t * t) / (2.0 * all);
        let least = [self.with(0.0).least(phi), self.least_without_bound(phi)].into_iter().flatten();
        let least = least.fold(f64::INFINITY, f64::min);
        if least.is_finite() { least.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// How far the law nearest to these decisions is that gives weights the mean 1.
    fn distance(self) -> f64 {
        let (mean, square) = (self.weight / self.n, self.weight_sq / self.n);
        self.n * (mean - 1.0) * (mean - 1.0) / (square - mean * mean)
    }

    fn least(self, phi: f64) -> Option<f64> {
        let [w, ww, wr, wwr, wwrr] =
            [self.weight, self.weight_sq, self.earned, self.mixed, self.earned_sq].map(|sum| sum / self.n);
        let spread = ww - w * w;
        if spread <= 1e-12 * ww {
            return None;
        }
        let x = wr + (1.0 - w) * (wwr - w * wr) / spread;
        let y = (wwr - w * wr) * (wwr - w * wr) / spread - (wwrr - wr * wr);
        let z = phi + 0.5 * (1.0 - w) * (1.0 - w) / spread;
        minimum(x, y, z)
    }

    /// In the limit of a further decision of a weight without bound.
    fn least_without_bound(self, phi: f64) -> Option<f64> {
        let x = self.earned / self.n;
        let y = self.earned * self.earned / (self.n * (self.n + 1.0)) - self.earned_sq / (self.n + 1.0);
        minimum(x, y, phi + 0.5 / self.n)
    }
}

fn minimum(x: f64, y: f64, z: f64) -> Option<f64> {
    let product = y * z;
    (z <= 0.0 && product >= 0.0).then(|| x - libm::sqrt(2.0 * product))
}
