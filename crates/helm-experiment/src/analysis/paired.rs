use helm_numerics::{binomial, chi_squared};

use super::mean::Difference;
use super::moments::Moments;
use super::refusal::{Answer, Refusal};

/// The mean difference of pairs, such as the same simulated user under two variants.
///
/// # Errors
///
/// [`Refusal::Unpaired`], [`Refusal::TooFewUnits`], [`Refusal::NotFinite`]; [`Refusal::ZeroVariance`], or
/// [`Refusal::ConstantArms`] where all differ by as much.
pub fn paired(control: &[f64], treatment: &[f64]) -> Answer<Difference> {
    let differences = differences(control, treatment)?;
    let moments = Moments::of(&differences)?;
    if moments.count < 2 {
        return Err(Refusal::TooFewUnits);
    }
    if moments.squares <= 0.0 {
        return Err(if moments.mean == 0.0 { Refusal::ZeroVariance } else { Refusal::ConstantArms });
    }
    let error = libm::sqrt(moments.variance() / moments.count as f64);
    Ok(Difference { value: moments.mean, error, dof: (moments.count - 1) as f64 })
}

/// The treatment's values less the control's.
///
/// # Errors
///
/// [`Refusal::Unpaired`].
pub fn differences(control: &[f64], treatment: &[f64]) -> Answer<Vec<f64>> {
    if control.len() != treatment.len() {
        return Err(Refusal::Unpaired { left: control.len(), right: treatment.len() });
    }
    Ok(treatment.iter().zip(control).map(|(one, other)| one - other).collect())
}

/// Pairs of yes and no of which only those that changed tell anything (McNemar 1947).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changes {
    /// How many were yes under the control alone.
    pub lost: u64,
    /// How many were yes under the treatment alone.
    pub won: u64,
}

impl Changes {
    /// The exact two-sided probability; 1 where nothing changed.
    #[must_use]
    pub fn p_exact(self) -> f64 {
        let (few, all) = (self.lost.min(self.won), self.lost + self.won);
        (2.0 * binomial::cdf(few, all, 0.5)).min(1.0)
    }

    /// The probability by χ², corrected for continuity.
    ///
    /// # Errors
    ///
    /// [`Refusal::ZeroVariance`] where nothing changed.
    pub fn p_approximate(self) -> Answer<f64> {
        let all = (self.lost + self.won) as f64;
        if all == 0.0 {
            return Err(Refusal::ZeroVariance);
        }
        let off = self.lost.abs_diff(self.won) as f64 - 1.0;
        Ok(chi_squared::sf(off * off / all, 1.0))
    }
}
