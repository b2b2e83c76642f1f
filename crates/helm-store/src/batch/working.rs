use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use helm_core::{
    Decision, DecisionId, IdempotencyKey, Outcome, Reward, SourceName, StatsRow, TaskId, TenantId, Timestamp,
    UnitInterval, UserId,
};

use crate::preference::Preferences;
use crate::vector::Collection;

/// A decision or turn of a tenant.
pub(crate) type Key = (TenantId, DecisionId);

/// A collection of a tenant, by name.
pub(crate) type CollectionKey = (TenantId, String);

/// What a batch knows: loaded by the backend, then carried forward by the operations.
#[derive(Default, Debug)]
pub(crate) struct Working {
    pub(crate) known: HashMap<Key, Known>,
    pub(crate) draws: HashMap<Key, Draw>,
    pub(crate) keys: HashMap<(TenantId, IdempotencyKey), UsedKey>,
    /// Preferences that exist, or have been begun.
    pub(crate) preferences: HashMap<(TenantId, UserId), Preferences>,
    /// Collections that exist, or have been begun.
    pub(crate) collections: HashMap<CollectionKey, Collection>,
}

/// All that is known about one decision.
#[derive(Clone, Default, Debug)]
pub(crate) struct Known {
    pub(crate) decision: Option<Arc<Decision>>,
    pub(crate) turn: Option<KnownTurn>,
    /// Whether its turn is among those that are looked after until they end.
    pub(crate) open: bool,
    pub(crate) settled: Settled,
    pub(crate) feedback: BTreeMap<SourceName, Said>,
}

/// A committed turn.
#[derive(Clone, Debug)]
pub(crate) struct KnownTurn {
    pub(crate) digest: [u8; 32],
    /// `None` when there is no decision that could be settled by it.
    pub(crate) outcome: Option<Outcome>,
}

/// What a decision amounts to, and what it has contributed.
#[derive(Clone, Default, Debug)]
pub(crate) struct Settled {
    pub(crate) reward: Option<Reward>,
    pub(crate) contribution: Vec<StatsRow>,
    pub(crate) silence_ended: bool,
}

/// A source's current judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) value: UnitInterval,
    pub(crate) revision: i64,
    pub(crate) at: Timestamp,
}

/// What an idempotency key was used for.
#[derive(PartialEq, Debug)]
pub(crate) struct UsedKey {
    pub(crate) decision: DecisionId,
    pub(crate) source: SourceName,
    /// The bits of the judgement's value.
    pub(crate) value: u64,
}

/// A sampled decision's place among the draws.
#[derive(Debug)]
pub(crate) struct Draw {
    pub(crate) user: UserId,
    pub(crate) task: TaskId,
    /// How many draws it replaced in turn.
    pub(crate) number: i64,
}
