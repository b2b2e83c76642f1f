//! What a metric says of two variants.

use std::collections::BTreeMap;

use super::estimate::{Believed, Bounds, Effect, Estimate, NotWorse, Relative};
use super::sample::{Arms, Sample, arms, quantile_arm};
use crate::analysis::{
    AlwaysValid, Answer, Belief, Better, Difference, Interval, Lift, Moments, Proportion, Refusal, Sides,
    TwoProportions, differences, group_sequential_bounds, hodges_lehmann, mann_whitney, paired, quantile,
    welch, wilcoxon,
};
use crate::spec::{AnalysisPlan, Margin, Metric, MetricKind, Mode};

/// What the other comparisons of a role leave to one.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) alpha: f64,
    /// Among so many comparisons.
    pub(super) among: usize,
    /// Users in all variants together, which says how far it has come.
    pub(super) users: u64,
    /// Whether the same users were played under every variant.
    pub(super) is_paired: bool,
}

impl Level {
    fn shared(self) -> f64 {
        self.alpha / self.among.max(1) as f64
    }
}

/// The effect of a variant on a metric. Whether something is found is settled later, with all comparisons known.
pub(super) fn effect(
    metric: &Metric,
    plan: &AnalysisPlan,
    control: &Sample,
    treatment: &Sample,
    level: Level,
) -> Effect {
    if let Some(refusal) = control.refused.as_ref().or(treatment.refused.as_ref()) {
        return Effect::Undefined { reason: refusal.to_string() };
    }
    let estimated = match &metric.kind {
        _ if level.is_paired => pairs(metric, plan, control, treatment, level),
        MetricKind::Rank { .. } => ranks(control, treatment),
        MetricKind::Share { .. } if plan.mode == Mode::Fixed => shares(control, treatment, level),
        _ => means(metric, plan, control, treatment, level),
    };
    match estimated {
        Ok(estimate) => Effect::Estimated(Box::new(estimate)),
        Err(refusal) => Effect::Undefined { reason: refusal.to_string() },
    }
}

fn ranks(control: &Sample, treatment: &Sample) -> Answer<Estimate> {
    let compared = mann_whitney(&control.values, &treatment.values)?;
    let shift = hodges_lehmann(&control.values, &treatment.values)?;
    let method = format!(
        "Mann-Whitney by users, Hodges-Lehmann shift; a user of the variant has more with probability {:.3}",
        compared.auc
    );
    let p = compared.p_exact.unwrap_or(compared.p);
    Ok(Estimate { p: Some(p), ln_p: Some(libm::log(p)), ..Estimate::new(shift, method) })
}

fn shares(control: &Sample, treatment: &Sample, level: Level) -> Answer<Estimate> {
    let proportion = |sample: &Sample| {
        let successes = sample.values.iter().filter(|value| **value > 0.0).count() as u64;
        Proportion::new(successes, sample.values.len() as u64)
    };
    let both = TwoProportions::new(proportion(control)?, proportion(treatment)?);
    let (method, p) = if both.is_large() {
        ("pooled z, Newcombe's interval", both.z().ok().map(|_| both.p()))
    } else {
        ("Fisher's exact test, Newcombe's interval", Some(both.fisher()))
    };
    let mut estimate = Estimate::new(both.difference(), method);
    estimate.interval = both.newcombe(level.alpha)?.into();
    estimate.together = both.newcombe(level.shared())?.into();
    (estimate.p, estimate.ln_p) = (p, p.map(libm::log));
    let arms = Arms { control: control.moments()?, treatment: treatment.moments()?, reduction: None };
    estimate.lift = relative(&arms, level.alpha);
    if let Ok(difference) = welch(&arms.control, &arms.treatment) {
        estimate.error = Some(difference.error);
        estimate.detectable = Some(estimate.detects(&difference, level));
    }
    Ok(estimate)
}

/// Differences of users with themselves.
fn pairs(
    metric: &Metric,
    plan: &AnalysisPlan,
    control: &Sample,
    treatment: &Sample,
    level: Level,
) -> Answer<Estimate> {
    let others: BTreeMap<usize, f64> =
        treatment.pairs.iter().copied().zip(treatment.values.iter().copied()).collect();
    let both =
        control.pairs.iter().zip(&control.values).filter_map(|(pair, own)| Some((*own, *others.get(pair)?)));
    let (own, other): (Vec<_>, Vec<_>) = both.unzip();
    if matches!(metric.kind, MetricKind::Rank { .. }) {
        let differences = differences(&own, &other)?;
        let p = wilcoxon(&differences)?;
        let middle = quantile(&differences, 0.5, level.alpha)?.value;
        let method = "Wilcoxon's signed ranks, the median of the differences of users with themselves";
        return Ok(Estimate { p: Some(p), ln_p: Some(libm::log(p)), ..Estimate::new(middle, method) });
    }
    if matches!(metric.kind, MetricKind::Quantile { .. }) {
        return Err(Refusal::Unusable {
            name: "a quantile",
            why: "users are not compared with themselves by one; use the kind mean",
        });
    }
    let difference = paired(&own, &other)?;
    let mut estimate = Estimate::new(difference.value, "differences of users with themselves");
    estimate.error = Some(difference.error);
    look(&mut estimate, &plan.mode, metric.better, &difference, level)?;
    estimate.detectable = Some(estimate.detects(&difference, level));
    if let Some(margin) = metric.margin {
        let margin = match margin {
            Margin::Absolute(margin) => margin,
            // Of the control's mean as it was found, whose own error is small beside it.
            Margin::Relative(share) => share * control.moments()?.mean.abs(),
        };
        estimate.non_inferiority = Some(not_worse_by(metric.better, margin, &plan.mode, &difference, level)?);
    }
    Ok(estimate)
}

fn means(
    metric: &Metric,
    plan: &AnalysisPlan,
    control: &Sample,
    treatment: &Sample,
    level: Level,
) -> Answer<Estimate> {
    let (arms, method) = match &metric.kind {
        MetricKind::Quantile { q, .. } => {
            let arm = |sample| quantile_arm(sample, *q, level.alpha);
            let arms = Arms { control: arm(control)?, treatment: arm(treatment)?, reduction: None };
            (arms, "quantiles of turns, clustered by user")
        }
        kind => {
            let arms = arms(control, treatment, metric.covariate.is_some())?;
            (
                arms,
                if matches!(kind, MetricKind::Ratio { .. }) {
                    "ratio clustered by user"
                } else {
                    "means of users"
                },
            )
        }
    };
    let difference = welch(&arms.control, &arms.treatment)?;
    let mut estimate = Estimate::new(difference.value, method);
    estimate.error = Some(difference.error);
    estimate.variance_reduction = arms.reduction;
    if arms.reduction.is_some() {
        estimate.method.push_str(", CUPED");
    }
    look(&mut estimate, &plan.mode, metric.better, &difference, level)?;
    estimate.lift = relative(&arms, estimate.alpha_of_one_look(&plan.mode, &difference, level));
    estimate.detectable = Some(estimate.detects(&difference, level));
    if let Some(margin) = metric.margin {
        estimate.non_inferiority = Some(not_worse(metric, margin, &plan.mode, &arms, level)?);
    }
    Ok(estimate)
}

/// Interval and probability under the mode's own promise.
pub(super) fn look(
    estimate: &mut Estimate,
    mode: &Mode,
    better: Better,
    difference: &Difference,
    level: Level,
) -> Answer<()> {
    match mode {
        Mode::Fixed | Mode::Adaptive { n_star: None } => {
            estimate.interval = difference.interval(level.alpha)?.into();
            estimate.together = difference.interval(level.shared())?.into();
            (estimate.p, estimate.ln_p) = (Some(difference.p()), Some(difference.ln_p()));
            estimate.method.push_str(if difference.dof.is_finite() { ", Welch's t" } else { ", normal" });
        }
        Mode::Sequential { n_star } | Mode::Adaptive { n_star: Some(n_star) } => {
            let at = |alpha| AlwaysValid::new(alpha, *n_star, Sides::Two)?.look(difference, level.users);
            let own = at(level.alpha)?;
            estimate.interval = own.interval.into();
            estimate.together = at(level.shared())?.interval.into();
            (estimate.p, estimate.ln_p, estimate.ln_e) =
                (Some(own.p), Some((-own.ln_e).min(0.0)), Some(own.ln_e));
            estimate.method.push_str(", always-valid (asymptotic confidence sequence)");
        }
        Mode::GroupSequential { .. } => {
            let (own, shared) = (bound(mode, level, level.alpha)?, bound(mode, level, level.shared())?);
            let around = |z: f64| {
                let half = as_t(z, difference) * difference.error;
                Bounds::from(Interval { low: difference.value - half, high: difference.value + half })
            };
            (estimate.interval, estimate.together) = (around(own), around(shared));
            estimate.method.push_str(", group sequential (Lan-DeMets)");
        }
        Mode::Bayes { prior_deviation } => {
            let belief = match prior_deviation {
                Some(deviation) => {
                    let prior = Belief { mean: 0.0, deviation: *deviation };
                    Belief::updated(&prior, difference.value, difference.error)?
                }
                None => Belief::flat(difference.value, difference.error)?,
            };
            estimate.interval = belief.interval(level.alpha)?.into();
            estimate.together = belief.interval(level.shared())?.into();
            let risk = match better {
                Better::Higher => belief.risk_of_treatment(),
                Better::Lower => belief.risk_of_control(),
            };
            estimate.belief = Some(Believed { chance_above: belief.chance_above(), risk });
            estimate.method.push_str(", normal belief");
        }
    }
    Ok(())
}

/// The bound in standard errors of the last planned look that has been reached; before the first one that of the first,
/// after the last one that of the last.
fn bound(mode: &Mode, level: Level, alpha: f64) -> Answer<f64> {
    let Mode::GroupSequential { planned, looks, spending } = mode else { return Err(Refusal::NoUnits) };
    let reached = looks.iter().filter(|look| **look <= level.users as f64 / *planned as f64).count();
    // A bound rests on the looks before it alone.
    let looks = looks.get(..reached.max(1)).unwrap_or(looks);
    group_sequential_bounds(looks, alpha, Sides::Two, *spending)?.last().copied().ok_or(Refusal::NoUnits)
}

/// The quantile of Student's distribution that is exceeded as rarely: with few users the normal one finds too much.
fn as_t(z: f64, difference: &Difference) -> f64 {
    difference.upper(helm_numerics::normal::sf(z))
}

fn relative(arms: &Arms, alpha: f64) -> Relative {
    let Ok(lift) = Lift::new(&arms.control, &arms.treatment) else { return Relative::Undefined };
    match lift.fieller(alpha) {
        Ok(Some(Interval { low, high })) => Relative::Estimated { value: lift.value, low, high },
        Ok(None) => Relative::Unbounded { value: lift.value },
        Err(_) => Relative::Undefined,
    }
}

/// A relative margin moves the control by that share, so that no error of a quotient is needed.
fn not_worse(metric: &Metric, margin: Margin, mode: &Mode, arms: &Arms, level: Level) -> Answer<NotWorse> {
    match margin {
        Margin::Absolute(margin) => {
            let difference = welch(&arms.control, &arms.treatment)?;
            not_worse_by(metric.better, margin, mode, &difference, level)
        }
        Margin::Relative(share) => {
            let own = &arms.control;
            let is_less = (metric.better == Better::Higher) == (own.mean >= 0.0);
            let worse = if is_less { 1.0 - share } else { 1.0 + share };
            let moved = Moments::new(own.count, own.mean * worse, own.variance() * worse * worse)?;
            let difference = welch(&moved, &arms.treatment)?;
            on_good_side(metric.better, mode, &difference, share * own.mean.abs(), level)
        }
    }
}

/// A margin in the metric's unit, of an effect whose arms are not known apart.
pub(super) fn not_worse_by(
    better: Better,
    margin: f64,
    mode: &Mode,
    difference: &Difference,
    level: Level,
) -> Answer<NotWorse> {
    let beyond = if better == Better::Higher { margin } else { -margin };
    let moved = Difference { value: difference.value + beyond, ..*difference };
    on_good_side(better, mode, &moved, margin, level)
}

/// Whether a difference from which a margin has been taken is shown to be on the good side of 0.
fn on_good_side(
    better: Better,
    mode: &Mode,
    difference: &Difference,
    margin: f64,
    level: Level,
) -> Answer<NotWorse> {
    let good = if better == Better::Higher { difference.value } else { -difference.value };
    let (p, holds) = match mode {
        Mode::Sequential { n_star } | Mode::Adaptive { n_star: Some(n_star) } => {
            let sequence = AlwaysValid::new(level.alpha, *n_star, Sides::One)?;
            (None, good > sequence.half_width(level.users) * difference.error)
        }
        Mode::GroupSequential { .. } => {
            // A side of an interval of twice the level.
            let z = bound(mode, level, (2.0 * level.alpha).min(0.99))?;
            (None, good > as_t(z, difference) * difference.error)
        }
        _ => {
            let p = if better == Better::Higher { difference.p_greater() } else { difference.p_less() };
            (Some(p), p < level.alpha)
        }
    };
    Ok(NotWorse { margin, p, holds })
}

impl Estimate {
    /// Half the interval's width; of one look, where the interval has none.
    fn half_width(&self, difference: &Difference, level: Level) -> f64 {
        match (self.interval.low, self.interval.high) {
            (Some(low), Some(high)) => 0.5 * (high - low),
            _ => difference.upper(0.5 * level.alpha) * difference.error,
        }
    }

    /// The level at which an interval of one look is as wide as this one, so that what is relative promises the same.
    fn alpha_of_one_look(&self, mode: &Mode, difference: &Difference, level: Level) -> f64 {
        if matches!(mode, Mode::Fixed | Mode::Adaptive { n_star: None } | Mode::Bayes { .. }) {
            return level.alpha;
        }
        let z = self.half_width(difference, level) / difference.error;
        (2.0 * helm_numerics::normal::sf(z)).clamp(f64::MIN_POSITIVE, level.alpha)
    }

    /// The difference whose interval leaves 0 out in four of five cases.
    fn detects(&self, difference: &Difference, level: Level) -> f64 {
        self.half_width(difference, level) + difference.upper(0.2) * difference.error
    }
}
