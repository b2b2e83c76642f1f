//! What both databases keep in columns of the same names.

use helm_core::{
    Decision, DecisionId, Epoch, Fixed, Layout, NanoUsd, RewardStage, Scope, Stats, StatsRow, StrategyId,
    TaskId, TenantId,
};
use serde::de::{Deserialize, IntoDeserializer, value};

use super::read::{
    StoredRow, body, check_format, json, json_opt, moment, owned, parsed, parsed_opt, unit_opt, unreadable,
};
use crate::checkpoint::Left;
use crate::disguise::Traced;
use crate::error::Result;
use crate::log::{SettledDecision, TurnView};
use crate::rows::{Finished, TurnRow};

/// A row of helm_stats or helm_checkpoint.
pub(crate) fn stats_row<R: StoredRow>(row: &R, operation: &'static str) -> Result<StatsRow> {
    Ok(StatsRow {
        scope: scope(row, operation)?,
        strategy: parsed(row, "strategy", operation)?,
        epoch: Epoch::starting_at(row.integer("epoch", operation)?),
        layout: Layout::from_number(row.integer("layout", operation)?),
        stats: stats(row, operation)?,
    })
}

fn scope<R: StoredRow>(row: &R, operation: &'static str) -> Result<Scope> {
    match row.text("scope", operation)? {
        Some("task") => Ok(Scope::Task),
        Some("segment") => Ok(Scope::Segment(parsed(row, "member", operation)?)),
        Some("user") => Ok(Scope::User(parsed(row, "member", operation)?)),
        other => {
            let message = format!("{:?} is not known", other.unwrap_or_default());
            Err(unreadable(R::BACKEND, operation, "scope", message))
        }
    }
}

/// The sums of such a row.
pub(crate) fn stats<R: StoredRow>(row: &R, operation: &'static str) -> Result<Stats> {
    let part = |column| row.integer(column, operation);
    Ok(Stats {
        count: part("count")?,
        reward: Fixed::from_bits(part("reward")?),
        reward_sq: Fixed::from_bits(part("reward_sq")?),
        cost: NanoUsd::from_nanos(part("cost")?),
        turns: part("turns")?,
        tokens: part("tokens")?,
        latency_us: part("latency_us")?,
        failures: part("failures")?,
        loss: Fixed::from_bits(part("loss")?),
        packed: row.packed(operation)?,
    })
}

/// A row of helm_checkpoint_total.
pub(crate) fn left<R: StoredRow>(row: &R, operation: &'static str) -> Result<(StrategyId, Left)> {
    let count = |column| {
        let count = u64::try_from(row.integer(column, operation)?);
        count.map_err(|error| unreadable(R::BACKEND, operation, column, error))
    };
    let left = Left {
        decisions: count("decisions")?,
        contributed: count("contributed")?,
        feedback_count: count("feedback_count")?,
        feedback_sum: Fixed::from_bits(row.integer("feedback_sum", operation)?),
    };
    Ok((parsed(row, "strategy", operation)?, left))
}

/// A joined row of a settled decision, without its feedback.
pub(crate) fn settled<R: StoredRow>(row: &R, operation: &'static str) -> Result<SettledDecision> {
    for format in ["decision_format", "turn_format"] {
        check_format(row, format, operation)?;
    }
    Ok(SettledDecision {
        decision: json(row, "decision", operation)?,
        outcome: json_opt(row, "outcome", operation)?,
        feedback: Vec::new(),
        silence_ended: row.flag("silence_ended", operation)?,
        reward: json_opt(row, "reward", operation)?,
        contribution: body(row, "contribution", operation)?,
    })
}

/// A joined row of a turn that runs or has ended, without its feedback; `None` when there is neither a decision nor a
/// turn.
pub(crate) fn view<R: StoredRow>(
    row: &R,
    id: DecisionId,
    operation: &'static str,
) -> Result<Option<TurnView>> {
    check_formats(row, operation)?;
    let decision: Option<Decision> = json_opt(row, "decision", operation)?;
    let reward = json_opt(row, "reward", operation)?;
    let view = match (row.moment("began", operation)?, decision) {
        (Some(at), decision) => TurnView {
            id,
            user: parsed(row, "user_id", operation)?,
            task: parsed(row, "task", operation)?,
            conversation: parsed_opt(row, "conversation", operation)?,
            decision,
            input: owned(row, "input", operation)?,
            output: owned(row, "output", operation)?,
            outcome: json_opt(row, "outcome", operation)?,
            reward,
            feedback: Vec::new(),
            at,
        },
        (None, Some(decision)) => TurnView {
            id,
            user: decision.context.user.clone(),
            task: decision.context.task.clone(),
            conversation: decision.context.conversation.clone(),
            at: decision.at,
            decision: Some(decision),
            input: None,
            output: None,
            outcome: None,
            reward,
            feedback: Vec::new(),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(view))
}

/// A joined row of a turn that has ended as a flat one, without its feedback.
pub(super) fn row<R: StoredRow>(row: &R, tenant: &TenantId, operation: &'static str) -> Result<TurnRow> {
    check_formats(row, operation)?;
    Ok(TurnRow::from(Finished {
        tenant: tenant.clone(),
        id: row.id("id", operation)?,
        user: parsed(row, "user_id", operation)?,
        task: parsed(row, "task", operation)?,
        conversation: parsed_opt(row, "conversation", operation)?,
        decision: json_opt(row, "decision", operation)?,
        outcome: json(row, "outcome", operation)?,
        reward: unit_opt(row, "value", operation)?,
        stage: stage(row, operation)?,
        began: moment(row, "began", operation)?,
        input: owned(row, "input", operation)?,
        output: owned(row, "output", operation)?,
    }))
}

fn stage<R: StoredRow>(row: &R, operation: &'static str) -> Result<Option<RewardStage>> {
    let Some(stage) = row.text("stage", operation)? else { return Ok(None) };
    let read: Result<_, value::Error> = RewardStage::deserialize(stage.into_deserializer());
    read.map(Some).map_err(|error| unreadable(R::BACKEND, operation, "stage", error))
}

fn check_formats<R: StoredRow>(row: &R, operation: &'static str) -> Result<()> {
    let formats = ["decision_format", "turn_format", "reward_format"];
    formats.into_iter().try_for_each(|format| check_format(row, format, operation))
}

/// A turn old enough to leave the log.
pub(crate) struct Departing {
    pub(crate) id: DecisionId,
    /// Whether something depends on it.
    pub(crate) stays: bool,
    /// Task and strategy of its decision, and what that has contributed.
    pub(crate) decided: Option<(TaskId, StrategyId, Vec<StatsRow>)>,
}

/// A joined row of a turn old enough to leave the log.
pub(crate) fn departing<R: StoredRow>(row: &R, operation: &'static str) -> Result<Departing> {
    let contribution = || match row.text("contribution", operation)? {
        Some(_) => body(row, "contribution", operation),
        None => Ok(Vec::new()),
    };
    let decided =
        |strategy| Ok::<_, crate::Error>((parsed(row, "task", operation)?, strategy, contribution()?));
    Ok(Departing {
        id: row.id("id", operation)?,
        stays: row.flag("waiting", operation)? || row.flag("held", operation)?,
        decided: parsed_opt(row, "strategy", operation)?.map(decided).transpose()?,
    })
}

/// A joined row of what is logged of a user under one id.
pub(crate) fn traced<R: StoredRow>(row: &R, operation: &'static str) -> Result<Traced> {
    check_formats(row, operation)?;
    let contribution = json_opt(row, "contribution", operation)?;
    Ok(Traced {
        id: row.id("id", operation)?,
        decision: json_opt(row, "decision", operation)?,
        outcome: json_opt(row, "outcome", operation)?,
        contribution: contribution.unwrap_or_default(),
    })
}
