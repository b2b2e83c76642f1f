//! What a learning policy's own draws say of strategies.

use std::collections::BTreeMap;

use helm_core::{DecisionMode, StrategyName, TenantId, UserId};

use super::collate::fullness;
use super::effect::{Level, look, not_worse_by};
use super::estimate::{Comparison, Effect, Estimate};
use super::health::{Check, CheckState, VariantUsers};
use super::row::LogRow;
use super::settle::settle;
use super::whole::{MetricReport, Parts, Report, VariantValue, level};
use crate::analysis::{AdaptiveLog, Answer, Refusal, Weighting};
use crate::spec::{Margin, Metric, MetricKind, Spec, SpecVariant, Treatment};

/// The total exploration below which intervals were seen to miss too often: on Thompson sampling's logs of 1,000 decisions
/// a floor of 0.005 covered 93.3 % instead of 95 %.
const FLOOR: f64 = 0.05;
/// Pulls of the least played arm before an interval that holds at any time holds.
const PULLS: usize = 50;

/// A draw among the variants' strategies.
struct Draw<'a> {
    row: &'a LogRow,
    arm: usize,
    /// Of the variants' strategies, were nothing else there to choose.
    propensities: Vec<f64>,
}

pub(super) fn report(spec: &Spec, rows: &[LogRow]) -> Report {
    let (draws, left_out) = draws(spec, rows);
    let decisions = draws.len() as u64;
    let mut metrics: Vec<_> =
        spec.metrics().iter().map(|metric| metric_report(spec, metric, &draws)).collect();
    settle(spec.plan(), &mut metrics, decisions);
    let moments = draws.iter().map(|draw| draw.row.began);
    Parts {
        period: moments.clone().min().zip(moments.max()),
        variants: variants(spec, &draws),
        segments: Vec::new(),
        health: health(spec, &draws, left_out),
        metrics,
        users: decisions,
    }
    .into_report(spec)
}

fn draws<'a>(spec: &Spec, rows: &'a [LogRow]) -> (Vec<Draw<'a>>, usize) {
    let mut own: Vec<_> =
        rows.iter().filter(|row| row.task == *spec.task() && row.strategy.is_some()).collect();
    own.sort_by_key(|row| (row.began, row.id));
    own.dedup_by(|later, kept| {
        let is_same = later.id == kept.id && later.tenant == kept.tenant;
        if is_same && fullness(later) > fullness(kept) {
            *kept = later;
        }
        is_same
    });
    let all = own.len();
    let draws: Vec<_> = own.into_iter().filter_map(|row| draw(spec, row)).collect();
    let left_out = all - draws.len();
    (draws, left_out)
}

/// A draw of all of the variants' strategies; draws that were kept to are none of their own.
fn draw<'a>(spec: &Spec, row: &'a LogRow) -> Option<Draw<'a>> {
    if row.mode != Some(DecisionMode::Sampled) {
        return None;
    }
    let names: Vec<&StrategyName> = spec.variants().iter().filter_map(strategy).collect();
    let probability = |name: &&StrategyName| {
        let own = row.candidates.iter().filter(|candidate| candidate.strategy.name() == *name);
        own.map(|candidate| candidate.probability.get()).reduce(|sum, more| sum + more)
    };
    let given = names.iter().map(probability).collect::<Option<Vec<f64>>>()?;
    let chosen = row.strategy.as_ref()?.name();
    let arm = names.iter().position(|name| *name == chosen)?;
    let sum: f64 = given.iter().sum();
    Some(Draw { row, arm, propensities: given.iter().map(|own| own / sum).collect() })
}

fn strategy(variant: &SpecVariant) -> Option<&StrategyName> {
    match &variant.treatment {
        Treatment::Strategy(name) => Some(name),
        Treatment::Policy { .. } => None,
    }
}

fn variants(spec: &Spec, draws: &[Draw<'_>]) -> Vec<VariantUsers> {
    let of = |(arm, variant): (usize, &SpecVariant)| {
        let pulls = draws.iter().filter(|draw| draw.arm == arm).count() as u64;
        VariantUsers {
            variant: variant.name.clone(),
            weight: variant.weight.get(),
            users: pulls,
            turns: pulls,
        }
    };
    spec.variants().iter().enumerate().map(of).collect()
}

fn health(spec: &Spec, draws: &[Draw<'_>], left_out: usize) -> Vec<Check> {
    let pulls: Vec<_> =
        (0..spec.variants().len()).map(|arm| draws.iter().filter(|draw| draw.arm == arm).count()).collect();
    let least = pulls.iter().copied().min().unwrap_or(0);
    let needed = usize::try_from(spec.plan().min_units).unwrap_or(usize::MAX).max(PULLS);
    let told = format!("the least drawn strategy was drawn {least} times");
    let mut checks = vec![if least < needed {
        Check::new("draws", CheckState::TooFew, format!("{told}; {needed} are needed"))
    } else {
        Check::new("draws", CheckState::Fine, told)
    }];
    let floor = draws.iter().flat_map(|draw| &draw.propensities).copied().fold(1.0, f64::min);
    let share = floor * spec.variants().len() as f64;
    let told = format!("the least propensity is {floor:.4}, an exploration of {share:.3}");
    checks.push(if share + 1e-9 < FLOOR {
        let message = format!("{told}; below {FLOOR} intervals miss more often than they say");
        Check::new("propensity_floor", CheckState::Warning, message)
    } else {
        Check::new("propensity_floor", CheckState::Fine, told)
    });
    let message =
        format!("{left_out} decisions of the task were no draw among all of the variants' strategies");
    checks.push(Check::new("left_out", CheckState::Fine, message));
    let message =
        "strategies are taken to be as good at all times; where they drift, this is their mean over time";
    checks.push(Check::new("drift", CheckState::Fine, message));
    checks
}

fn metric_report(spec: &Spec, metric: &Metric, draws: &[Draw<'_>]) -> MetricReport {
    let control = spec.variants().iter().position(|variant| variant.control).unwrap_or(0);
    let estimated = estimated(metric, draws);
    let values = spec.variants().iter().enumerate().map(|(arm, variant)| {
        let own = || draws.iter().filter(|draw| draw.arm == arm);
        let known = own().filter(|draw| value(metric, draw.row).is_some()).count() as u64;
        VariantValue {
            variant: variant.name.clone(),
            value: estimated.as_ref().ok().and_then(|own| own.estimates.values.get(arm).copied()),
            users: known,
            missing: own().count() as u64 - known,
        }
    });
    let others = spec.variants().iter().enumerate().filter(|(_, variant)| !variant.control);
    let comparisons = others.map(|(arm, variant)| match &estimated {
        Ok(own) => match own.effect(spec, metric, arm, control) {
            Ok(estimate) => {
                Comparison { variant: variant.name.clone(), effect: Effect::Estimated(Box::new(estimate)) }
            }
            Err(refusal) => Comparison::undefined(&variant.name, refusal.to_string()),
        },
        Err(refusal) => Comparison::undefined(&variant.name, refusal.to_string()),
    });
    MetricReport {
        key: metric.key.clone(),
        role: metric.role,
        better: metric.better,
        values: values.collect(),
        comparisons: comparisons.collect(),
        slices: Vec::new(),
        cumulative: Vec::new(),
        novelty: Vec::new(),
    }
}

/// The metric's values of the strategies.
struct Estimated {
    estimates: crate::analysis::ArmEstimates,
    /// Of each row the user, counted from 0.
    users: Vec<usize>,
    rows: u64,
}

fn value(metric: &Metric, row: &LogRow) -> Option<f64> {
    match &metric.kind {
        MetricKind::Mean { value } => row.measured(&value.event),
        _ => None,
    }
}

fn estimated(metric: &Metric, draws: &[Draw<'_>]) -> Answer<Estimated> {
    let known: Vec<_> = draws.iter().filter_map(|draw| Some((draw, value(metric, draw.row)?))).collect();
    let arms: Vec<_> = known.iter().map(|(draw, _)| draw.arm).collect();
    let values: Vec<_> = known.iter().map(|(_, value)| *value).collect();
    let propensities: Vec<_> = known.iter().map(|(draw, _)| draw.propensities.clone()).collect();
    let log = AdaptiveLog::new(&arms, &values, &propensities)?;
    if log.least_pulls() < 2 {
        return Err(Refusal::TooFewUnits);
    }
    let mut numbers: BTreeMap<(&TenantId, &UserId), usize> = BTreeMap::new();
    let users = known.iter().map(|(draw, _)| {
        let next = numbers.len();
        *numbers.entry((&draw.row.tenant, &draw.row.user)).or_insert(next)
    });
    let users = users.collect();
    Ok(Estimated { estimates: log.estimates(Weighting::Root), users, rows: known.len() as u64 })
}

impl Estimated {
    fn effect(&self, spec: &Spec, metric: &Metric, arm: usize, control: usize) -> Answer<Estimate> {
        let difference =
            self.estimates.contrast_by_unit(arm, control, &self.users).ok_or(Refusal::NoUnits)?;
        if difference.error <= 0.0 {
            return Err(Refusal::ZeroVariance);
        }
        let mut estimate =
            Estimate::new(difference.value, "AIPW with square-root weights, clustered by user");
        estimate.error = Some(difference.error);
        let level: Level = level(spec, metric, self.rows);
        let mode = &spec.plan().mode;
        look(&mut estimate, mode, metric.better, &difference, level)?;
        if let Some(Margin::Absolute(margin)) = metric.margin {
            estimate.non_inferiority = Some(not_worse_by(metric.better, margin, mode, &difference, level)?);
        }
        Ok(estimate)
    }
}
