use std::collections::BTreeMap;

use async_trait::async_trait;
use helm_core::{DecisionId, Scope, TenantId, UserId};

use super::BACKEND;
use super::jobs::Jobs;
use super::state::{State, Tenant};
use super::store::MemoryStore;
use crate::disguise::{Disguise, without_words};
use crate::error::Result;
use crate::fold::{fold, row};
use crate::user::{
    Forgetting, Forgotten, MemoryPage, UserConversation, UserRecords, UserStatistics, UserStore,
};
use crate::vector::Memory;

#[async_trait]
impl UserStore for MemoryStore {
    async fn records(&self, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
        self.read("records", |state| {
            let jobs = state.jobs.naming(tenant, user);
            let own = state.tenant(tenant).map(|tenant| tenant.records(user)).unwrap_or_default();
            UserRecords { jobs, ..own }
        })
    }

    async fn memories(&self, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
        self.read("memories", |state| {
            let Some(tenant) = state.tenant(tenant) else { return Vec::new() };
            let all = tenant.memories.iter().rev();
            let own =
                all.filter(|((user, _), memory)| *user == page.user && memory.collection == page.collection);
            let older = own.filter(|((_, id), _)| page.after.is_none_or(|after| *id < after));
            older.map(|(_, memory)| memory.clone()).take(page.limit).collect()
        })
    }

    async fn forget(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        progress: &mut (dyn FnMut(Forgotten) + Send),
    ) -> Result<Forgotten> {
        let forgotten = self.write("forget", |state| forget(state, tenant, forgetting))?;
        progress(forgotten);
        Ok(forgotten)
    }
}

impl Tenant {
    fn records(&self, user: &UserId) -> UserRecords {
        let mut conversations: BTreeMap<_, UserConversation> = BTreeMap::new();
        for ((_, id), said) in
            self.messages.iter().filter(|((owner, _), said)| owner == user && !said.is_empty())
        {
            let begun = conversations.entry(id.clone()).or_insert_with(|| UserConversation::new(id.clone()));
            begun.messages.extend(said.values().cloned());
        }
        for ((_, id), summary) in self.summaries.iter().filter(|((owner, _), _)| owner == user) {
            let begun = conversations.entry(id.clone()).or_insert_with(|| UserConversation::new(id.clone()));
            begun.summary = Some(summary.clone());
        }
        let memories = self.memories.iter().filter(|((owner, _), _)| owner == user);
        let statistics = self.stats.iter().flat_map(|(task, rows)| {
            let of_user = rows.iter().filter(|((scope, ..), _)| *scope == Scope::User(user.clone()));
            of_user.map(|(place, stats)| UserStatistics {
                task: task.clone(),
                row: row(place.clone(), stats.clone()),
            })
        });
        let decided = self.decisions.values().filter(|decision| decision.context.user == *user);
        let mut decisions: Vec<_> = decided.map(|decision| decision.id).collect();
        decisions.retain(|id| !self.turns.contains_key(id));
        decisions.sort_unstable();
        UserRecords {
            decisions,
            conversations: conversations.into_values().collect(),
            memories: memories.map(|(_, memory)| memory.clone()).collect(),
            jobs: Vec::new(),
            statistics: statistics.collect(),
        }
    }

    /// The ids under which the user stands in the log, in order.
    fn logged(&self, user: &UserId) -> Vec<DecisionId> {
        let decided = self.decisions.values().filter(|decision| decision.context.user == *user);
        let turns = self.turns.values().filter(|kept| kept.turn.user == *user);
        let mut ids: Vec<_> =
            decided.map(|decision| decision.id).chain(turns.map(|kept| kept.turn.id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn count(&self, user: &UserId, ids: &[DecisionId]) -> Forgotten {
        let of = |owner: &UserId| owner == user;
        let member = Scope::User(user.clone());
        let sums = self.stats.values().chain(self.checkpoint.values());
        Forgotten {
            preferences: self.preferences.get(user).map_or(0, |_| 1),
            messages: self
                .messages
                .iter()
                .filter(|((owner, _), _)| of(owner))
                .map(|(_, said)| said.len() as u64)
                .sum(),
            summaries: self.summaries.keys().filter(|(owner, _)| of(owner)).count() as u64,
            memories: self.memories.keys().filter(|(owner, _)| of(owner)).count() as u64,
            jobs: 0,
            turns: ids.iter().filter(|id| self.turns.contains_key(id)).count() as u64,
            decisions: ids.iter().filter(|id| self.decisions.contains_key(id)).count() as u64,
            judgements: ids.iter().filter_map(|id| self.revisions.get(id)).sum(),
            statistics: sums.flat_map(BTreeMap::keys).filter(|(scope, ..)| *scope == member).count() as u64,
        }
    }

    fn disguise(&mut self, user: &UserId, ids: &[DecisionId], disguise: &Disguise) -> Result<()> {
        self.rename_sums(disguise)?;
        self.preferences.remove(user);
        self.messages.retain(|(owner, _), _| owner != user);
        self.summaries.retain(|(owner, _), _| owner != user);
        self.memories.retain(|(owner, _), _| owner != user);
        self.keys.retain(|_, (decision, ..)| ids.binary_search(decision).is_err());
        let moved = std::mem::take(&mut self.draws).into_iter().map(|((owner, task), draws)| {
            let owner = if owner == *user { disguise.pseudonym.clone() } else { owner };
            ((owner, task), draws)
        });
        self.draws = moved.collect();
        for id in ids {
            if let Some(decision) = self.decisions.remove(id) {
                self.decisions.insert(*id, disguise.decision(decision));
            }
            if let Some(settled) = self.settled.get_mut(id) {
                settled.contribution = disguise.contribution(&settled.contribution);
            }
            let Some(kept) = self.turns.get_mut(id) else { continue };
            let turn = &mut kept.turn;
            turn.user = disguise.pseudonym.clone();
            (turn.conversation, turn.input) = (None, String::new());
            turn.output.iter_mut().for_each(String::clear);
            turn.outcome = without_words(turn.outcome.clone());
            (turn.messages, turn.preferences) = (Vec::new(), Vec::new());
            (turn.memories, turn.jobs) = (Vec::new(), Vec::new());
            kept.digest = [0; 32];
        }
        Ok(())
    }

    /// Moves the user's sums to the pseudonym.
    fn rename_sums(&mut self, disguise: &Disguise) -> Result<()> {
        let (mut stats, mut checkpoint) = (self.stats.clone(), self.checkpoint.clone());
        for rows in stats.values_mut().chain(checkpoint.values_mut()) {
            for ((scope, strategy, epoch, layout), sums) in std::mem::take(rows) {
                let sum = rows.entry((disguise.scope(&scope), strategy, epoch, layout)).or_default();
                *sum = fold(BACKEND, sum, &sums)?;
            }
        }
        (self.stats, self.checkpoint) = (stats, checkpoint);
        Ok(())
    }
}

fn forget(state: &mut State, tenant: &TenantId, forgetting: &Forgetting) -> Result<Forgotten> {
    let user = &forgetting.user;
    let Some(own) = state.tenants.get_mut(tenant) else {
        return Ok(Forgotten::default());
    };
    let ids = own.logged(user);
    let mut forgotten = own.count(user, &ids);
    let first = ids.first().copied().unwrap_or(forgetting.otherwise);
    let disguise = Disguise::new(BACKEND, user, first)?;
    if !forgetting.dry_run {
        own.disguise(user, &ids, &disguise)?;
    }
    forgotten.jobs = forget_jobs(&mut state.jobs, tenant, forgetting, &ids);
    Ok(forgotten)
}

fn forget_jobs(jobs: &mut Jobs, tenant: &TenantId, forgetting: &Forgetting, ids: &[DecisionId]) -> u64 {
    let about = jobs.about(tenant, &forgetting.user, ids, &forgetting.kept_jobs);
    let count = about.len() as u64;
    if !forgetting.dry_run {
        jobs.drop_all(about);
        jobs.forget_errors(tenant, ids);
    }
    count
}
