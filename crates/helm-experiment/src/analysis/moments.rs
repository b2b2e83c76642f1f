use super::refusal::{Answer, Refusal};

/// How many values there were, their mean, and how far they spread; sums of two are those of all values.
///
/// Welford's update (1962) and the merge of Chan, Golub and LeVeque (1979): no sums of squares, which lose all digits
/// where the mean is large against the spread.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their mean; 0 without values.
    pub mean: f64,
    /// What rounding takes from the mean, which is most of a difference between two large ones.
    rest: f64,
    /// The sum of the squares of their distances from the mean.
    pub squares: f64,
}

impl Moments {
    /// Of a count, a mean and a variance with the divisor `count - 1`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unusable`] when the mean or the variance is no finite number, or the variance is negative.
    pub fn new(count: u64, mean: f64, variance: f64) -> Answer<Self> {
        if !mean.is_finite() || !variance.is_finite() || variance < 0.0 {
            let why = "the mean and the variance must be finite, and the variance not below 0";
            return Err(Refusal::Unusable { name: "moments", why });
        }
        Ok(Self { count, mean, rest: 0.0, squares: variance * count.saturating_sub(1) as f64 })
    }

    /// Of these values.
    ///
    /// # Errors
    ///
    /// When one is not finite.
    pub fn of(values: &[f64]) -> Answer<Self> {
        let mut moments = Self::default();
        for (row, value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(Refusal::NotFinite { row });
            }
            moments.add(*value);
        }
        Ok(moments)
    }

    /// Adds a value, which must be finite.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = self.above_mean(value);
        self.shift(before / self.count as f64);
        self.squares += before * self.above_mean(value);
    }

    /// How far a value lies above the mean.
    pub(super) fn above_mean(&self, value: f64) -> f64 {
        value - self.mean - self.rest
    }

    fn shift(&mut self, by: f64) {
        let by = by + self.rest;
        let mean = self.mean + by;
        let seen = mean - self.mean;
        self.rest = (self.mean - (mean - seen)) + (by - seen);
        self.mean = mean;
    }

    /// How much greater the mean is than that of another.
    #[must_use]
    pub fn above(&self, other: &Self) -> f64 {
        (self.mean - other.mean) + (self.rest - other.rest)
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (own, count) = (self.count as f64, (self.count + other.count) as f64);
        let apart = other.above(self);
        self.squares += other.squares + apart * apart * own * (other.count as f64 / count);
        self.shift(apart * (other.count as f64 / count));
        self.count += other.count;
    }

    /// The variance with the divisor `count - 1`; 0 for fewer than two values.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }
}

/// The moments of pairs of values.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PairMoments {
    /// Of the first values.
    pub first: Moments,
    /// Of the second values.
    pub second: Moments,
    /// The sum of the products of their distances from the means.
    pub products: f64,
}

impl PairMoments {
    /// Of these pairs.
    ///
    /// # Errors
    ///
    /// When the lists differ in length or a value is not finite.
    pub fn of(first: &[f64], second: &[f64]) -> Answer<Self> {
        if first.len() != second.len() {
            return Err(Refusal::Unpaired { left: first.len(), right: second.len() });
        }
        let mut moments = Self::default();
        for (row, (one, other)) in first.iter().zip(second).enumerate() {
            if !(one.is_finite() && other.is_finite()) {
                return Err(Refusal::NotFinite { row });
            }
            moments.add(*one, *other);
        }
        Ok(moments)
    }

    /// Adds a pair, both of which must be finite.
    pub fn add(&mut self, one: f64, other: f64) {
        let before = self.first.above_mean(one);
        self.first.add(one);
        self.second.add(other);
        self.products += before * self.second.above_mean(other);
    }

    /// Adds the pairs of another.
    pub fn merge(&mut self, other: &Self) {
        let (own, theirs) = (self.first.count as f64, other.first.count as f64);
        if theirs > 0.0 {
            let apart = other.first.above(&self.first) * other.second.above(&self.second);
            self.products += other.products + apart * own * (theirs / (own + theirs));
        }
        self.first.merge(&other.first);
        self.second.merge(&other.second);
    }

    /// The covariance with the divisor `count - 1`; 0 for fewer than two pairs.
    #[must_use]
    pub fn covariance(&self) -> f64 {
        if self.first.count < 2 { 0.0 } else { self.products / (self.first.count - 1) as f64 }
    }

    /// How many pairs.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.first.count
    }

    /// The moments of `second - slope * first`. Rounding never makes its variance negative.
    #[must_use]
    pub fn residual(&self, slope: f64) -> Moments {
        if slope == 0.0 {
            return self.second;
        }
        let squares = self.second.squares - 2.0 * slope * self.products + slope * slope * self.first.squares;
        // What is left of sums that cancel is rounding.
        let scale = self.second.squares + slope * slope * self.first.squares;
        let squares = if squares <= 1e-14 * scale { 0.0 } else { squares };
        Moments { count: self.count(), mean: self.second.mean - slope * self.first.mean, rest: 0.0, squares }
    }
}
