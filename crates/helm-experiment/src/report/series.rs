//! An effect over time.

use helm_core::{Timestamp, VariantName};
use serde::Serialize;

use super::collate::Participant;
use super::effect::Level;
use super::estimate::Bounds;
use super::sample::Window;
use super::whole::{comparisons, level, samples};
use crate::analysis::Difference;
use crate::spec::{Metric, Mode, Spec};

/// How many parts the time is cut into.
const SLICES: i64 = 8;
/// How many moments the cumulated effect is looked at.
const LOOKS: i64 = 20;

/// The effect of the turns of a part of the time; its interval is for one look.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Slice {
    /// The variant.
    pub variant: VariantName,
    /// From this moment on,
    pub from: Timestamp,
    /// and before this one.
    pub until: Timestamp,
    /// The difference; absent where it is undefined.
    pub difference: Option<f64>,
    /// Its interval.
    pub interval: Bounds,
}

/// The effect of all turns up to a moment.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Look {
    /// The variant.
    pub variant: VariantName,
    /// Before this moment.
    pub until: Timestamp,
    /// Users so far, in all variants.
    pub users: u64,
    /// The difference; absent where it is undefined.
    pub difference: Option<f64>,
    /// Its interval under the mode's promise.
    pub interval: Bounds,
    /// The probability under the mode's promise; where that holds at any time, the least so far.
    pub p: Option<f64>,
}

/// Whether an effect wears off or grows.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Novelty {
    /// The variant.
    pub variant: VariantName,
    /// The effect in the second half of the time less that in the first.
    pub change: f64,
    /// The probability of such a change by chance, for one look. Users of both halves make it too large rather than too
    /// small.
    pub p: f64,
}

fn windows(period: (Timestamp, Timestamp), parts: i64) -> impl Iterator<Item = Window> {
    let (from, until) = (period.0.as_micros(), period.1.as_micros() + 1);
    let at = move |part: i64| {
        let place = i128::from(until - from) * i128::from(part) / i128::from(parts);
        from + i64::try_from(place).unwrap_or(i64::MAX)
    };
    (0..parts)
        .map(move |part| Window { from: at(part), until: at(part + 1) })
        .filter(|window| window.from < window.until)
}

/// The specification for one look.
fn once(spec: &Spec) -> Spec {
    spec.with_mode(Mode::Fixed)
}

pub(super) fn slices(
    spec: &Spec,
    metric: &Metric,
    arms: &[Vec<&Participant<'_>>],
    period: (Timestamp, Timestamp),
) -> Vec<Slice> {
    let spec = once(spec);
    let each = windows(period, SLICES).flat_map(|window| {
        let samples = samples(metric, arms, window);
        let level = Level { among: 1, ..level(&spec, metric, 0) };
        comparisons(&spec, metric, &samples, level).into_iter().map(move |own| {
            let estimate = own.effect.estimate();
            Slice {
                variant: own.variant.clone(),
                from: Timestamp::from_micros(window.from),
                until: Timestamp::from_micros(window.until),
                difference: estimate.map(|estimate| estimate.difference),
                interval: estimate.map_or(Bounds { low: None, high: None }, |estimate| estimate.interval),
            }
        })
    });
    each.collect()
}

pub(super) fn cumulative(
    spec: &Spec,
    metric: &Metric,
    arms: &[Vec<&Participant<'_>>],
    period: (Timestamp, Timestamp),
) -> Vec<Look> {
    let mut least = vec![f64::INFINITY; spec.variants().len()];
    let mut looks = Vec::new();
    let is_any_time = matches!(spec.plan().mode, Mode::Sequential { .. });
    for window in windows(period, LOOKS) {
        let window = Window { from: Window::ALL.from, ..window };
        let samples = samples(metric, arms, window);
        let users = samples.iter().map(|sample| sample.users).sum();
        let level = Level { among: 1, ..level(spec, metric, users) };
        for (own, least) in comparisons(spec, metric, &samples, level).into_iter().zip(&mut least) {
            let estimate = own.effect.estimate();
            let p = estimate.and_then(|estimate| estimate.p);
            *least = least.min(p.unwrap_or(f64::INFINITY));
            looks.push(Look {
                variant: own.variant.clone(),
                until: Timestamp::from_micros(window.until),
                users,
                difference: estimate.map(|estimate| estimate.difference),
                interval: estimate.map_or(Bounds { low: None, high: None }, |estimate| estimate.interval),
                p: if is_any_time { Some(*least).filter(|least| least.is_finite()) } else { p },
            });
        }
    }
    looks
}

pub(super) fn novelty(
    spec: &Spec,
    metric: &Metric,
    arms: &[Vec<&Participant<'_>>],
    period: (Timestamp, Timestamp),
) -> Vec<Novelty> {
    let spec = once(spec);
    let mut halves = windows(period, 2).map(|window| {
        let level = Level { among: 1, ..level(&spec, metric, 0) };
        comparisons(&spec, metric, &samples(metric, arms, window), level)
    });
    let (Some(first), Some(second)) = (halves.next(), halves.next()) else { return Vec::new() };
    let change = |(one, other): (&super::estimate::Comparison, &super::estimate::Comparison)| {
        let (before, after) = (one.effect.estimate()?, other.effect.estimate()?);
        let error = libm::hypot(before.error?, after.error?);
        let value = after.difference - before.difference;
        let p = Difference { value, error, dof: f64::INFINITY }.p();
        Some(Novelty { variant: one.variant.clone(), change: value, p })
    };
    first.iter().zip(&second).filter_map(change).collect()
}
