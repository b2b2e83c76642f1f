//! `[[metric]]`.

use super::analysis::Mode;
use super::metric::{Aggregate, Covariate, Event, Margin, Measure, Metric, MetricKind, Role};
use super::reader::Section;
use crate::analysis::Better;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mean,
    Share,
    Ratio,
    Quantile,
    Rank,
}

impl Kind {
    /// The settings that it has beside those of all kinds.
    const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Mean | Self::Share | Self::Rank => &["value"],
            Self::Ratio => &["num", "den"],
            Self::Quantile => &["event", "q"],
        }
    }
}

const KINDS: [(&str, Kind); 5] = [
    ("mean", Kind::Mean),
    ("share", Kind::Share),
    ("ratio", Kind::Ratio),
    ("quantile", Kind::Quantile),
    ("rank", Kind::Rank),
];

pub(super) fn metrics(
    root: &Section<'_, '_>,
    experiment: &Section<'_, '_>,
    mode: Option<&Mode>,
) -> Vec<Metric> {
    let sections = root.sections("metric");
    let mut metrics: Vec<Metric> = Vec::new();
    for section in &sections {
        let Some(metric) = metric(section, mode) else { continue };
        if metrics.iter().any(|earlier| earlier.key == metric.key) {
            section.problem("key", format!("there is another metric {}; give each its own key", metric.key));
        }
        metrics.push(metric);
    }
    let are_read = metrics.len() == sections.len();
    if are_read && !metrics.iter().any(|metric| metric.role == Role::Goal) {
        experiment.problem_here("no metric is a goal; write a [[metric]] with role = \"goal\"");
    }
    metrics
}

fn metric(section: &Section<'_, '_>, mode: Option<&Mode>) -> Option<Metric> {
    let key = section.text("key");
    if key.is_some_and(|key| key.trim().is_empty()) {
        section.problem("key", "it is empty; write a name");
    }
    let role = section.word(
        "role",
        &[("goal", Role::Goal), ("guardrail", Role::Guardrail), ("secondary", Role::Secondary)],
    );
    let better = section.word("better", &[("higher", Better::Higher), ("lower", Better::Lower)]);
    let kind = section.word("kind", &KINDS);
    let read = kind.and_then(|kind| settings(section, kind));
    let margin = section.section("margin").and_then(|section| margin(&section));
    let covariate = section.section("covariate").and_then(|section| covariate(&section));
    for setting in ["key", "role", "kind", "better"] {
        if !section.has(setting) {
            section.problem_here(format!("it needs {setting}"));
        }
    }
    if kind.is_some() {
        section.finish();
    }
    if section.has("margin") && role.is_some_and(|role| role != Role::Guardrail) {
        section.problem("margin", "only a guardrail has one; write role = \"guardrail\" or remove it");
    }
    if let Some(kind) = kind {
        check_kind(section, kind, mode);
    }
    if matches!((mode, margin), (Some(Mode::Adaptive { .. }), Some(Margin::Relative(_)))) {
        section.problem("margin", "in the mode adaptive a margin is { absolute = … }");
    }
    Some(Metric { key: key?.to_owned(), role: role?, kind: read?, better: better?, margin, covariate })
}

fn check_kind(section: &Section<'_, '_>, kind: Kind, mode: Option<&Mode>) {
    let by_user = matches!(kind, Kind::Mean | Kind::Ratio);
    if section.has("covariate") && !by_user {
        section.problem("covariate", "only metrics of the kinds mean and ratio can have one");
    }
    if kind == Kind::Rank && section.has("margin") {
        section.problem("margin", "ranks have no unit, so there is no margin; use the kind mean");
    }
    if kind == Kind::Rank && mode.is_some_and(|mode| *mode != Mode::Fixed) {
        section.problem("kind", "ranks are compared once, in the mode fixed; use the kind mean in this mode");
    }
    if matches!(mode, Some(Mode::Adaptive { .. })) && (kind != Kind::Mean || section.has("covariate")) {
        section
            .problem("kind", "in the mode adaptive a metric is a mean over decisions, without a covariate");
    }
}

fn settings(section: &Section<'_, '_>, kind: Kind) -> Option<MetricKind> {
    for setting in kind.settings() {
        if !section.has(setting) {
            section.problem_here(format!("a metric of this kind needs {setting}"));
        }
    }
    let value = || section.section("value").and_then(|section| measure(&section));
    match kind {
        Kind::Mean => Some(MetricKind::Mean { value: value()? }),
        Kind::Share => Some(MetricKind::Share { value: value()? }),
        Kind::Rank => Some(MetricKind::Rank { value: value()? }),
        Kind::Ratio => {
            let (num, den) = (section.section("num"), section.section("den"));
            let num = num.and_then(|section| summed(&section));
            let den = den.and_then(|section| summed(&section));
            Some(MetricKind::Ratio { num: num?, den: den? })
        }
        Kind::Quantile => {
            let event = section.parsed("event");
            let q = section.number_where("q", "a number between 0 and 1", |q| q > 0.0 && q < 1.0);
            Some(MetricKind::Quantile { event: event?, q: q? })
        }
    }
}

const AGGREGATES: [(&str, Aggregate); 4] = [
    ("sum", Aggregate::Sum),
    ("count", Aggregate::Count),
    ("mean", Aggregate::Mean),
    ("max", Aggregate::Max),
];

fn measure(section: &Section<'_, '_>) -> Option<Measure> {
    let measure = measure_settings(section);
    section.finish();
    measure
}

fn measure_settings(section: &Section<'_, '_>) -> Option<Measure> {
    let event: Option<Event> = section.parsed("event");
    let agg = section.word("agg", &AGGREGATES);
    for setting in ["event", "agg"] {
        if !section.has(setting) {
            section
                .problem_here(format!("it needs {setting}: write {{ event = \"reward\", agg = \"mean\" }}"));
        }
    }
    Some(Measure { event: event?, agg: agg? })
}

/// What is summed over users, so that a sum over a sum is what it says.
fn summed(section: &Section<'_, '_>) -> Option<Measure> {
    let measure = measure(section)?;
    if !matches!(measure.agg, Aggregate::Sum | Aggregate::Count) {
        section.problem("agg", "a ratio is of sums: write \"sum\" or \"count\"");
    }
    Some(measure)
}

fn margin(section: &Section<'_, '_>) -> Option<Margin> {
    let above = |value: f64| value > 0.0;
    let absolute = section.number_where("absolute", "a number above 0", above);
    let relative = section.number_where("relative", "a share above 0, such as 0.05", above);
    section.finish();
    if section.has("absolute") == section.has("relative") {
        section.problem_here("write either { absolute = … } or { relative = … }");
        return None;
    }
    absolute.map(Margin::Absolute).or(relative.map(Margin::Relative))
}

fn covariate(section: &Section<'_, '_>) -> Option<Covariate> {
    let measure = measure_settings(section);
    let days = section.number_where("days", "a number of days above 0", |days| days > 0.0);
    section.finish();
    let days = if section.has("days") { days? } else { 28.0 };
    Some(Covariate { measure: measure?, days })
}
