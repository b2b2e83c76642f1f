use std::ops::Bound;

use helm_core::{DecisionId, TenantId, Timestamp};

use super::state::Tenant;
use crate::log::{Cursor, FeedbackEntry, MOST_TURNS, Page};
use crate::rows::{Finished, RowQuery, TurnRow};

/// A page of rows.
pub(super) fn page(
    state: &Tenant,
    tenant: &TenantId,
    query: &RowQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> Page<TurnRow> {
    let limit = limit.min(MOST_TURNS);
    let since = query.since.unwrap_or(Timestamp::from_micros(i64::MIN));
    let begin = match after {
        Some(after) if after.at >= since => Bound::Excluded((after.at, after.id)),
        _ => Bound::Included((since, DecisionId::from_bytes([0; 16]))),
    };
    let turns = state.begun.range((begin, Bound::Unbounded));
    let turns = turns.take_while(|(began, _)| query.until.is_none_or(|until| *began < until));
    let rows = turns.filter_map(|(began, id)| row(state, tenant, *id, *began, query.texts));
    Page::of_rows(rows.filter(|row| matches(row, query)).take(limit + 1).collect(), limit)
}

fn matches(row: &TurnRow, query: &RowQuery) -> bool {
    query.task.as_ref().is_none_or(|task| row.task == *task)
        && query.user.as_ref().is_none_or(|user| row.user == *user)
        && query.strategy.as_ref().is_none_or(|strategy| row.strategy.as_ref() == Some(strategy))
        && query.status.is_none_or(|status| row.status == status)
        && query.rewarded.is_none_or(|rewarded| row.reward.is_some() == rewarded)
}

fn row(state: &Tenant, tenant: &TenantId, id: DecisionId, began: Timestamp, texts: bool) -> Option<TurnRow> {
    let turn = &state.turns.get(&id)?.turn;
    let reward = state.settled.get(&id).and_then(|settled| settled.reward.as_ref());
    let mut row = TurnRow::from(Finished {
        tenant: tenant.clone(),
        id,
        user: turn.user.clone(),
        task: turn.task.clone(),
        conversation: turn.conversation.clone(),
        decision: state.decisions.get(&id).cloned().map(Into::into),
        outcome: turn.outcome.clone(),
        reward: reward.map(|reward| reward.value),
        stage: reward.map(|reward| reward.stage),
        began,
        input: texts.then(|| turn.input.clone()),
        output: turn.output.clone().filter(|_| texts),
    });
    let said = state.judgements.get(&id).into_iter().flatten();
    row.feedback = said
        .map(|(source, said)| FeedbackEntry { source: source.clone(), value: said.value, at: said.at })
        .collect();
    Some(row)
}
