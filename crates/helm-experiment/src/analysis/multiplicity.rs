use super::refusal::{Answer, share};

/// How probabilities of several comparisons are made to hold together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Correction {
    /// Times their number.
    Bonferroni,
    /// Šidák's, for independent ones.
    Sidak,
    /// Holm's (1979): as safe as Bonferroni's, and better. Use it.
    Holm,
    /// Hochberg's (1988), for independent or positively dependent ones.
    Hochberg,
    /// Hommel's (1988), likewise.
    Hommel,
    /// Benjamini and Hochberg's (1995): of what is reported, a share of `alpha` is wrong. For exploring.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli's (2001): the same whatever the dependence.
    BenjaminiYekutieli,
}

/// The adjusted probabilities, in the order given; a comparison without one counts for nothing and stays so.
#[must_use]
pub fn adjusted(p: &[Option<f64>], correction: Correction) -> Vec<Option<f64>> {
    let known = |p: &Option<f64>| p.filter(|p| (0.0..=1.0).contains(p));
    let mut order: Vec<(usize, f64)> =
        p.iter().enumerate().filter_map(|(at, p)| known(p).map(|p| (at, p))).collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let sorted: Vec<f64> = order.iter().map(|(_, p)| *p).collect();
    let mut all = vec![None; p.len()];
    for ((at, _), value) in order.iter().zip(of_sorted(&sorted, correction)) {
        if let Some(slot) = all.get_mut(*at) {
            *slot = Some(value.min(1.0));
        }
    }
    all
}

fn of_sorted(p: &[f64], correction: Correction) -> Vec<f64> {
    let m = p.len() as f64;
    let scaled = |factor: &dyn Fn(f64) -> f64| -> Vec<f64> {
        p.iter().enumerate().map(|(at, p)| p * factor(at as f64 + 1.0)).collect()
    };
    match correction {
        Correction::Bonferroni => scaled(&|_| m),
        Correction::Sidak => p.iter().map(|p| -libm::expm1(m * libm::log1p(-p))).collect(),
        Correction::Holm => rising(scaled(&|rank| m + 1.0 - rank)),
        Correction::Hochberg => falling(scaled(&|rank| m + 1.0 - rank)),
        Correction::Hommel => hommel(p),
        Correction::BenjaminiHochberg => falling(scaled(&|rank| m / rank)),
        Correction::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=p.len()).map(|rank| 1.0 / rank as f64).sum();
            falling(scaled(&|rank| m / rank * harmonic))
        }
    }
}

/// No value is below one before it.
fn rising(mut values: Vec<f64>) -> Vec<f64> {
    let mut most = 0.0_f64;
    for value in &mut values {
        most = most.max(*value);
        *value = most;
    }
    values
}

/// No value is above one behind it.
fn falling(mut values: Vec<f64>) -> Vec<f64> {
    let mut least = f64::INFINITY;
    for value in values.iter_mut().rev() {
        least = least.min(*value);
        *value = least;
    }
    values
}

/// Wright's algorithm (1992): for every number of the greatest ones, what they must at least become.
fn hommel(p: &[f64]) -> Vec<f64> {
    let mut adjusted = p.to_vec();
    for first in 0..p.len().saturating_sub(1) {
        let m = (p.len() - first) as f64;
        let greatest = p.iter().skip(first).enumerate();
        let least = greatest.map(|(at, p)| m * p / (at + 1) as f64).fold(f64::INFINITY, f64::min);
        for (at, (value, p)) in adjusted.iter_mut().zip(p).enumerate() {
            *value = value.max(if at < first { least.min(m * p) } else { least });
        }
    }
    adjusted
}

/// Which comparisons stand when each has an e-value: of them, a share of `alpha` is wrong, however they depend on each
/// other and whenever one stopped looking (Wang & Ramdas 2022). Takes natural logarithms.
///
/// # Errors
///
/// When `alpha` is not between 0 and 1.
pub fn e_bh(ln_e: &[f64], alpha: f64) -> Answer<Vec<bool>> {
    let alpha = share("alpha", alpha)?;
    let mut order: Vec<usize> = (0..ln_e.len()).collect();
    let at = |index: usize| ln_e.get(index).copied().unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|one, other| at(*other).total_cmp(&at(*one)));
    let bar = |rank: usize| libm::log(ln_e.len() as f64 / (alpha * rank as f64));
    let ranks = order.iter().enumerate().map(|(index, place)| (index + 1, *place));
    let most = ranks.filter(|(rank, place)| at(*place) >= bar(*rank)).map(|(rank, _)| rank).max();
    let mut stand = vec![false; ln_e.len()];
    for place in order.into_iter().take(most.unwrap_or(0)) {
        if let Some(slot) = stand.get_mut(place) {
            *slot = true;
        }
    }
    Ok(stand)
}
