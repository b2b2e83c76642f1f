use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use helm_core::{ConversationId, DecisionId, TaskId, TenantId, Timestamp};

use super::BACKEND;
use super::state::{State, Tenant};
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::fold::fold;
use crate::retention::{Retained, Retention};

/// Removes turns that nothing depends on any more.
pub(super) fn retain(state: &mut State, tenant: &TenantId, retention: &Retention) -> Result<Retained> {
    let waiting = state.jobs.named_decisions(tenant);
    let own = state.tenant_mut(tenant);
    let held = held(own, &retention.fleeting);
    let end = (retention.before, DecisionId::from_bytes([0; 16]));
    let old: Vec<_> = own.begun.range(..end).copied().collect();
    let goes = |(_, id): &(Timestamp, DecisionId)| !waiting.contains(id) && !held.contains(id);
    let going: Vec<_> = old.iter().copied().filter(goes).collect();
    let mut retained = Retained { kept: (old.len() - going.len()) as u64, ..Retained::default() };
    let mut checkpoint = Checkpoint::default();
    for (_, id) in &going {
        count(own, *id, &mut retained, &mut checkpoint)?;
    }
    if !retention.dry_run {
        keep(own, checkpoint)?;
        let gone: BTreeSet<_> = going.iter().map(|(_, id)| *id).collect();
        own.keys.retain(|_, (decision, ..)| !gone.contains(decision));
        going.into_iter().for_each(|turn| remove(own, turn));
    }
    Ok(retained)
}

/// The draws that users and conversations keep to.
fn held(tenant: &Tenant, fleeting: &BTreeSet<TaskId>) -> BTreeSet<DecisionId> {
    let mut held = BTreeSet::new();
    for (_, draws) in tenant.draws.iter().filter(|((_, task), _)| !fleeting.contains(task)) {
        let mut last: BTreeMap<Option<&ConversationId>, (u32, Reverse<DecisionId>)> = BTreeMap::new();
        for (id, number) in draws {
            let conversation = tenant.decisions.get(id).and_then(|draw| draw.context.conversation.as_ref());
            // Without a conversation stands for all of them, and for none.
            for place in BTreeSet::from([None, conversation]) {
                let best = last.entry(place).or_insert((*number, Reverse(*id)));
                *best = (*best).max((*number, Reverse(*id)));
            }
        }
        held.extend(last.into_values().map(|(_, Reverse(id))| id));
    }
    held
}

/// Counts a turn, and what its decision amounted to.
fn count(
    tenant: &Tenant,
    id: DecisionId,
    retained: &mut Retained,
    checkpoint: &mut Checkpoint,
) -> Result<()> {
    let Some(turn) = tenant.turns.get(&id).map(|kept| &kept.turn) else { return Ok(()) };
    retained.turns += 1;
    retained.messages += turn.conversation.as_ref().map_or(0, |_| turn.messages.len() as u64);
    let Some(decision) = tenant.decisions.get(&id) else { return Ok(()) };
    retained.decisions += 1;
    retained.judgements += tenant.revisions.get(&id).copied().unwrap_or_default();
    let contribution = tenant.settled.get(&id).map(|settled| settled.contribution.as_slice());
    let said = tenant.judgements.get(&id).into_iter().flatten();
    let judged = said.filter(|(source, _)| source.as_judge().is_none()).map(|(_, said)| said.value);
    let about = (&decision.context.task, &decision.strategy);
    checkpoint.add(BACKEND, about, contribution.unwrap_or_default(), judged)
}

/// Adds to the checkpoint.
fn keep(tenant: &mut Tenant, checkpoint: Checkpoint) -> Result<()> {
    for ((task, place), sum) in checkpoint.sums {
        let stored = tenant.checkpoint.entry(task).or_default().entry(place).or_default();
        *stored = fold(BACKEND, stored, &sum)?;
    }
    for (key, left) in checkpoint.totals {
        let stored = tenant.left.entry(key).or_default();
        stored.decisions += left.decisions;
        stored.contributed += left.contributed;
        stored.feedback_count += left.feedback_count;
        stored.feedback_sum =
            helm_core::Fixed::from_bits(stored.feedback_sum.to_bits() + left.feedback_sum.to_bits());
    }
    Ok(())
}

fn remove(tenant: &mut Tenant, (began, id): (Timestamp, DecisionId)) {
    tenant.begun.remove(&(began, id));
    tenant.summaries.retain(|_, summary| summary.covers != id);
    if let Some(turn) = tenant.turns.remove(&id).map(|kept| kept.turn)
        && let Some(conversation) = turn.conversation
        && let Some(messages) = tenant.messages.get_mut(&(turn.user, conversation))
    {
        messages.retain(|(turn, _), _| *turn != id);
    }
    if let Some(decision) = tenant.decisions.remove(&id)
        && let Some(draws) = tenant.draws.get_mut(&(decision.context.user, decision.context.task))
    {
        draws.remove(&id);
    }
    tenant.judgements.remove(&id);
    tenant.revisions.remove(&id);
    tenant.settled.remove(&id);
}
