use crate::error::{Error, Result};

/// Probabilities are from 0 to 1, and there is an outcome for each.
fn check(probabilities: &[f64], happened: &[bool]) -> Result<()> {
    if probabilities.len() != happened.len() {
        return Err(Error::LengthMismatch { left: probabilities.len(), right: happened.len() });
    }
    if !probabilities.iter().all(|value| (0.0..=1.0).contains(value)) {
        return Err(Error::NotFinite { what: "a probability, which is from 0 to 1" });
    }
    if probabilities.is_empty() {
        return Err(Error::TooFew { what: "calibration", least: 1, found: 0 });
    }
    Ok(())
}

/// The mean squared distance of probabilities from what happened (1 or 0): from 0, certain and right, to 1.
///
/// Brier, "Verification of forecasts expressed in terms of probability" (1950), for two outcomes.
///
/// # Errors
///
/// Fails for lists of different length, without values, and for what is not from 0 to 1.
pub fn brier(probabilities: &[f64], happened: &[bool]) -> Result<f64> {
    check(probabilities, happened)?;
    let square =
        |(probability, happened): (&f64, &bool)| (probability - f64::from(u8::from(*happened))).powi(2);
    Ok(probabilities.iter().zip(happened).map(square).sum::<f64>() / probabilities.len() as f64)
}

/// How far probabilities are from how often it happened, from 0 to 1: the mean over bins of equal width of the
/// distance between mean probability and share, weighted by the values in each bin.
///
/// Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015). With
/// `bins` of 10 and a few hundred values, a perfectly calibrated score has about .03.
///
/// # Errors
///
/// As [`brier`], and for no bins.
pub fn expected_calibration_error(probabilities: &[f64], happened: &[bool], bins: usize) -> Result<f64> {
    check(probabilities, happened)?;
    if bins == 0 {
        return Err(Error::TooFew { what: "a calibration error", least: 1, found: 0 });
    }
    let mut sums = vec![0.0; bins];
    for (probability, happened) in probabilities.iter().zip(happened) {
        let bin = ((probability * bins as f64) as usize).min(bins - 1);
        if let Some(sum) = sums.get_mut(bin) {
            *sum += probability - f64::from(u8::from(*happened));
        }
    }
    Ok(sums.into_iter().map(f64::abs).sum::<f64>() / probabilities.len() as f64)
}
