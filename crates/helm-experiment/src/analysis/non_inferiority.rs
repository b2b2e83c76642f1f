use super::mean::Difference;
use super::refusal::{Answer, positive};

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// More is.
    Higher,
    /// Less is.
    Lower,
}

/// Whether the treatment is at most so much worse than the control.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NonInferiority {
    /// The probability of so good a difference, were it worse by the margin.
    pub p: f64,
    /// The greater of the probabilities of both sides: below `alpha`, the two differ by less than the margin (Schuirmann
    /// 1987).
    pub p_equivalent: f64,
}

/// Holds a difference against a margin above 0.
///
/// # Errors
///
/// When the margin is not a finite number above 0.
pub fn non_inferiority(difference: &Difference, margin: f64, better: Better) -> Answer<NonInferiority> {
    let margin = positive("the margin", margin)?;
    let above = Difference { value: difference.value + margin, ..*difference }.p_greater();
    let below = Difference { value: difference.value - margin, ..*difference }.p_less();
    let p = if better == Better::Higher { above } else { below };
    Ok(NonInferiority { p, p_equivalent: above.max(below) })
}
