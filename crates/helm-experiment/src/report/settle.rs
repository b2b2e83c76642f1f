//! What can be said of each comparison, now that all are known.

use super::estimate::{Bounds, Effect, Estimate, Found};
use super::whole::MetricReport;
use crate::analysis::{Better, Correction, adjusted, e_bh};
use crate::spec::{AnalysisPlan, Mode, Role, Together};

/// Marks what is better and what is worse: of goals and of secondary metrics with regard to each other, each guardrail
/// for itself.
pub(super) fn settle(plan: &AnalysisPlan, metrics: &mut [MetricReport], users: u64) {
    for role in [Role::Goal, Role::Secondary, Role::Guardrail] {
        let together = match role {
            Role::Goal => plan.goal,
            Role::Secondary => plan.secondary,
            Role::Guardrail => Together::None,
        };
        let own = metrics.iter_mut().filter(|metric| metric.role == role);
        let mut estimates: Vec<_> = own
            .flat_map(|metric| {
                let better = metric.better;
                metric.comparisons.iter_mut().map(move |comparison| (better, &mut comparison.effect))
            })
            .filter_map(|(better, effect)| match effect {
                Effect::Estimated(estimate) => Some((better, &mut **estimate)),
                Effect::Undefined { .. } => None,
            })
            .collect();
        settle_together(plan, together, &mut estimates, users);
    }
}

/// Those that are judged with regard to each other.
pub(super) fn settle_together(
    plan: &AnalysisPlan,
    together: Together,
    estimates: &mut [(Better, &mut Estimate)],
    users: u64,
) {
    match &plan.mode {
        Mode::GroupSequential { planned, looks, .. } => {
            let is_reached = looks.first().is_some_and(|first| users as f64 >= first * *planned as f64);
            by_interval(together, estimates, is_reached);
        }
        Mode::Bayes { .. } => by_interval(together, estimates, true),
        Mode::Sequential { .. } | Mode::Adaptive { n_star: Some(_) } if together == Together::Bh => {
            by_e_values(plan, estimates);
        }
        _ => by_probability(plan, together, estimates),
    }
}

fn by_interval(together: Together, estimates: &mut [(Better, &mut Estimate)], is_reached: bool) {
    for (better, estimate) in estimates.iter_mut().filter(|_| is_reached) {
        let bounds: Bounds = if together == Together::None { estimate.interval } else { estimate.together };
        estimate.found = estimate.side(bounds, *better);
    }
}

fn by_e_values(plan: &AnalysisPlan, estimates: &mut [(Better, &mut Estimate)]) {
    let ln_e: Vec<f64> =
        estimates.iter().map(|(_, estimate)| estimate.ln_e.unwrap_or(f64::NEG_INFINITY)).collect();
    let stand = e_bh(&ln_e, plan.alpha).unwrap_or_default();
    for ((better, estimate), stands) in estimates.iter_mut().zip(stand) {
        estimate.found = if stands { estimate.direction(*better) } else { Found::Open };
    }
}

fn by_probability(plan: &AnalysisPlan, together: Together, estimates: &mut [(Better, &mut Estimate)]) {
    let p: Vec<Option<f64>> = estimates.iter().map(|(_, estimate)| estimate.p).collect();
    let corrected = match together {
        Together::None => p,
        Together::Bonferroni => adjusted(&p, Correction::Bonferroni),
        Together::Holm => adjusted(&p, Correction::Holm),
        Together::Bh => adjusted(&p, Correction::BenjaminiHochberg),
    };
    for ((better, estimate), p) in estimates.iter_mut().zip(corrected) {
        estimate.adjusted_p = p;
        let is_found = p.is_some_and(|p| p < plan.alpha);
        estimate.found = if is_found { estimate.direction(*better) } else { Found::Open };
    }
}
