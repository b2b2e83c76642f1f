use super::mean::{Difference, welch};
use super::moments::{Moments, PairMoments};
use super::refusal::{Answer, Refusal};

/// A difference less what was known of the units before (CUPED: Deng, Xu, Kohavi & Walker 2013).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adjusted {
    /// The adjusted difference.
    pub difference: Difference,
    /// How much of what was before is taken off.
    pub theta: f64,
    /// The adjusted arms.
    pub arms: (Moments, Moments),
    /// The share of the variance that is gone.
    pub reduction: f64,
}

/// Takes off what was known before: each arm's pairs are what was before, first, and the outcome, second. One slope for
/// both arms, from all units; 0 where nothing differed before. Of units that were not seen before, leave the pair out of
/// neither arm: give them the mean.
///
/// # Errors
///
/// As of [`welch`].
pub fn cuped(control: &PairMoments, treatment: &PairMoments) -> Answer<Adjusted> {
    let mut pooled = *control;
    pooled.merge(treatment);
    let before = pooled.first;
    let is_constant = before.variance() <= 1e-12 * before.mean * before.mean || before.variance() == 0.0;
    let theta = if is_constant { 0.0 } else { pooled.products / before.squares };
    let arms = (control.residual(theta), treatment.residual(theta));
    let difference = welch(&arms.0, &arms.1)?;
    let raw = welch(&control.second, &treatment.second)?;
    let reduction = 1.0 - (difference.error / raw.error) * (difference.error / raw.error);
    Ok(Adjusted { difference, theta, arms, reduction })
}

/// The same with a slope for each arm (Lin 2013): the regression of the outcome on the arm, what was before less its mean
/// over all, and their product, with errors that need no equal variances (HC1). Each arm is what was before and the
/// outcome, by unit.
///
/// # Errors
///
/// [`Refusal::Unpaired`], [`Refusal::NotFinite`]; [`Refusal::TooFewUnits`] with fewer than three in an arm;
/// [`Refusal::ZeroVariance`] where nothing differed before in an arm, or every outcome follows from it.
pub fn lin(control: (&[f64], &[f64]), treatment: (&[f64], &[f64])) -> Answer<Difference> {
    let moments = (PairMoments::of(control.0, control.1)?, PairMoments::of(treatment.0, treatment.1)?);
    let all = moments.0.count() + moments.1.count();
    if moments.0.count() < 3 || moments.1.count() < 3 {
        return Err(Refusal::TooFewUnits);
    }
    let mut pooled = moments.0;
    pooled.merge(&moments.1);
    let own = at_mean(control, &moments.0, pooled.first.mean);
    let other = at_mean(treatment, &moments.1, pooled.first.mean);
    let square = (own.1 + other.1) * all as f64 / (all - 4) as f64;
    if !(square.is_finite() && square > 0.0) {
        return Err(Refusal::ZeroVariance);
    }
    Ok(Difference { value: other.0 - own.0, error: libm::sqrt(square), dof: f64::INFINITY })
}

/// An arm's outcome where what was before is `mean`, and the square of its error.
fn at_mean((before, after): (&[f64], &[f64]), moments: &PairMoments, mean: f64) -> (f64, f64) {
    let slope = moments.products / moments.first.squares;
    let off = mean - moments.first.mean;
    let part = |(x, y): (&f64, &f64)| {
        let x = x - moments.first.mean;
        let weight = 1.0 / moments.count() as f64 + off * x / moments.first.squares;
        let residual = y - moments.second.mean - slope * x;
        weight * weight * residual * residual
    };
    (moments.second.mean + slope * off, before.iter().zip(after).map(part).sum())
}
