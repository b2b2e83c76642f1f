//! Goals by parts of the users.

use std::collections::BTreeMap;

use serde::Serialize;

use super::collate::{Collated, Participant};
use super::effect::Level;
use super::estimate::{Comparison, Effect};
use super::health::{Check, CheckState};
use super::sample::Window;
use super::settle::settle_together;
use super::whole::{by_arm, comparisons, samples};
use crate::spec::{Attribute, Metric, Mode, Role, Spec, Together};

/// A goal in a part of the users. All parts of all goals are judged with regard to each other (Benjamini & Hochberg).
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct SegmentReport {
    /// By what the users are parted.
    pub attribute: Attribute,
    /// Which part; absent for users without any.
    pub level: Option<String>,
    /// The metric.
    pub metric: String,
    /// Users of the part, in all variants.
    pub users: u64,
    /// Each variant beside the control.
    pub comparisons: Vec<Comparison>,
}

pub(super) fn segments(spec: &Spec, collated: &Collated<'_>) -> Vec<SegmentReport> {
    let goals = || spec.metrics().iter().filter(|metric| metric.role == Role::Goal);
    let mut reports = Vec::new();
    for attribute in &spec.plan().segments {
        for (level, users) in levels(spec, collated) {
            let users_now = match spec.plan().mode {
                // Planned looks are at shares of all users.
                Mode::GroupSequential { .. } => collated.users.len(),
                _ => users.len(),
            };
            let own = Level { alpha: spec.plan().alpha, among: 1, users: users_now as u64, is_paired: false };
            reports.extend(goals().map(|metric| part(spec, (*attribute, level), metric, &users, own)));
        }
    }
    let better =
        |key: &str| spec.metrics().iter().find(|metric| metric.key == key).map(|metric| metric.better);
    let mut estimates: Vec<_> = reports
        .iter_mut()
        .filter_map(|report| Some((better(&report.metric)?, &mut report.comparisons)))
        .flat_map(|(better, comparisons)| comparisons.iter_mut().map(move |own| (better, &mut own.effect)))
        .filter_map(|(better, effect)| match effect {
            Effect::Estimated(estimate) => Some((better, &mut **estimate)),
            Effect::Undefined { .. } => None,
        })
        .collect();
    settle_together(spec.plan(), Together::Bh, &mut estimates, collated.users.len() as u64);
    reports
}

/// What is told of parts that are too small to be among the largest ones.
pub(super) fn left_out(spec: &Spec, collated: &Collated<'_>) -> Option<Check> {
    if spec.plan().segments.is_empty() {
        return None;
    }
    let (all, shown) = (all_levels(collated), levels(spec, collated));
    let users = |levels: &Levels<'_, '_>| levels.values().map(Vec::len).sum::<usize>();
    let message = format!(
        "the largest {} of {} segments are shown; the others have {} users together, who count everywhere else. Raise \
         max_levels to see them",
        shown.len(),
        all.len(),
        users(&all) - users(&shown)
    );
    (shown.len() < all.len()).then(|| Check::new("segments", CheckState::Warning, message))
}

type Levels<'a, 'b> = BTreeMap<Option<&'b str>, Vec<&'a Participant<'b>>>;

/// The largest parts, by name.
fn levels<'a, 'b>(spec: &Spec, collated: &'a Collated<'b>) -> Levels<'a, 'b> {
    let mut levels = all_levels(collated);
    let mut sizes: Vec<_> =
        levels.iter().map(|(level, users)| (std::cmp::Reverse(users.len()), *level)).collect();
    sizes.sort_unstable();
    let most = usize::try_from(spec.plan().max_levels).unwrap_or(usize::MAX);
    for (_, small) in sizes.into_iter().skip(most) {
        levels.remove(&small);
    }
    levels
}

fn all_levels<'a, 'b>(collated: &'a Collated<'b>) -> Levels<'a, 'b> {
    let mut levels = Levels::new();
    for user in &collated.users {
        levels.entry(user.segment.map(helm_core::SegmentName::as_str)).or_default().push(user);
    }
    levels
}

fn part(
    spec: &Spec,
    (attribute, level): (Attribute, Option<&str>),
    metric: &Metric,
    users: &[&Participant<'_>],
    own: Level,
) -> SegmentReport {
    let arms = by_arm(spec, users.iter().copied());
    let samples = samples(metric, &arms, Window::ALL);
    SegmentReport {
        attribute,
        level: level.map(str::to_owned),
        metric: metric.key.clone(),
        users: users.len() as u64,
        comparisons: comparisons(spec, metric, &samples, own),
    }
}
