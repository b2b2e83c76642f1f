use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use helm_core::{Decision, Feedback, Stats, StrategyId, TaskId, TenantId, Timestamp, UserId};

use super::working::{CollectionKey, Key};
use crate::fold::Place;
use crate::job::{NewJob, turn_deadline_key};
use crate::records::TurnRecord;
use crate::vector::{Collection, Memory, MemoryId};

/// A row of learning state.
pub(crate) type StatsKey = (TenantId, TaskId, Place);

/// What a batch leaves to be written.
#[derive(Default, Debug)]
pub(crate) struct Changes {
    pub(crate) decisions: Vec<NewDecision>,
    pub(crate) turns: Vec<NewTurn>,
    pub(crate) evidence: Vec<NewEvidence>,
    /// Decisions that were settled; what they amount to stands in the working set.
    pub(crate) settled: BTreeSet<Key>,
    /// Users whose preferences have changed; what they are stands in the working set.
    pub(crate) preferences: BTreeSet<(TenantId, UserId)>,
    /// Collections that begin with their first memory.
    pub(crate) collections: BTreeMap<CollectionKey, Collection>,
    pub(crate) memories: BTreeMap<(TenantId, UserId, MemoryId), Memory>,
    /// Turns that have begun, and until when they may take.
    pub(crate) begun: BTreeMap<Key, Timestamp>,
    /// Turns that had begun and have ended.
    pub(crate) ended: BTreeSet<Key>,
    /// Queued jobs to be removed by their key, before others are added.
    pub(crate) forgotten: BTreeSet<(TenantId, String)>,
    /// Jobs to be added unless their key is queued.
    pub(crate) jobs: BTreeMap<(TenantId, String), NewJob>,
    /// Differences, summed.
    pub(crate) stats: BTreeMap<StatsKey, Stats>,
}

/// A decision to be inserted.
#[derive(Debug)]
pub(crate) struct NewDecision {
    pub(crate) decision: Arc<Decision>,
    /// Of a sampled decision: how many draws it replaced in turn.
    pub(crate) draw: Option<i64>,
}

/// A turn to be inserted.
#[derive(Debug)]
pub(crate) struct NewTurn {
    pub(crate) turn: Arc<TurnRecord>,
    pub(crate) digest: [u8; 32],
}

/// A judgement to be inserted.
#[derive(Debug)]
pub(crate) struct NewEvidence {
    pub(crate) tenant: TenantId,
    pub(crate) task: TaskId,
    pub(crate) strategy: StrategyId,
    pub(crate) feedback: Feedback,
    pub(crate) revision: i64,
    pub(crate) at: Timestamp,
}

impl Changes {
    /// Adds a job unless one of its key waits.
    pub(super) fn enqueue(&mut self, tenant: &TenantId, job: NewJob) {
        self.jobs.entry((tenant.clone(), job.dedupe.clone())).or_insert(job);
    }

    /// Looks no longer after a turn: `open` says that it waits for its end in the database, and not as a job.
    pub(super) fn end(&mut self, key: &Key, open: bool) {
        if self.begun.remove(key).is_some() {
            return;
        }
        match open {
            true => drop(self.ended.insert(key.clone())),
            false => drop(self.forgotten.insert((key.0.clone(), turn_deadline_key(key.1)))),
        }
    }

    /// Whether nothing has to be written.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            decisions,
            turns,
            evidence,
            settled,
            preferences,
            collections,
            memories,
            begun,
            ended,
            forgotten,
            jobs,
            stats,
        } = self;
        decisions.is_empty()
            && turns.is_empty()
            && evidence.is_empty()
            && settled.is_empty()
            && preferences.is_empty()
            && collections.is_empty()
            && memories.is_empty()
            && begun.is_empty()
            && ended.is_empty()
            && forgotten.is_empty()
            && jobs.is_empty()
            && stats.is_empty()
    }
}
