//! The numbers of a metric, by user.

use super::collate::Participant;
use super::row::LogRow;
use crate::analysis::{Answer, Moments, PairMoments, Refusal, cuped, ratio};
use crate::spec::{Aggregate, Covariate, Event, Measure, MetricKind};

/// Some of the participants' turns.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Window {
    /// All of them.
    pub(super) const ALL: Self = Self { from: i64::MIN, until: i64::MAX };

    fn holds(self, turn: &LogRow) -> bool {
        (self.from..self.until).contains(&turn.began.as_micros())
    }
}

/// A metric's numbers of one variant.
#[derive(Clone, Default)]
pub(super) struct Sample {
    /// One number a user.
    pub(super) values: Vec<f64>,
    /// What was known before, by user; `None` where nothing was.
    pub(super) before: Vec<Option<f64>>,
    /// Whose values they are: the same number in each variant for the same user.
    pub(super) pairs: Vec<usize>,
    /// Of quantiles: the turns' numbers, by user.
    pub(super) turns: Vec<Vec<f64>>,
    /// Users of whom the metric says nothing.
    pub(super) missing: u64,
    /// How many users are in the variant in this window.
    pub(super) users: u64,
    /// The metric's value of the variant.
    pub(super) value: Option<f64>,
    /// Why there is none.
    pub(super) refused: Option<Refusal>,
}

impl Sample {
    /// Of all users of a variant that have turns in the window.
    pub(super) fn new(
        kind: &MetricKind,
        covariate: Option<&Covariate>,
        users: &[&Participant<'_>],
        window: Window,
    ) -> Self {
        let mut sample = Self::default();
        let mut parts = Vec::new();
        for user in users {
            let turns: Vec<_> = user.turns.iter().copied().filter(|turn| window.holds(turn)).collect();
            if turns.is_empty() {
                continue;
            }
            sample.users += 1;
            let found = match kind {
                MetricKind::Mean { value } | MetricKind::Rank { value } => measure(value, &turns),
                MetricKind::Share { value } => {
                    measure(value, &turns).map(|value| if value > 0.0 { 1.0 } else { 0.0 })
                }
                MetricKind::Ratio { num, den } => {
                    let part = measure(num, &turns).zip(measure(den, &turns));
                    parts.extend(part);
                    part.map(|_| 0.0)
                }
                MetricKind::Quantile { event, .. } => sample.keep(event, &turns),
            };
            let Some(found) = found else {
                sample.missing += 1;
                continue;
            };
            sample.values.push(found);
            sample.pairs.push(user.pair);
            if let Some(covariate) = covariate {
                sample.before.push(earlier(covariate, user));
            }
        }
        match kind {
            MetricKind::Ratio { .. } => sample.linearise(&parts),
            MetricKind::Quantile { .. } => {}
            _ => {
                let moments = Moments::of(&sample.values).ok().filter(|own| own.count > 0);
                sample.value = moments.map(|own| own.mean);
            }
        }
        sample
    }

    fn keep(&mut self, event: &Event, turns: &[&LogRow]) -> Option<f64> {
        let own: Vec<_> = turns.iter().filter_map(|turn| turn.measured(event)).collect();
        if own.is_empty() {
            return None;
        }
        self.turns.push(own);
        Some(0.0)
    }

    /// A ratio as a mean of users: R + (m − R d) / d̄ has R as its mean, and the delta method's variance (Deng, Knoblich &
    /// Lu 2018). So what holds for means holds for ratios, covariates too.
    fn linearise(&mut self, parts: &[(f64, f64)]) {
        let (num, den): (f64, f64) = parts.iter().fold((0.0, 0.0), |sum, (n, d)| (sum.0 + n, sum.1 + d));
        if den == 0.0 {
            self.refused = Some(Refusal::ZeroDenominator);
            return self.values.clear();
        }
        let (ratio, mean) = (num / den, den / parts.len() as f64);
        self.value = Some(ratio);
        self.values = parts.iter().map(|(n, d)| ratio + (n - ratio * d) / mean).collect();
    }

    pub(super) fn moments(&self) -> Answer<Moments> {
        Moments::of(&self.values)
    }
}

/// The arms whose difference is taken, and how much of the variance a covariate took off.
pub(super) struct Arms {
    pub(super) control: Moments,
    pub(super) treatment: Moments,
    pub(super) reduction: Option<f64>,
}

/// Means of both variants; with what was known before taken off, where it is known.
pub(super) fn arms(control: &Sample, treatment: &Sample, has_covariate: bool) -> Answer<Arms> {
    if !has_covariate {
        return Ok(Arms { control: control.moments()?, treatment: treatment.moments()?, reduction: None });
    }
    let known = control.before.iter().chain(&treatment.before).copied().flatten();
    let known = Moments::of(&known.collect::<Vec<_>>())?;
    let pairs = |sample: &Sample| {
        let before: Vec<_> = sample.before.iter().map(|before| before.unwrap_or(known.mean)).collect();
        PairMoments::of(&before, &sample.values)
    };
    let (own, other) = (pairs(control)?, pairs(treatment)?);
    let adjusted = cuped(&own, &other)?;
    let mut pooled = own;
    pooled.merge(&other);
    let at_mean = |arm: &Moments| {
        Moments::new(arm.count, arm.mean + adjusted.theta * pooled.first.mean, arm.variance())
    };
    Ok(Arms {
        control: at_mean(&adjusted.arms.0)?,
        treatment: at_mean(&adjusted.arms.1)?,
        reduction: Some(adjusted.reduction),
    })
}

/// A quantile of a variant with the variance of its error as if it were a mean of users: the order statistics' interval
/// gives the density, the indicators of turns above it, taken together by user, the variance (Deng, Knoblich & Lu 2018).
pub(super) fn quantile_arm(sample: &Sample, q: f64, alpha: f64) -> Answer<Moments> {
    let mut all: Vec<f64> = sample.turns.iter().flatten().copied().collect();
    let users = sample.turns.len() as u64;
    if users < 2 {
        return Err(Refusal::TooFewClusters);
    }
    all.sort_unstable_by(f64::total_cmp);
    let n = all.len() as f64;
    let z = helm_numerics::normal::upper_quantile(0.5 * alpha);
    let half = z * libm::sqrt(q * (1.0 - q) / n);
    let at = |share: f64| {
        let place = (share.clamp(0.0, 1.0) * (n - 1.0)).max(0.0);
        let (low, part) = (place.floor() as usize, place - place.floor());
        let below = all.get(low).copied().unwrap_or(f64::NAN);
        let above = all.get(low + 1).copied().unwrap_or(below);
        below + (above - below) * part
    };
    if q - half <= 0.0 || q + half >= 1.0 {
        return Err(Refusal::TooFewUnits);
    }
    let value = at(q);
    let naive = (at(q + half) - at(q - half)) / (2.0 * z);
    let mut indicators = PairMoments::default();
    for turns in &sample.turns {
        let above = turns.iter().filter(|turn| **turn > value).count();
        indicators.add(turns.len() as f64, above as f64);
    }
    let clustered = ratio(&indicators)?;
    let inflation = clustered.variance / users as f64 / (q * (1.0 - q) / n);
    if naive <= 0.0 {
        return Err(Refusal::ZeroVariance);
    }
    Moments::new(users, value, naive * naive * inflation.max(f64::MIN_POSITIVE) * users as f64)
}

pub(super) fn measure(measure: &Measure, turns: &[&LogRow]) -> Option<f64> {
    let values = || turns.iter().filter_map(|turn| turn.measured(&measure.event));
    match measure.agg {
        // Of what is not known, such as a cost without a price, the sum is not 0.
        Aggregate::Sum => values().reduce(|sum, value| sum + value),
        Aggregate::Count => Some(values().count() as f64),
        Aggregate::Mean => {
            let (sum, count) = values().fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        }
        Aggregate::Max => values().reduce(f64::max),
    }
}

/// What was known of a user before the first exposure.
fn earlier(covariate: &Covariate, user: &Participant<'_>) -> Option<f64> {
    let days = 86_400e6 * covariate.days;
    let is_near = |turn: &&LogRow| (user.exposed.as_micros() - turn.began.as_micros()) as f64 <= days;
    let turns: Vec<_> = user.before.iter().copied().filter(is_near).collect();
    if turns.is_empty() { None } else { measure(&covariate.measure, &turns) }
}
