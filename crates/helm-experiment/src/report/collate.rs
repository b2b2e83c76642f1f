//! Turns of the log, by the users that took part.

use std::collections::{BTreeMap, BTreeSet};

use helm_core::{AssignedBy, DecisionMode, SegmentName, TenantId, Timestamp, UserId};

use super::row::LogRow;
use crate::spec::Spec;

/// A user that took part.
pub(super) struct Participant<'a> {
    /// Which variant, from 0.
    pub(super) arm: usize,
    /// When the first turn was in which variants could differ.
    pub(super) exposed: Timestamp,
    /// The segment of that turn.
    pub(super) segment: Option<&'a SegmentName>,
    /// Whether the share of that turn is the one that the specification has.
    pub(super) has_share: bool,
    /// The turns from then on, in order.
    pub(super) turns: Vec<&'a LogRow>,
    /// The turns before, in order.
    pub(super) before: Vec<&'a LogRow>,
    /// The same number for the same user in each variant.
    pub(super) pair: usize,
}

/// Who took part, and what was left out.
#[derive(Default)]
pub(super) struct Collated<'a> {
    /// By when they were first exposed.
    pub(super) users: Vec<Participant<'a>>,
    /// Users that were in several variants, which are in none now.
    pub(super) mixed: Vec<&'a UserId>,
    /// Users whom the specification names.
    pub(super) forced: usize,
    /// Turns that the log holds more than once.
    pub(super) duplicates: usize,
    /// Turns of users that took part, made by the caller's own wish.
    pub(super) pinned: usize,
    /// Exposures of other versions of the specification.
    pub(super) other_versions: usize,
    /// Exposures under another specification of the same version.
    pub(super) other_specs: usize,
    /// Users that were not played under every variant.
    pub(super) incomplete: usize,
    /// Exposures to variants that the specification has not.
    pub(super) unknown_variants: BTreeSet<&'a str>,
}

impl<'a> Collated<'a> {
    pub(super) fn new(spec: &Spec, rows: &'a [LogRow]) -> Self {
        let mut collated = Self::default();
        let rows = collated.in_order(spec, rows);
        let last =
            rows.iter().filter(|row| collated.exposure(spec, row).is_some()).map(|row| row.began).max();
        let mut users: BTreeMap<(&TenantId, &UserId), Vec<&LogRow>> = BTreeMap::new();
        for row in &rows {
            collated.note(spec, row);
            users.entry((&row.tenant, &row.user)).or_default().push(row);
        }
        for ((_, user), turns) in users {
            collated.add(spec, user, &turns, last);
        }
        // By the first turn's id where moments are the same, so that the order of the log does not matter.
        collated.users.sort_by_key(|user| (user.exposed, user.turns.first().map(|turn| turn.id)));
        collated
    }

    /// Users that were played under every variant, each of which they are in; others are in none.
    pub(super) fn paired(spec: &Spec, rows: &'a [LogRow]) -> Self {
        let mut collated = Self::default();
        let rows = collated.in_order(spec, rows);
        let mut users: BTreeMap<(&TenantId, &UserId), Vec<Vec<&LogRow>>> = BTreeMap::new();
        for row in rows {
            collated.note(spec, row);
            let Some(arm) = collated.exposure(spec, row) else { continue };
            let arms = users
                .entry((&row.tenant, &row.user))
                .or_insert_with(|| vec![Vec::new(); spec.variants().len()]);
            arms.get_mut(arm).into_iter().for_each(|turns| turns.push(row));
        }
        for (pair, arms) in users.into_values().enumerate() {
            if arms.iter().any(Vec::is_empty) {
                collated.incomplete += 1;
                continue;
            }
            for (arm, turns) in arms.into_iter().enumerate() {
                let Some(first) = turns.first() else { continue };
                let (exposed, segment) = (first.began, first.segment.as_ref());
                let before = Vec::new();
                collated.users.push(Participant {
                    arm,
                    exposed,
                    segment,
                    has_share: true,
                    turns,
                    before,
                    pair,
                });
            }
        }
        collated
    }

    /// The task's turns by time, each once.
    fn in_order(&mut self, spec: &Spec, rows: &'a [LogRow]) -> Vec<&'a LogRow> {
        let mut own: Vec<_> = rows.iter().filter(|row| row.task == *spec.task()).collect();
        own.sort_by(|one, other| {
            (one.began, one.id, &one.tenant).cmp(&(other.began, other.id, &other.tenant))
        });
        let all = own.len();
        own.dedup_by(|later, kept| {
            let is_same = later.id == kept.id && later.tenant == kept.tenant;
            if is_same && fullness(later) > fullness(kept) {
                *kept = later;
            }
            is_same
        });
        self.duplicates = all - own.len();
        own
    }

    /// The variant that a turn exposed its user to; what was before the experiment's start exposed nobody to it.
    fn exposure(&self, spec: &Spec, row: &LogRow) -> Option<usize> {
        let is_own = is_of(spec, row);
        let name = row.variant.as_ref().filter(|_| is_own && version(row) == spec.version())?;
        spec.variants().iter().position(|variant| variant.name == *name)
    }

    fn note(&mut self, spec: &Spec, row: &'a LogRow) {
        let Some(name) = row.variant.as_ref().filter(|_| is_of(spec, row)) else { return };
        if version(row) != spec.version() {
            self.other_versions += 1;
        } else if spec.variant(name).is_none() {
            self.unknown_variants.insert(name.as_str());
        } else if row.experiment_spec.as_ref().is_some_and(|digest| digest != spec.digest()) {
            self.other_specs += 1;
        }
    }

    fn add(&mut self, spec: &Spec, user: &'a UserId, turns: &[&'a LogRow], last: Option<Timestamp>) {
        let exposures = || turns.iter().filter_map(|turn| Some((self.exposure(spec, turn)?, *turn)));
        let Some((arm, first)) = exposures().next() else { return };
        if exposures().any(|(_, turn)| turn.assigned_by == Some(AssignedBy::Forced)) {
            self.forced += 1;
            return;
        }
        if exposures().any(|(other, _)| other != arm) {
            self.mixed.push(user);
            return;
        }
        let share = spec.variants().get(arm).map(|variant| variant.weight);
        let begin = turns.iter().position(|turn| turn.id == first.id).unwrap_or(0);
        let (before, after) = turns.split_at(begin);
        // The end is the same for all, so that nobody's turns stop counting because of a variant.
        let own: Vec<_> = after.iter().copied().filter(|turn| Some(turn.began) <= last).collect();
        let (pinned, own): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|turn| turn.mode == Some(DecisionMode::Pinned));
        self.pinned += pinned.len();
        self.users.push(Participant {
            arm,
            exposed: first.began,
            segment: first.segment.as_ref(),
            has_share: first.variant_share.is_none() || first.variant_share == share,
            turns: own,
            before: before.to_vec(),
            pair: self.users.len(),
        });
    }
}

/// Which of two rows of one turn says more, as before and after its reward; the rest only makes it one of them in
/// whatever order they come.
pub(super) fn fullness(row: &LogRow) -> (bool, usize, String) {
    (row.reward.is_some(), row.feedback.len(), format!("{row:?}"))
}

/// Whether a turn was under the experiment, since its start.
fn is_of(spec: &Spec, row: &LogRow) -> bool {
    row.experiment.as_ref() == Some(spec.key()) && spec.start().is_none_or(|start| start <= row.began)
}

fn version(row: &LogRow) -> u32 {
    row.experiment_version.unwrap_or(1)
}
