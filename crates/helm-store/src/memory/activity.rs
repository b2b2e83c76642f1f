use std::collections::BTreeMap;

use helm_core::{NanoUsd, TaskId, TurnStatus};

use super::state::Tenant;
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery, made_at, merged};
use crate::records::TurnRecord;

/// What happened in each slot.
pub(super) fn activity(state: &Tenant, query: &ActivityQuery) -> Vec<Activity> {
    let wanted = |task: &TaskId| query.task.as_ref().is_none_or(|only| only == task);
    let mut slots: BTreeMap<(TaskId, u32), Activity> = BTreeMap::new();
    for turn in state.turns.values().map(|kept| &kept.turn).filter(|turn| wanted(&turn.task)) {
        if let Some(slot) = query.slot(turn.began) {
            add(
                slots.entry((turn.task.clone(), slot)).or_insert_with(|| none(&turn.task, query, slot)),
                turn,
            );
        }
    }
    for (id, settled) in &state.settled {
        let task = state.decisions.get(id).map(|decision| &decision.context.task);
        let (Some(task), Some(reward)) = (task.filter(|task| wanted(task)), &settled.reward) else {
            continue;
        };
        let Some(slot) = query.slot(made_at(*id)) else { continue };
        let of = slots.entry((task.clone(), slot)).or_insert_with(|| none(task, query, slot));
        let value = reward.value.get();
        of.rewarded += 1;
        of.reward += value;
        of.reward_sq += value * value;
    }
    slots.into_values().collect()
}

fn none(task: &TaskId, query: &ActivityQuery, slot: u32) -> Activity {
    Activity::none(task.clone(), query.begin(slot))
}

fn add(activity: &mut Activity, turn: &TurnRecord) {
    let outcome = &turn.outcome;
    activity.turns += 1;
    activity.blocked += u64::from(outcome.status == TurnStatus::Blocked);
    activity.failed += u64::from(outcome.status.is_failure());
    activity.found += u64::from(!outcome.violations.is_empty());
    activity.latency = activity.latency.saturating_add(outcome.latency);
    activity.slowest = activity.slowest.max(outcome.latency);
    if let Some(cost) = outcome.cost {
        activity.priced += 1;
        activity.cost = NanoUsd::from_nanos(activity.cost.nanos().saturating_add(cost.nanos()));
    }
}

/// What guards found.
pub(super) fn findings(state: &Tenant, query: &FindingQuery) -> Vec<Finding> {
    let turns = state.turns.values().map(|kept| &kept.turn);
    let turns = turns.filter(|turn| {
        query.task.as_ref().is_none_or(|task| turn.task == *task)
            && query.since.is_none_or(|since| turn.began >= since)
            && query.until.is_none_or(|until| turn.began < until)
    });
    merged(turns.flat_map(|turn| &turn.outcome.violations).map(|violation| Finding {
        stage: violation.stage,
        category: violation.category,
        entity: violation.entity.clone(),
        action: violation.action,
        severity: violation.severity,
        count: 1,
    }))
}
