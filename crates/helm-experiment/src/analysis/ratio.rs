use std::collections::BTreeMap;

use super::mean::Difference;
use super::moments::{Moments, PairMoments};
use super::refusal::{Answer, Refusal};

/// A ratio of sums over users, such as reward per turn, with the variance of its error as if it were a mean of so many
/// users.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ratio {
    /// The sum of the numerators over that of the denominators.
    pub value: f64,
    /// Divided by the number of users, the square of the standard error.
    pub variance: f64,
    /// How many users.
    pub users: u64,
}

/// The ratio of an arm, of which `users` holds denominators first and numerators second, a pair a user. The delta method
/// of Deng, Knoblich and Lu (2018) over residuals, which is exact where numerators follow denominators; it equals
/// cluster-robust regression (CR1) on the turns.
///
/// # Errors
///
/// [`Refusal::TooFewClusters`], [`Refusal::ZeroDenominator`].
pub fn ratio(users: &PairMoments) -> Answer<Ratio> {
    if users.count() < 2 {
        return Err(Refusal::TooFewClusters);
    }
    let denominator = users.first.mean;
    if denominator == 0.0 {
        return Err(Refusal::ZeroDenominator);
    }
    let value = users.second.mean / denominator;
    let residual = users.residual(value).variance();
    Ok(Ratio { value, variance: residual / (denominator * denominator), users: users.count() })
}

/// The difference of two ratios, with degrees of freedom of Satterthwaite by users: with few of them the normal
/// distribution finds too much.
///
/// # Errors
///
/// [`Refusal::ZeroVariance`], or [`Refusal::ConstantArms`] where the arms differ.
pub fn ratio_difference(control: &Ratio, treatment: &Ratio) -> Answer<Difference> {
    let moments = |ratio: &Ratio| Moments::new(ratio.users, ratio.value, ratio.variance);
    super::mean::welch(&moments(control)?, &moments(treatment)?)
}

/// Turns of users as denominators and numerators of users: how many turns, and the sum of their values.
///
/// # Errors
///
/// [`Refusal::NotFinite`]; [`Refusal::UnitsInSeveralArms`] with all users that were in both.
pub fn by_user<'a>(
    turns: impl IntoIterator<Item = (&'a str, bool, f64)>,
) -> Answer<(PairMoments, PairMoments)> {
    let mut users: BTreeMap<&str, [(f64, f64); 2]> = BTreeMap::new();
    for (row, (user, is_treatment, value)) in turns.into_iter().enumerate() {
        if !value.is_finite() {
            return Err(Refusal::NotFinite { row });
        }
        let [control, treatment] = users.entry(user).or_default();
        let (count, sum) = if is_treatment { treatment } else { control };
        *count += 1.0;
        *sum += value;
    }
    let is_mixed = |arms: &[(f64, f64); 2]| arms.iter().all(|(count, _)| *count > 0.0);
    let mixed: Vec<_> =
        users.iter().filter(|(_, arms)| is_mixed(arms)).map(|(user, _)| (*user).to_owned()).collect();
    if !mixed.is_empty() {
        return Err(Refusal::UnitsInSeveralArms { units: mixed });
    }
    let mut arms = (PairMoments::default(), PairMoments::default());
    for [control, treatment] in users.values() {
        if control.0 > 0.0 { arms.0.add(control.0, control.1) } else { arms.1.add(treatment.0, treatment.1) }
    }
    Ok(arms)
}
