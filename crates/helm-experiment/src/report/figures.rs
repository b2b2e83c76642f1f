//! Numbers and sentences as people read them; the same everywhere a report is shown.

use helm_core::VariantName;

use super::estimate::{Bounds, Comparison, Effect, Estimate, Found, Relative};
use super::whole::{MetricReport, Report};
use crate::spec::Role;

/// Four significant digits, without an exponent where it can be read without.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - size.log10().floor()).clamp(0.0, 7.0) as usize;
    format!("{value:.decimals$}")
}

pub(super) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

pub(super) fn bounds(bounds: Bounds) -> String {
    match bounds {
        Bounds { low: None, high: None } => "–".to_owned(),
        Bounds { low, high } => {
            let low = low.map_or_else(|| "-∞".to_owned(), signed);
            let high = high.map_or_else(|| "∞".to_owned(), signed);
            format!("{low} to {high}")
        }
    }
}

/// A probability, from its logarithm where it is too small for a number.
pub(super) fn probability(p: Option<f64>, ln_p: Option<f64>) -> String {
    match (p, ln_p) {
        (None, _) => "–".to_owned(),
        (Some(p), Some(ln)) if p < 1e-300 => format!("10^{:.0}", ln / std::f64::consts::LN_10),
        (Some(p), None) if p < 1e-300 => "< 1e-300".to_owned(),
        (Some(p), _) if p < 1e-4 => format!("{p:.1e}"),
        (Some(p), _) => format!("{p:.4}"),
    }
}

pub(super) fn lift(lift: Relative) -> String {
    let percent = |value: f64| format!("{:+.1} %", 100.0 * value);
    match lift {
        Relative::Estimated { value, low, high } => {
            format!("{} ({} to {})", percent(value), percent(low), percent(high))
        }
        Relative::Unbounded { value } => format!("{} (unbounded)", percent(value)),
        Relative::Undefined => "–".to_owned(),
    }
}

pub(super) const fn found(found: Found) -> &'static str {
    match found {
        Found::Better => "better",
        Found::Worse => "worse",
        Found::Open => "open",
    }
}

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Goal => "goal",
        Role::Guardrail => "guardrail",
        Role::Secondary => "secondary",
    }
}

/// A comparison in the columns of a table.
pub(super) struct Line {
    pub(super) variant: String,
    pub(super) value: String,
    pub(super) difference: String,
    pub(super) interval: String,
    pub(super) lift: String,
    pub(super) p: String,
    pub(super) adjusted: String,
    pub(super) found: String,
}

impl Line {
    pub(super) const HEADER: [&'static str; 8] =
        ["variant", "value", "difference", "interval", "relative", "p", "adjusted p", "found"];

    pub(super) fn cells(&self) -> [&str; 8] {
        [
            &self.variant,
            &self.value,
            &self.difference,
            &self.interval,
            &self.lift,
            &self.p,
            &self.adjusted,
            &self.found,
        ]
    }

    fn empty(variant: &VariantName, value: String) -> Self {
        let none = String::new;
        Self {
            variant: variant.to_string(),
            value,
            difference: none(),
            interval: none(),
            lift: none(),
            p: none(),
            adjusted: none(),
            found: none(),
        }
    }
}

/// The control and each variant beside it.
pub(super) fn lines(report: &MetricReport) -> Vec<Line> {
    let line = |value: &super::whole::VariantValue| {
        let shown = maybe(value.value);
        match report.comparisons.iter().find(|own| own.variant == value.variant) {
            None => Line { found: "control".to_owned(), ..Line::empty(&value.variant, shown) },
            Some(comparison) => compared(comparison, shown),
        }
    };
    report.values.iter().map(line).collect()
}

pub(super) fn compared(comparison: &Comparison, value: String) -> Line {
    let empty = Line::empty(&comparison.variant, value);
    match &comparison.effect {
        Effect::Undefined { reason } => Line { found: reason.clone(), ..empty },
        Effect::Estimated(own) => Line {
            difference: signed(own.difference),
            interval: bounds(own.interval),
            lift: lift(own.lift),
            p: probability(own.p, own.ln_p),
            adjusted: probability(own.adjusted_p, None),
            found: said(own),
            ..empty
        },
    }
}

/// What is found, with what goes beside it.
fn said(estimate: &Estimate) -> String {
    let mut said = found(estimate.found).to_owned();
    if let Some(margin) = estimate.non_inferiority {
        let holds = if margin.holds { "within" } else { "not shown to be within" };
        said.push_str(&format!("; {holds} the margin of {}", number(margin.margin)));
    }
    if let Some(belief) = estimate.belief {
        let chance = 100.0 * belief.chance_above;
        said.push_str(&format!("; has more with probability {chance:.1} %, risk {}", number(belief.risk)));
    }
    said
}

/// What stands below a metric's table.
pub(super) fn remarks(report: &MetricReport) -> Vec<String> {
    let mut remarks = Vec::new();
    for (variant, own) in
        report.comparisons.iter().filter_map(|own| Some((&own.variant, own.effect.estimate()?)))
    {
        let mut remark = format!("{variant}: {}", own.method);
        if let Some(reduction) = own.variance_reduction {
            remark.push_str(&format!(", variance less by {:.1} %", 100.0 * reduction));
        }
        if let Some(detectable) = own.detectable {
            remark.push_str(&format!("; finds a difference of {} in four of five cases", number(detectable)));
        }
        remarks.push(remark);
    }
    for novelty in &report.novelty {
        remarks.push(format!(
            "{}: the effect of the second half of the time less that of the first is {} (p {})",
            novelty.variant,
            signed(novelty.change),
            probability(Some(novelty.p), None)
        ));
    }
    for value in report.values.iter().filter(|value| value.missing > 0) {
        remarks.push(format!("{}: says nothing of {} users", value.variant, value.missing));
    }
    remarks
}

pub(super) fn title(report: &Report) -> String {
    format!("Experiment {} (version {})", report.experiment, report.version)
}

pub(super) fn period(report: &Report) -> String {
    report.period.map_or_else(|| "no turns yet".to_owned(), |(from, until)| format!("{from} to {until}"))
}
