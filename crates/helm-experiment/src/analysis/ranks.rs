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
/// (Hodges & Lehmann 1963). The differences are counted, not kept, so it takes as many passes over sorted arms as a number
/// has bits.
///
/// # Errors
///
/// [`Refusal::NoUnits`] without values, [`Refusal::NotFinite`].
pub fn hodges_lehmann(control: &[f64], treatment: &[f64]) -> Answer<f64> {
    if control.is_empty() || treatment.is_empty() {
        return Err(Refusal::NoUnits);
    }
    let sorted = |arm: &[f64]| {
        let mut arm = arm.to_vec();
        arm.sort_unstable_by(f64::total_cmp);
        arm
    };
    let (own, other) = (sorted(control), sorted(treatment));
    let ends = [(other.first(), own.last()), (other.last(), own.first())];
    let ends = ends.map(|(one, other)| one.zip(other).map_or(f64::NAN, |(one, other)| one - other));
    if let Some(row) = ends.iter().position(|end| !end.is_finite()) {
        return Err(Refusal::NotFinite { row });
    }
    let all = own.len() as u64 * other.len() as u64;
    let at = |place: u64| ordered_difference(&own, &other, place, ends);
    let upper = at(all / 2);
    Ok(if all.is_multiple_of(2) { 0.5 * (at(all / 2 - 1) + upper) } else { upper })
}

/// The difference of two sorted arms that so many others are not above, counted from 0.
fn ordered_difference(control: &[f64], treatment: &[f64], place: u64, [low, high]: [f64; 2]) -> f64 {
    let (mut low, mut high) = (to_ordered(low), to_ordered(high));
    while low < high {
        let middle = low + (high - low) / 2;
        if count_up_to(control, treatment, from_ordered(middle)) > place {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    from_ordered(low)
}

/// How many differences are at most so great.
fn count_up_to(control: &[f64], treatment: &[f64], most: f64) -> u64 {
    let (mut count, mut below) = (0, 0);
    for value in treatment {
        // The greater the value, the more of the control is too far below it.
        while control.get(below).is_some_and(|own| value - own > most) {
            below += 1;
        }
        count += (control.len() - below) as u64;
    }
    count
}

/// A finite number as an integer that is as great or as small beside others.
fn to_ordered(value: f64) -> u64 {
    // -0 and 0 are one number.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

fn from_ordered(ordered: u64) -> f64 {
    f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered })
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
