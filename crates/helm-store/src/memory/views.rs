use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use helm_core::{
    ConversationId, Decision, DecisionId, Scope, Stats, StatsRow, StrategyId, TaskId, TenantId, UserId,
};

use super::BACKEND;
use super::state::Tenant;
use super::store::MemoryStore;
use super::{activity, retain, rows};
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery};
use crate::bandit::{Audit, BanditState, BanditStore, PriorDocument, StateQuery, StrategyTotal, UserTotal};
use crate::changes::apply_preferences;
use crate::checkpoint::no_total;
use crate::conversation::{ConversationStore, StoredMessage, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{add_judgement, compare, fold, row, since};
use crate::log::{
    Cursor, DrawQuery, FeedbackEntry, InteractionLog, LogQuery, MOST_TURNS, Page, SettledDecision, TurnView,
};
use crate::preference::{PreferenceChange, PreferenceStore, Preferences};
use crate::retention::{Retained, Retention};
use crate::rows::{RowQuery, TurnRow};

#[async_trait]
impl BanditStore for MemoryStore {
    async fn load(&self, tenant: &TenantId, task: &TaskId, query: &StateQuery) -> Result<BanditState> {
        self.read_checked("load", |state| {
            let Some(tenant) = state.tenant(tenant) else {
                return Ok(BanditState::default());
            };
            let rows = tenant.stats.get(task).into_iter().flatten();
            let rows = rows.filter(|(place, _)| query.wants(&place.0));
            let rows = rows.map(|(place, stats)| (place.clone(), stats.clone()));
            let key = query.policy.as_ref().map(|policy| (task.clone(), policy.clone()));
            let prior = key.and_then(|key| tenant.priors.get(&key).cloned());
            Ok(BanditState { rows: since(BACKEND, rows, query.since)?, prior })
        })
    }

    async fn user_totals(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<&UserId>,
        users: usize,
    ) -> Result<Vec<UserTotal>> {
        self.read_checked("user_totals", |state| {
            let stats = state.tenant(tenant).and_then(|tenant| tenant.stats.get(task));
            let mut totals: BTreeMap<UserId, BTreeMap<StrategyId, Stats>> = BTreeMap::new();
            for ((scope, strategy, ..), stats) in stats.into_iter().flatten() {
                let Scope::User(user) = scope else { continue };
                if after.is_some_and(|after| user <= after) {
                    continue;
                }
                let total = totals.entry(user.clone()).or_default().entry(strategy.clone()).or_default();
                *total = fold(BACKEND, total, stats)?;
            }
            let page = totals.into_iter().take(users).flat_map(|(user, totals)| {
                totals.into_iter().map(move |(strategy, stats)| UserTotal {
                    user: user.clone(),
                    strategy,
                    stats,
                })
            });
            Ok(page.collect())
        })
    }

    async fn put_prior(&self, tenant: &TenantId, task: &TaskId, prior: &PriorDocument) -> Result<bool> {
        self.write("put_prior", |state| {
            let priors = &mut state.tenant_mut(tenant).priors;
            let key = (task.clone(), prior.policy.clone());
            let current = priors.get(&key).map_or(0, |prior| prior.revision);
            let next = prior.revision == current + 1;
            if next {
                priors.insert(key, prior.clone());
            }
            Ok(next)
        })
    }

    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>> {
        self.read_checked("strategy_totals", |state| {
            let mut totals: BTreeMap<StrategyId, StrategyTotal> = BTreeMap::new();
            let Some(tenant) = state.tenant(tenant) else {
                return Ok(Vec::new());
            };
            for ((_, strategy), left) in tenant.left.iter().filter(|((of, _), _)| of == task) {
                let total = totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy.clone()));
                left.add_to(BACKEND, total)?;
            }
            for (id, decision) in tenant.decisions.iter().filter(|(_, d)| d.context.task == *task) {
                let strategy = &decision.strategy;
                let total = totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy.clone()));
                total.decisions += 1;
                let said = tenant.judgements.get(id).into_iter().flatten();
                for (_, judgement) in said.filter(|(source, _)| source.as_judge().is_none()) {
                    total.feedback_count += 1;
                    total.feedback_sum = add_judgement(BACKEND, total.feedback_sum, judgement.value)?;
                }
            }
            Ok(totals.into_values().collect())
        })
    }

    async fn checkpoint(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StatsRow>> {
        self.read("checkpoint", |state| {
            let kept = state.tenant(tenant).and_then(|tenant| tenant.checkpoint.get(task));
            kept.into_iter().flatten().map(|(place, stats)| row(place.clone(), stats.clone())).collect()
        })
    }

    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
        self.read_checked("audit", |state| {
            let Some(tenant) = state.tenant(tenant) else {
                return Ok(Audit::default());
            };
            let of_task = |id: &DecisionId| tenant.decisions.get(id).is_some_and(|d| d.context.task == *task);
            let settled = tenant.settled.iter().filter(|(id, _)| of_task(id));
            let decisions = settled.filter(|(_, settled)| !settled.contribution.is_empty()).count() as u64;
            let left = tenant.left.iter().filter(|((of, _), _)| of == task);
            let decisions = decisions + left.map(|(_, left)| left.contributed).sum::<u64>();
            let mut audit = Audit { decisions, ..Audit::default() };
            let (expected, nothing) = (tenant.contributed(task)?, BTreeMap::new());
            compare(&mut audit, expected, tenant.stats.get(task).unwrap_or(&nothing));
            Ok(audit)
        })
    }
}

#[async_trait]
impl InteractionLog for MemoryStore {
    async fn turn(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<TurnView>> {
        self.read("turn", |state| state.tenant(tenant).and_then(|tenant| view(tenant, id)))
    }

    async fn scan(
        &self,
        tenant: &TenantId,
        query: &LogQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnView>> {
        self.read("scan", |state| {
            let Some(tenant) = state.tenant(tenant) else {
                return Page { items: vec![], next: None };
            };
            let matches = |view: &TurnView| {
                query.task.as_ref().is_none_or(|task| view.task == *task)
                    && query.user.as_ref().is_none_or(|user| view.user == *user)
                    && query.until.is_none_or(|until| view.at < until)
                    && query.strategy.as_ref().is_none_or(|strategy| {
                        view.decision.as_ref().is_some_and(|decision| decision.strategy == *strategy)
                    })
                    && query.status.is_none_or(|status| {
                        view.outcome.as_ref().is_some_and(|outcome| outcome.status == status)
                    })
                    && (!query.found
                        || view.outcome.as_ref().is_some_and(|outcome| !outcome.violations.is_empty()))
            };
            let limit = limit.min(MOST_TURNS);
            let newest = tenant.begun.iter().rev();
            let older = newest.skip_while(|turn| after.is_some_and(|after| **turn >= (after.at, after.id)));
            let recent = older.take_while(|(began, _)| query.since.is_none_or(|since| *began >= since));
            let views = recent.filter_map(|(_, id)| view(tenant, *id)).filter(matches);
            let mut items: Vec<_> = views.take(limit + 1).collect();
            let more = items.len() > limit;
            items.truncate(limit);
            let next = items.last().filter(|_| more).map(|last| Cursor { at: last.at, id: last.id });
            Page { items, next }
        })
    }

    async fn rows(
        &self,
        tenant: &TenantId,
        query: &RowQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnRow>> {
        self.read("rows", |state| match state.tenant(tenant) {
            Some(own) => rows::page(own, tenant, query, after, limit),
            None => Page { items: vec![], next: None },
        })
    }

    async fn last_draw(&self, tenant: &TenantId, query: &DrawQuery) -> Result<Option<Decision>> {
        self.read("last_draw", |state| {
            let tenant = state.tenant(tenant)?;
            let draws = tenant.draws.get(&(query.user.clone(), query.task.clone()))?;
            let draws = draws.iter().filter_map(|(id, number)| Some((number, tenant.decisions.get(id)?)));
            let meant = draws.filter(|(_, draw)| match &query.conversation {
                Some(_) => draw.context.conversation == query.conversation,
                None => true,
            });
            let last = meant.max_by_key(|(number, draw)| (*number, Reverse(draw.id)));
            last.map(|(_, draw)| draw.clone())
        })
    }

    async fn settled(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<SettledDecision>> {
        self.read("settled", |state| {
            let Some(tenant) = state.tenant(tenant) else {
                return Vec::new();
            };
            let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
            let settled = tenant.settled.range((begin, Bound::Unbounded));
            let views = settled.filter_map(|(id, settled)| {
                let decision = tenant.decisions.get(id).filter(|d| d.context.task == *task)?;
                let judged = tenant.judgements.get(id).into_iter().flatten();
                Some(SettledDecision {
                    decision: decision.clone(),
                    outcome: tenant.turns.get(id).map(|kept| kept.turn.outcome.clone()),
                    feedback: judged.map(|(source, said)| (source.clone(), said.value)).collect(),
                    silence_ended: settled.silence_ended,
                    reward: settled.reward.clone(),
                    contribution: settled.contribution.clone(),
                })
            });
            views.take(limit.min(MOST_TURNS)).collect()
        })
    }

    async fn activity(&self, tenant: &TenantId, query: &ActivityQuery) -> Result<Vec<Activity>> {
        self.read("activity", |state| {
            state.tenant(tenant).map_or(vec![], |own| activity::activity(own, query))
        })
    }

    async fn findings(&self, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>> {
        self.read("findings", |state| {
            state.tenant(tenant).map_or(vec![], |own| activity::findings(own, query))
        })
    }

    async fn retain(
        &self,
        tenant: &TenantId,
        retention: &Retention,
        progress: &mut (dyn FnMut(Retained) + Send),
    ) -> Result<Retained> {
        let retained = self.write("retain", |state| retain::retain(state, tenant, retention))?;
        progress(retained);
        Ok(retained)
    }
}

fn view(tenant: &Tenant, id: DecisionId) -> Option<TurnView> {
    let (decision, turn) = (tenant.decisions.get(&id), tenant.turns.get(&id).map(|kept| &kept.turn));
    let context = decision.map(|decision| &decision.context);
    let judgements = tenant.judgements.get(&id).into_iter().flatten();
    let feedback = judgements.map(|(source, said)| FeedbackEntry {
        source: source.clone(),
        value: said.value,
        at: said.at,
    });
    Some(TurnView {
        id,
        user: turn.map(|turn| &turn.user).or(context.map(|context| &context.user))?.clone(),
        task: turn.map(|turn| &turn.task).or(context.map(|context| &context.task))?.clone(),
        conversation: match turn {
            Some(turn) => turn.conversation.clone(),
            None => context.and_then(|context| context.conversation.clone()),
        },
        decision: decision.cloned(),
        input: turn.map(|turn| turn.input.clone()),
        output: turn.and_then(|turn| turn.output.clone()),
        outcome: turn.map(|turn| turn.outcome.clone()),
        reward: tenant.settled.get(&id).and_then(|settled| settled.reward.clone()),
        feedback: feedback.collect(),
        at: turn.map(|turn| turn.began).or(decision.map(|decision| decision.at))?,
    })
}

#[async_trait]
impl PreferenceStore for MemoryStore {
    async fn get(&self, tenant: &TenantId, user: &UserId) -> Result<Preferences> {
        let stored =
            self.read("get_preferences", |state| state.tenant(tenant)?.preferences.get(user).cloned());
        Ok(stored?.unwrap_or_default())
    }

    async fn apply(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences> {
        self.write("apply_preferences", |state| {
            let stored = state.tenant_mut(tenant).preferences.entry(user.clone()).or_default();
            if expect.is_some_and(|expected| expected != stored.revision) {
                let message = format!("the preferences are at revision {}; read them again", stored.revision);
                return Err(Error::new(ErrorKind::Conflict, BACKEND, "apply_preferences", message));
            }
            *stored = apply_preferences(BACKEND, stored, changes)?;
            Ok(stored.clone())
        })
    }
}

#[async_trait]
impl ConversationStore for MemoryStore {
    async fn recent(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        limit: usize,
    ) -> Result<Vec<StoredMessage>> {
        let key = (user.clone(), conversation.clone());
        self.read("recent", |state| {
            let messages = state.tenant(tenant).and_then(|tenant| tenant.messages.get(&key));
            let mut newest: Vec<_> =
                messages.into_iter().flat_map(|messages| messages.values().rev()).take(limit).collect();
            newest.reverse();
            newest.into_iter().cloned().collect()
        })
    }

    async fn summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Option<Summary>> {
        let key = (user.clone(), conversation.clone());
        self.read("summary", |state| state.tenant(tenant)?.summaries.get(&key).cloned())
    }

    async fn set_summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        summary: &Summary,
    ) -> Result<bool> {
        let key = (user.clone(), conversation.clone());
        self.write("set_summary", |state| {
            let tenant = state.tenant_mut(tenant);
            let of_turn = (summary.covers, 0)..=(summary.covers, usize::MAX);
            let said = tenant.messages.get(&key).is_some_and(|said| said.range(of_turn).next().is_some());
            let older = tenant.summaries.get(&key).is_none_or(|stored| stored.covers < summary.covers);
            if said && older {
                tenant.summaries.insert(key, summary.clone());
            }
            Ok(said && older)
        })
    }
}
