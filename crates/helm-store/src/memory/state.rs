use std::collections::{BTreeMap, BTreeSet};

use helm_core::{
    ConversationId, Decision, DecisionId, DecisionMode, IdempotencyKey, Outcome, PolicyHash, Reward,
    SourceName, Stats, StatsRow, StrategyId, TaskId, TenantId, Timestamp, UnitInterval, UserId,
};

use super::BACKEND;
use super::jobs::Jobs;
use crate::api_key::StoredKey;
use crate::bandit::PriorDocument;
use crate::checkpoint::Left;
use crate::conversation::{StoredMessage, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{Place, difference, fold, place};
use crate::preference::Preferences;
use crate::records::TurnRecord;
use crate::settle::{Case, Settle, Settlement, settled};
use crate::vector::{Collection, Memory, MemoryId};

/// Everything, by tenant.
#[derive(Default)]
pub(super) struct State {
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) jobs: Jobs,
    pub(super) api_keys: BTreeMap<(TenantId, String), StoredKey>,
}

/// One tenant's state.
#[derive(Default)]
pub(super) struct Tenant {
    pub(super) decisions: BTreeMap<DecisionId, Decision>,
    /// Sampled decisions by user and task; for each the number of draws that it replaced in turn.
    pub(super) draws: BTreeMap<(UserId, TaskId), BTreeMap<DecisionId, u32>>,
    pub(super) turns: BTreeMap<DecisionId, Kept>,
    /// Turns by the moment they began, the order of the log.
    pub(super) begun: BTreeSet<(Timestamp, DecisionId)>,
    pub(super) judgements: BTreeMap<DecisionId, BTreeMap<SourceName, Judgement>>,
    /// How many judgements were accepted of each decision, with corrections and repetitions under a key.
    pub(super) revisions: BTreeMap<DecisionId, u64>,
    pub(super) keys: BTreeMap<IdempotencyKey, (DecisionId, SourceName, UnitInterval)>,
    pub(super) settled: BTreeMap<DecisionId, Settled>,
    pub(super) stats: BTreeMap<TaskId, BTreeMap<Place, Stats>>,
    /// What decisions that have left the log had contributed.
    pub(super) checkpoint: BTreeMap<TaskId, BTreeMap<Place, Stats>>,
    pub(super) left: BTreeMap<(TaskId, StrategyId), Left>,
    pub(super) priors: BTreeMap<(TaskId, PolicyHash), PriorDocument>,
    pub(super) preferences: BTreeMap<UserId, Preferences>,
    pub(super) messages: BTreeMap<(UserId, ConversationId), Messages>,
    pub(super) summaries: BTreeMap<(UserId, ConversationId), Summary>,
    pub(super) collections: BTreeMap<String, Collection>,
    pub(super) memories: BTreeMap<(UserId, MemoryId), Memory>,
}

/// A conversation's messages by turn and number within it.
pub(super) type Messages = BTreeMap<(DecisionId, usize), StoredMessage>;

/// A committed turn and what tells it from another of its id.
pub(super) struct Kept {
    pub(super) turn: TurnRecord,
    pub(super) digest: [u8; 32],
}

#[derive(Clone, Copy)]
pub(super) struct Judgement {
    pub(super) value: UnitInterval,
    pub(super) at: Timestamp,
}

/// What a decision amounts to, and what it has contributed.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) reward: Option<Reward>,
    pub(super) contribution: Vec<StatsRow>,
    pub(super) silence_ended: bool,
}

/// What a settlement will change, checked and ready.
pub(super) struct Plan {
    id: DecisionId,
    task: TaskId,
    sums: Vec<(Place, Stats)>,
    settled: Settled,
}

impl Tenant {
    pub(super) fn decision(&self, id: DecisionId, operation: &'static str) -> Result<&Decision> {
        self.decisions.get(&id).ok_or_else(|| {
            let message =
                format!("there is no decision {id} in the log: none was made, or the log no longer has it");
            Error::new(ErrorKind::NotFound, BACKEND, operation, message)
        })
    }

    /// Keeps a decision, and its place among the draws if it is one.
    pub(super) fn log(&mut self, decision: &Decision) {
        if decision.mode == DecisionMode::Sampled {
            let key = (decision.context.user.clone(), decision.context.task.clone());
            let draws = self.draws.entry(key).or_default();
            let replaced = decision.drawn_by.and_then(|earlier| draws.get(&earlier));
            let number = replaced.map_or(0, |replaced| replaced + 1);
            draws.insert(decision.id, number);
        }
        self.decisions.insert(decision.id, decision.clone());
    }

    /// The sum of all contributions of a task, with those of decisions that have left the log.
    pub(super) fn contributed(&self, task: &TaskId) -> Result<BTreeMap<Place, Stats>> {
        let of_task = |id: &DecisionId| self.decisions.get(id).is_some_and(|d| d.context.task == *task);
        let mut sums = self.checkpoint.get(task).cloned().unwrap_or_default();
        for (_, settled) in self.settled.iter().filter(|(id, _)| of_task(id)) {
            for row in &settled.contribution {
                let sum = sums.entry(place(row)).or_default();
                *sum = fold(BACKEND, sum, &row.stats)?;
            }
        }
        Ok(sums)
    }

    /// What settling a decision under this evidence would change.
    pub(super) fn plan(
        &self,
        id: DecisionId,
        outcome: Option<&Outcome>,
        judgements: &BTreeMap<SourceName, Judgement>,
        silence_ended: bool,
        settle: &dyn Settle,
    ) -> Result<Plan> {
        let decision = self.decision(id, "settle")?;
        let task = decision.context.task.clone();
        let feedback: Vec<_> = judgements.iter().map(|(source, said)| (source.clone(), said.value)).collect();
        let case = Case::new(decision, outcome, &feedback, silence_ended);
        let settlement = settled(BACKEND, settle, &case)?;
        let before = self.settled.get(&id).map(|settled| settled.contribution.as_slice()).unwrap_or_default();
        let stats = self.stats.get(&task);
        let changes = difference(BACKEND, before, &settlement.contribution)?;
        let sums = changes.into_iter().map(|(place, change)| {
            let state = stats.and_then(|stats| stats.get(&place)).cloned().unwrap_or_default();
            Ok((place, fold(BACKEND, &state, &change)?))
        });
        let sums = sums.collect::<Result<_>>()?;
        let Settlement { reward, contribution } = settlement;
        Ok(Plan { id, task, sums, settled: Settled { reward, contribution, silence_ended } })
    }

    /// Carries a plan out; answers the reward.
    pub(super) fn apply(&mut self, plan: Plan) -> Option<Reward> {
        self.stats.entry(plan.task).or_default().extend(plan.sums);
        let reward = plan.settled.reward.clone();
        self.settled.insert(plan.id, plan.settled);
        reward
    }

    pub(super) fn reward(&self, id: DecisionId) -> Option<Reward> {
        self.settled.get(&id).and_then(|settled| settled.reward.clone())
    }

    pub(super) fn judged(&self, id: DecisionId) -> BTreeMap<SourceName, Judgement> {
        self.judgements.get(&id).cloned().unwrap_or_default()
    }

    pub(super) fn silence_ended(&self, id: DecisionId) -> bool {
        self.settled.get(&id).is_some_and(|settled| settled.silence_ended)
    }

    pub(super) fn add_messages(&mut self, turn: &TurnRecord) {
        let Some(conversation) = &turn.conversation else {
            return;
        };
        let messages = self.messages.entry((turn.user.clone(), conversation.clone())).or_default();
        messages.extend(turn.messages.iter().enumerate().map(|(number, message)| {
            let stored = StoredMessage { turn: turn.id, message: message.clone(), at: turn.outcome.at };
            ((turn.id, number), stored)
        }));
    }
}

impl State {
    pub(super) fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    pub(super) fn tenant_mut(&mut self, id: &TenantId) -> &mut Tenant {
        self.tenants.entry(id.clone()).or_default()
    }
}
