use helm_core::{ExperimentKey, SpecDigest, TaskId, Timestamp, VariantName};
use serde::{Serialize, Serializer};

use super::adaptive;
use super::collate::{Collated, Participant};
use super::effect::{Level, effect};
use super::estimate::{Comparison, Effect};
use super::health::{Check, CheckState, VariantUsers, checks, pair_checks, variant_users};
use super::row::LogRow;
use super::sample::{Sample, Window, quantile_arm};
use super::segments::{SegmentReport, left_out, segments};
use super::series::{Look, Novelty, Slice, cumulative, novelty, slices};
use super::settle::settle;
use super::verdict::{Grounds, Verdict};
use crate::analysis::Better;
use crate::spec::{Metric, MetricKind, Mode, Role, Spec};

/// The version of what [`Report`] serialises to.
const FORMAT: u32 = 1;

/// What a log says of an experiment: its health, a verdict, and the figures. The same log and specification give the same
/// bytes, in whatever order the rows come.
///
/// # Examples
///
/// ```
/// use helm_experiment::{Report, Spec};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let text = "[experiment]\nkey='tone'\ntask='t'\nmode='fixed'\n[[variant]]\nkey='a'\ncontrol=true\nweight=0.5\n\
/// #     strategy='x'\n[[variant]]\nkey='b'\nweight=0.5\nstrategy='y'\n[[metric]]\nkey='r'\nrole='goal'\nkind='mean'\n\
/// #     value={event='reward',agg='mean'}\nbetter='higher'\n";
/// let spec = Spec::from_toml(text)?;
/// let report = Report::new(&spec, &[]);
/// assert_eq!(report.verdict.decision.title(), "Keep going");
/// assert!(report.to_markdown().starts_with("# Experiment tone"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// The experiment.
    pub experiment: ExperimentKey,
    /// The version of its specification.
    pub version: u32,
    /// The task.
    pub task: TaskId,
    /// What of the specification must not change, hashed.
    pub digest: SpecDigest,
    /// What the intervals promise.
    pub guarantee: String,
    /// The first and the last turn; absent without any.
    pub period: Option<(Timestamp, Timestamp)>,
    /// The variants and their users.
    pub variants: Vec<VariantUsers>,
    /// Whether the log can be trusted.
    pub health: Vec<Check>,
    /// What is to be done.
    pub verdict: Verdict,
    /// The metrics, as the specification has them.
    pub metrics: Vec<MetricReport>,
    /// Goals by parts of the users.
    pub segments: Vec<SegmentReport>,
    /// The specification.
    pub spec: Spec,
    /// The version of Helm that computed it.
    pub helm: &'static str,
}

/// What a log says of a metric.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricReport {
    /// Its name.
    pub key: String,
    /// What it decides.
    pub role: Role,
    /// Which way is better.
    #[serde(serialize_with = "better")]
    pub better: Better,
    /// Its value in each variant.
    pub values: Vec<VariantValue>,
    /// Each variant beside the control.
    pub comparisons: Vec<Comparison>,
    /// Of goals: the effect in parts of the time, each for one look.
    pub slices: Vec<Slice>,
    /// Of goals: the effect of all turns up to a moment, under the mode's promise.
    pub cumulative: Vec<Look>,
    /// Of goals: whether the effect of the second half differs from that of the first.
    pub novelty: Vec<Novelty>,
}

fn better<S: Serializer>(better: &Better, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *better == Better::Higher { "higher" } else { "lower" })
}

/// A metric's value in a variant.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct VariantValue {
    /// The variant.
    pub variant: VariantName,
    /// The value; absent where there is none.
    pub value: Option<f64>,
    /// Users that it is of.
    pub users: u64,
    /// Users of whom it says nothing.
    pub missing: u64,
}

impl Report {
    /// Reads a log. Rows of other tasks and experiments may be among them; the task's turns from before the experiment
    /// are what covariates are taken from.
    #[must_use]
    pub fn new(spec: &Spec, rows: &[LogRow]) -> Self {
        if matches!(spec.plan().mode, Mode::Adaptive { .. }) {
            return adaptive::report(spec, rows);
        }
        let collated = Collated::new(spec, rows);
        let mut health = checks(spec, &collated);
        let Some(look) = PlannedLook::reached(spec, &collated.users) else {
            return Self::of(spec, &collated, health, false);
        };
        health.push(look.check(collated.users.len()));
        let then: Vec<_> = rows.iter().filter(|row| row.began <= look.at).cloned().collect();
        Self::of(spec, &Collated::new(spec, &then), health, false)
    }

    /// Reads a log of users who were each played under every variant, and compares them with themselves, which takes what
    /// users differ in off the error. Users that were not played under every variant are left out. Nobody is dealt, so
    /// there is no split to test; covariates are not used, and effects are not followed over time.
    #[must_use]
    pub fn paired(spec: &Spec, rows: &[LogRow]) -> Self {
        let collated = Collated::paired(spec, rows);
        let health = pair_checks(spec, &collated);
        Self::of(spec, &collated, health, true)
    }

    fn of(spec: &Spec, collated: &Collated<'_>, mut health: Vec<Check>, is_paired: bool) -> Self {
        let users = collated.users.len() as u64;
        let mut metrics: Vec<_> =
            spec.metrics().iter().map(|metric| metric_report(spec, metric, collated, is_paired)).collect();
        settle(spec.plan(), &mut metrics, users);
        health.extend(looks(spec, users));
        health.extend(left_out(spec, collated).filter(|_| !is_paired));
        let parts = Parts {
            period: period(&collated.users),
            variants: variant_users(spec, collated),
            segments: if is_paired { Vec::new() } else { segments(spec, collated) },
            health,
            metrics,
            users,
        };
        parts.into_report(spec)
    }

    /// As JSON, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A report before its verdict.
pub(super) struct Parts {
    pub(super) period: Option<(Timestamp, Timestamp)>,
    pub(super) variants: Vec<VariantUsers>,
    pub(super) segments: Vec<SegmentReport>,
    pub(super) health: Vec<Check>,
    pub(super) metrics: Vec<MetricReport>,
    pub(super) users: u64,
}

impl Parts {
    pub(super) fn into_report(self, spec: &Spec) -> Report {
        let days = self.period.map_or(0.0, |(from, until)| until.since(from).as_secs_f64() / 86_400.0);
        let Self { period, variants, segments, health, metrics, users } = self;
        let verdict = Grounds { spec, health: &health, metrics: &metrics, users, days }.verdict();
        Report {
            format: FORMAT,
            experiment: spec.key().clone(),
            version: spec.version(),
            task: spec.task().clone(),
            digest: spec.digest().clone(),
            guarantee: guarantee(spec),
            period,
            variants,
            health,
            verdict,
            metrics,
            segments,
            spec: spec.clone(),
            helm: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn guarantee(spec: &Spec) -> String {
    let alpha = 100.0 * spec.plan().alpha;
    let level = 100.0 - alpha;
    match &spec.plan().mode {
        Mode::Fixed | Mode::Adaptive { n_star: None } => format!(
            "Valid at this one look: whoever looks repeatedly and stops at a find is wrong more often than {alpha} % of the time."
        ),
        Mode::Sequential { .. } | Mode::Adaptive { n_star: Some(_) } => format!(
            "Valid at any time: however often one looks, each {level} % interval misses the truth at some look with probability {alpha} % at most, approximately, once there are some hundred users."
        ),
        Mode::GroupSequential { looks, planned, .. } => {
            let looks = looks.iter().map(|look| format!("{:.0}", look * *planned as f64)).collect::<Vec<_>>();
            format!("Valid at the planned looks, at {} users, and at no others.", looks.join(", "))
        }
        Mode::Bayes { .. } => {
            "A belief, under the prior of the specification: valid for whoever shares it, and not to be stopped at.".to_owned()
        }
    }
}

fn period(users: &[Participant<'_>]) -> Option<(Timestamp, Timestamp)> {
    let first = users.iter().map(|user| user.exposed).min()?;
    let last = users.iter().flat_map(|user| &user.turns).map(|turn| turn.began).max()?;
    Some((first, last))
}

/// The last planned look that has come. Between two looks nothing new may be concluded, so figures are of that moment.
struct PlannedLook {
    /// Counted from 1.
    number: usize,
    of: usize,
    /// Users in all variants.
    users: usize,
    /// When that many had come.
    at: Timestamp,
}

impl PlannedLook {
    fn reached(spec: &Spec, users: &[Participant<'_>]) -> Option<Self> {
        let Mode::GroupSequential { planned, looks, .. } = &spec.plan().mode else { return None };
        let due = |look: &f64| (look * *planned as f64).ceil() as usize;
        let number = looks.iter().filter(|look| due(look) <= users.len()).count();
        let count = due(looks.get(number.checked_sub(1)?)?);
        // Users are in the order in which they came.
        let at = users.get(count.checked_sub(1)?)?.exposed;
        Some(Self { number, of: looks.len(), users: count, at })
    }

    fn check(&self, all: usize) -> Check {
        let Self { number, of, users, .. } = self;
        let since = all.saturating_sub(*users);
        let message = format!(
            "the figures are of look {number} of {of}, when {users} users had come; {since} that came since wait for the next look"
        );
        Check::new("looks", CheckState::Fine, message)
    }
}

/// Whether the first planned look has come.
fn looks(spec: &Spec, users: u64) -> Option<Check> {
    let Mode::GroupSequential { planned, looks, .. } = &spec.plan().mode else { return None };
    let first = looks.first()? * *planned as f64;
    if (users as f64) < first {
        let message = format!("{users} users; the first planned look is at {first:.0}");
        return Some(Check::new("looks", CheckState::TooFew, message));
    }
    None
}

/// Participants by variant.
pub(super) fn by_arm<'a, 'b>(
    spec: &Spec,
    users: impl IntoIterator<Item = &'a Participant<'b>>,
) -> Vec<Vec<&'a Participant<'b>>> {
    let mut arms = vec![Vec::new(); spec.variants().len()];
    for user in users {
        if let Some(arm) = arms.get_mut(user.arm) {
            arm.push(user);
        }
    }
    arms
}

/// A metric's numbers of all variants.
pub(super) fn samples(metric: &Metric, arms: &[Vec<&Participant<'_>>], window: Window) -> Vec<Sample> {
    arms.iter().map(|users| Sample::new(&metric.kind, metric.covariate.as_ref(), users, window)).collect()
}

/// Each variant beside the control.
pub(super) fn comparisons(spec: &Spec, metric: &Metric, samples: &[Sample], level: Level) -> Vec<Comparison> {
    let Some(control) = spec.variants().iter().position(|variant| variant.control) else { return Vec::new() };
    let Some(own) = samples.get(control) else { return Vec::new() };
    let others = spec.variants().iter().zip(samples).filter(|(variant, _)| !variant.control);
    let compare = |(variant, sample): (&crate::spec::SpecVariant, &Sample)| Comparison {
        variant: variant.name.clone(),
        effect: effect(metric, spec.plan(), own, sample, level),
    };
    others.map(compare).collect()
}

/// How many comparisons of a metric's role there are.
pub(super) fn level(spec: &Spec, metric: &Metric, users: u64) -> Level {
    let own = spec.metrics().iter().filter(|other| other.role == metric.role).count();
    let among = if metric.role == Role::Guardrail { 1 } else { own * (spec.variants().len() - 1) };
    Level { alpha: spec.plan().alpha, among, users, is_paired: false }
}

fn metric_report(spec: &Spec, metric: &Metric, collated: &Collated<'_>, is_paired: bool) -> MetricReport {
    let arms = by_arm(spec, &collated.users);
    let samples = samples(metric, &arms, Window::ALL);
    let level = Level { is_paired, ..level(spec, metric, collated.users.len() as u64) };
    let comparisons = comparisons(spec, metric, &samples, level);
    let is_followed = metric.role == Role::Goal && !is_paired;
    let period = period(&collated.users).filter(|_| is_followed);
    MetricReport {
        key: metric.key.clone(),
        role: metric.role,
        better: metric.better,
        values: values(spec, metric, &samples),
        slices: period.map_or_else(Vec::new, |period| slices(spec, metric, &arms, period)),
        cumulative: period.map_or_else(Vec::new, |period| cumulative(spec, metric, &arms, period)),
        novelty: period.map_or_else(Vec::new, |period| novelty(spec, metric, &arms, period)),
        comparisons,
    }
}

fn values(spec: &Spec, metric: &Metric, samples: &[Sample]) -> Vec<VariantValue> {
    let value = |sample: &Sample| match &metric.kind {
        MetricKind::Quantile { q, .. } => {
            quantile_arm(sample, *q, spec.plan().alpha).ok().map(|arm| arm.mean)
        }
        _ => sample.value,
    };
    let each = spec.variants().iter().zip(samples);
    each.map(|(variant, sample)| VariantValue {
        variant: variant.name.clone(),
        value: value(sample),
        users: sample.users - sample.missing,
        missing: sample.missing,
    })
    .collect()
}

impl Comparison {
    pub(super) fn undefined(variant: &VariantName, reason: impl Into<String>) -> Self {
        Self { variant: variant.clone(), effect: Effect::Undefined { reason: reason.into() } }
    }
}
