use std::collections::BTreeSet;

use helm_core::{DecisionMode, IdempotencyKey, TenantId, UserId};

use super::operation::Operation;
use super::working::{CollectionKey, Key};

/// What a batch must know before it is carried out. Everything is in stable order, so that backends which lock
/// what they load never wait for each other in a circle.
#[derive(Default, Debug)]
pub(crate) struct Needs {
    /// Decisions, with all that is known about them.
    pub(crate) decisions: BTreeSet<Key>,
    /// Draws that new draws replace.
    pub(crate) draws: BTreeSet<Key>,
    /// Idempotency keys of feedback.
    pub(crate) keys: BTreeSet<(TenantId, IdempotencyKey)>,
    /// Users whose preferences change.
    pub(crate) preferences: BTreeSet<(TenantId, UserId)>,
    /// Collections that get memories.
    pub(crate) collections: BTreeSet<CollectionKey>,
}

impl Needs {
    /// What these operations need. With `hopeful`, decisions that are only logged are taken to be new: a backend
    /// that notices when they are not may try again without it.
    pub(crate) fn of<'o>(operations: impl IntoIterator<Item = &'o Operation>, hopeful: bool) -> Self {
        let mut needs = Self::default();
        for operation in operations {
            needs.add(operation, hopeful);
        }
        needs
    }

    /// Whether nothing has to be known. Then there are decisions to be logged and nothing else.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_empty(&self) -> bool {
        let Self { decisions, draws, keys, preferences, collections } = self;
        decisions.is_empty()
            && draws.is_empty()
            && keys.is_empty()
            && preferences.is_empty()
            && collections.is_empty()
    }

    fn add(&mut self, operation: &Operation, hopeful: bool) {
        match operation {
            Operation::LogDecision { decision, .. } => {
                let tenant = &decision.context.tenant;
                if !hopeful {
                    self.decisions.insert((tenant.clone(), decision.id));
                }
                let sampled = decision.mode == DecisionMode::Sampled;
                let earlier = decision.drawn_by.filter(|_| sampled);
                self.draws.extend(earlier.map(|earlier| (tenant.clone(), earlier)));
            }
            Operation::CommitTurn { turn, .. } => {
                let (tenant, user) = (&turn.tenant, &turn.user);
                self.decisions.insert((tenant.clone(), turn.id));
                if !turn.preferences.is_empty() {
                    self.preferences.insert((tenant.clone(), user.clone()));
                }
                let collections = turn.memories.iter().map(|memory| &memory.collection);
                self.collections.extend(collections.map(|name| (tenant.clone(), name.clone())));
            }
            Operation::RecordFeedback { tenant, feedback, .. } => {
                self.decisions.insert((tenant.clone(), feedback.decision));
                self.keys.extend(feedback.key.clone().map(|key| (tenant.clone(), key)));
            }
            Operation::Resettle { tenant, decision, .. } => {
                self.decisions.insert((tenant.clone(), *decision));
            }
        }
    }
}
