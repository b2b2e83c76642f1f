//! What happened in a stretch of time, counted where the log is kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use helm_core::{Category, DecisionId, GuardAction, NanoUsd, Severity, Stage, TaskId, Timestamp};

use crate::error::{Error, ErrorKind, Result};

/// The most slots that a stretch of time is cut into.
pub const MOST_SLOTS: u32 = 1_000;

/// What [`InteractionLog::activity`](crate::InteractionLog::activity) counts: a stretch of time, cut into slots of one
/// length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityQuery {
    /// Only this task's turns. Default: all tasks'.
    pub task: Option<TaskId>,
    since: Timestamp,
    step: Duration,
    slots: u32,
}

impl ActivityQuery {
    /// `slots` slots of length `step`, the first of which begins at `since`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] unless there are 1 to [`MOST_SLOTS`] slots, `step` is a whole number of milliseconds,
    /// and all of them lie between the years 1970 and 10000 and begin at whole milliseconds.
    pub fn new(since: Timestamp, step: Duration, slots: u32) -> Result<Self> {
        const LAST: i64 = 253_402_300_800_000_000;
        let refuse = |message| Err(Error::new(ErrorKind::Invalid, "log", "activity", message));
        if slots == 0 || slots > MOST_SLOTS {
            return refuse(format!("{slots} slots were asked for; ask for 1 to {MOST_SLOTS}"));
        }
        let whole = |micros: u128| micros.is_multiple_of(1_000);
        if step.is_zero() || !step.subsec_nanos().is_multiple_of(1_000_000) {
            return refuse(format!("slots of {step:?} are no whole number of milliseconds"));
        }
        let begin = u128::try_from(since.as_micros()).ok().filter(|begin| whole(*begin));
        let end = begin.map(|begin| begin + step.as_micros() * u128::from(slots));
        if end.is_none_or(|end| end > LAST.unsigned_abs().into()) {
            return refuse(format!(
                "{slots} slots of {step:?} from {since} on do not lie in the years 1970 to 9999 at whole milliseconds"
            ));
        }
        Ok(Self { task: None, since, step, slots })
    }

    /// Only this task's turns.
    #[must_use]
    pub fn with_task(mut self, task: TaskId) -> Self {
        self.task = Some(task);
        self
    }

    /// Where the slots begin, and at last where the last one ends.
    pub fn bounds(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let (since, step) = (self.since, self.step);
        (0..=self.slots).map(move |number| since.after(step * number))
    }

    /// Where the slot of this number begins.
    pub(crate) fn begin(&self, slot: u32) -> Timestamp {
        self.since.after(self.step * slot)
    }

    /// The number of the slot that a moment lies in, if in any.
    pub(crate) fn slot(&self, at: Timestamp) -> Option<u32> {
        if at < self.since {
            return None;
        }
        let number = at.since(self.since).as_micros() / self.step.as_micros().max(1);
        u32::try_from(number).ok().filter(|number| *number < self.slots)
    }
}

/// The smallest id of a moment: ids of decisions begin with the milliseconds at which they were made (RFC 9562, UUID
/// version 7).
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "conformance"))]
pub(crate) fn first_id(at: Timestamp) -> DecisionId {
    let millis = u128::from(at.as_micros().max(0).unsigned_abs() / 1_000);
    DecisionId::from_bytes((millis << 80).to_be_bytes())
}

/// When a decision of this id was made, to the millisecond.
pub(crate) fn made_at(id: DecisionId) -> Timestamp {
    let millis = u128::from_be_bytes(*id.as_bytes()) >> 80;
    Timestamp::from_micros(i64::try_from(millis * 1_000).unwrap_or(i64::MAX))
}

/// What happened to a task in a slot.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Activity {
    /// The task.
    pub task: TaskId,
    /// When the slot begins.
    pub from: Timestamp,
    /// Turns that began in it and have ended, in whatever way.
    pub turns: u64,
    /// Those of them that guards refused.
    pub blocked: u64,
    /// Those that failed ([`TurnStatus::is_failure`](helm_core::TurnStatus::is_failure)).
    pub failed: u64,
    /// Those in which guards found something.
    pub found: u64,
    /// How long they took, together.
    pub latency: Duration,
    /// How long the longest took.
    pub slowest: Duration,
    /// Those whose price is known.
    pub priced: u64,
    /// What these cost.
    pub cost: NanoUsd,
    /// Decisions made in the slot, by the milliseconds in their ids, that have a reward.
    pub rewarded: u64,
    /// The sum of these rewards.
    pub reward: f64,
    /// The sum of their squares.
    pub reward_sq: f64,
}

impl Activity {
    pub(crate) fn none(task: TaskId, from: Timestamp) -> Self {
        Self {
            task,
            from,
            turns: 0,
            blocked: 0,
            failed: 0,
            found: 0,
            latency: Duration::ZERO,
            slowest: Duration::ZERO,
            priced: 0,
            cost: NanoUsd::ZERO,
            rewarded: 0,
            reward: 0.0,
            reward_sq: 0.0,
        }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn is_none(&self) -> bool {
        self.turns == 0 && self.rewarded == 0
    }
}

/// Which findings of guards [`InteractionLog::findings`](crate::InteractionLog::findings) counts. Default: all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct FindingQuery {
    /// Only in this task's turns.
    pub task: Option<TaskId>,
    /// Only in turns that began at this moment or later.
    pub since: Option<Timestamp>,
    /// Only in turns that began before this moment.
    pub until: Option<Timestamp>,
}

impl FindingQuery {
    /// Only in this task's turns.
    #[must_use]
    pub fn with_task(mut self, task: TaskId) -> Self {
        self.task = Some(task);
        self
    }

    /// Only in turns that began at `since` or later.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Only in turns that began before `until`.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }
}

/// How often guards found a kind of thing and did the same about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// Where.
    pub stage: Stage,
    /// The kind of thing.
    pub category: Category,
    /// The exact kind.
    pub entity: String,
    /// What was done about it.
    pub action: GuardAction,
    /// How bad the worst of them was.
    pub severity: Severity,
    /// How often it was found.
    pub count: u64,
}

/// How often each kind of thing was found, the most frequent first.
pub(crate) fn merged(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut kinds: BTreeMap<_, Finding> = BTreeMap::new();
    for finding in findings {
        let kind = (finding.stage, finding.category, finding.entity.clone(), finding.action);
        let severity = finding.severity;
        let of = kinds.entry(kind).or_insert(Finding { count: 0, ..finding.clone() });
        of.severity = of.severity.max(severity);
        of.count += finding.count;
    }
    let mut findings: Vec<_> = kinds.into_values().collect();
    findings.sort_by_key(|finding| Reverse(finding.count));
    findings
}
