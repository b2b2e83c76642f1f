use helm_numerics::normal;

use super::refusal::{Answer, Refusal};

/// Whether values of one arm tend to be greater than those of the other (Mann & Whitney 1947).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MannWhitney {
    /// Pairs of which the treatment's value is the greater one; ties count half.
    pub u: f64,
    /// Of all pairs the share of [`u`](Self::u): the probability that a unit of the treatment has more, half of the
    /// probability of a tie included.
    pub auc: f64,
    /// The two-sided probability by the normal distribution, corrected for ties and continuity.
    pub p: f64,
    /// The same without the correction for continuity.
    pub p_uncorrected: f64,
    /// The exact two-sided probability, where there are no ties, one arm has at most 20 values and the other at most 100.
    pub p_exact: Option<f64>,
}

/// Compares two arms by their ranks.
///
/// # Errors
///
/// [`Refusal::NoUnits`] without values, [`Refusal::NotFinite`] with a place in its arm, [`Refusal::ZeroVariance`] where all
/// values are the same.
pub fn mann_whitney(control: &[f64], treatment: &[f64]) -> Answer<MannWhitney> {
    let mut values = Vec::with_capacity(control.len() + treatment.len());
    for (arm, is_treatment) in [(control, false), (treatment, true)] {
        for (row, value) in arm.iter().enumerate() {
            if !value.is_finite() {
                return Err(Refusal::NotFinite { row });
            }
            values.push((*value, is_treatment));
        }
    }
    if control.is_empty() || treatment.is_empty() {
        return Err(Refusal::NoUnits);
    }
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (mut ranks, mut ties, mut begin) = (0.0, 0.0, 0);
    for group in values.chunk_by(|one, other| one.0 == other.0) {
        let size = group.len() as f64;
        let rank = begin as f64 + 0.5 * (size + 1.0);
        ranks += rank * group.iter().filter(|(_, is_treatment)| *is_treatment).count() as f64;
        ties += size * size * size - size;
        begin += group.len();
    }
    let (n, m) = (control.len() as f64, treatment.len() as f64);
    let (u, all) = (ranks - 0.5 * m * (m + 1.0), n + m);
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return Err(Refusal::ZeroVariance);
    }
    let off = (u - 0.5 * n * m).abs();
    let p = |off: f64| (2.0 * normal::sf(off / libm::sqrt(variance))).min(1.0);
    let small = control.len().min(treatment.len()) <= 20 && control.len().max(treatment.len()) <= 100;
    Ok(MannWhitney {
        u,
        auc: u / (n * m),
        p: p((off - 0.5).max(0.0)),
        p_uncorrected: p(off),
        p_exact: (ties == 0.0 && small).then(|| exact(control.len(), treatment.len(), u)),
    })
}

/// The exact two-sided probability: how many orders of so many values give a U so far out, by the recursion of Mann and
/// Whitney over how many of each arm there are.
fn exact(n: usize, m: usize, u: f64) -> f64 {
    let most = n * m;
    // The numbers of orders of n and m values by their U are the coefficients of a Gaussian binomial.
    let mut counts = vec![0.0_f64; most + 1];
    if let Some(first) = counts.first_mut() {
        *first = 1.0;
    }
    for part in 1..=n {
        multiply(&mut counts, m + part);
        divide(&mut counts, part);
    }
    let total: f64 = counts.iter().sum();
    let far = libm::fmax(u, most as f64 - u).ceil() as usize;
    let tail: f64 = counts.iter().skip(far).sum();
    (2.0 * tail / total).min(1.0)
}

/// Times 1 - x^power.
fn multiply(counts: &mut [f64], power: usize) {
    for at in (power..counts.len()).rev() {
        let before = counts.get(at - power).copied().unwrap_or(0.0);
        if let Some(count) = counts.get_mut(at) {
            *count -= before;
        }
    }
}

/// Over 1 - x^power.
fn divide(counts: &mut [f64], power: usize) {
    for at in power..counts.len() {
        let before = counts.get(at - power).copied().unwrap_or(0.0);
        if let Some(count) = counts.get_mut(at) {
            *count += before;
        }
    }
}

/// The shift between two arms: the median of all differences of a value of the treatment and one of the control
/// (Hodges & Lehmann 1963). It looks at all pairs.
///
/// # Errors
///
/// [`Refusal::NoUnits`] without values, [`Refusal::NotFinite`].
pub fn hodges_lehmann(control: &[f64], treatment: &[f64]) -> Answer<f64> {
    let differences = treatment.iter().flat_map(|one| control.iter().map(move |other| one - other));
    let mut differences: Vec<f64> = differences.collect();
    if let Some(row) = differences.iter().position(|value| !value.is_finite()) {
        return Err(Refusal::NotFinite { row });
    }
    median(&mut differences).ok_or(Refusal::NoUnits)
}

fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) =
        (!values.is_empty()).then(|| values.select_nth_unstable_by(middle, f64::total_cmp))?;
    let upper = *upper;
    match (is_even, below.iter().copied().max_by(f64::total_cmp)) {
        (true, Some(lower)) => Some(0.5 * (lower + upper)),
        _ => Some(upper),
    }
}

/// Whether values of pairs tend to lie above 0: Wilcoxon's signed ranks (1945), zeros dropped, corrected for ties, without
/// a correction for continuity. The two-sided probability.
///
/// # Errors
///
/// [`Refusal::ZeroVariance`] where all are 0, [`Refusal::NotFinite`].
pub fn wilcoxon(differences: &[f64]) -> Answer<f64> {
    if let Some(row) = differences.iter().position(|value| !value.is_finite()) {
        return Err(Refusal::NotFinite { row });
    }
    let mut values: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    values.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()));
    let (mut above, mut ties, mut begin) = (0.0, 0.0, 0);
    for group in values.chunk_by(|one, other| one.abs() == other.abs()) {
        let size = group.len() as f64;
        let rank = begin as f64 + 0.5 * (size + 1.0);
        above += rank * group.iter().filter(|value| **value > 0.0).count() as f64;
        ties += size * size * size - size;
        begin += group.len();
    }
    let n = values.len() as f64;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    if variance <= 0.0 {
        return Err(Refusal::ZeroVariance);
    }
    let off = (above - 0.25 * n * (n + 1.0)).abs();
    Ok((2.0 * normal::sf(off / libm::sqrt(variance))).min(1.0))
}
