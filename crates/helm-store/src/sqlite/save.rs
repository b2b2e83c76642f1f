//! What a group of writes leaves behind.

use helm_core::{IdempotencyKey, Stats, TaskId, TenantId};
use sqlx::sqlite::SqliteConnection;

use super::BACKEND;
use super::decode::{FORMAT, integer, pack, scope_columns, stats, to_json};
use super::error::driver;
use super::jobs;
use super::writes::{put_memory, write_preferences};
use crate::batch::{Changes, Failure, Key, NewDecision, NewEvidence, NewTurn, Working};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{Place, fold};

/// Writes everything.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    working: &Working,
    changes: Changes,
) -> Result<(), Failure> {
    for new in &changes.decisions {
        insert_decision(connection, new).await?;
    }
    for new in &changes.turns {
        insert_turn(connection, new).await?;
        append_messages(connection, new).await?;
    }
    for ((tenant, user, _), memory) in &changes.memories {
        put_memory(connection, tenant, user, memory).await?;
    }
    for owner in &changes.preferences {
        if let Some(after) = working.preferences.get(owner) {
            write_preferences(connection, &owner.0, &owner.1, after).await?;
        }
    }
    for (tenant, dedupe) in &changes.forgotten {
        jobs::forget(connection, tenant, dedupe).await?;
    }
    for ((tenant, _), job) in &changes.jobs {
        jobs::enqueue(connection, tenant, std::slice::from_ref(job)).await?;
    }
    for new in &changes.evidence {
        insert_evidence(connection, new).await?;
    }
    for key in &changes.settled {
        keep(connection, working, key).await?;
    }
    for ((tenant, task, place), change) in &changes.stats {
        add(connection, tenant, task, place, change).await?;
    }
    Ok(())
}

async fn insert_decision(connection: &mut SqliteConnection, new: &NewDecision) -> Result<(), Failure> {
    const OPERATION: &str = "log_decision";
    let decision = &*new.decision;
    let assignment = decision.assignment.as_ref();
    let inserted = sqlx::query(
        "INSERT INTO helm_decision (tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash,
             experiment, variant, at, format, body, conversation, draw)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(decision.context.tenant.as_str())
    .bind(decision.id.as_bytes().as_slice())
    .bind(decision.context.user.as_str())
    .bind(decision.context.task.as_str())
    .bind(decision.strategy.to_string())
    .bind(decision.propensity.get())
    .bind(decision.mode.as_str())
    .bind(decision.policy.as_str())
    .bind(decision.policy_hash.as_str())
    .bind(assignment.map(|assignment| assignment.experiment.as_str()))
    .bind(assignment.map(|assignment| assignment.variant.as_str()))
    .bind(decision.at.as_micros())
    .bind(FORMAT)
    .bind(to_json(decision, OPERATION)?)
    .bind(decision.context.conversation.as_ref().map(helm_core::ConversationId::as_str))
    .bind(new.draw)
    .execute(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    // It was taken to be new, and is not.
    let message = format!("the decision {} is stored already", decision.id);
    Err(Failure::Again(Error::new(ErrorKind::Unavailable, BACKEND, OPERATION, message)))
}

async fn insert_turn(connection: &mut SqliteConnection, new: &NewTurn) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    let (turn, outcome) = (&*new.turn, &new.turn.outcome);
    let latency = integer(outcome.latency.as_micros(), "latency", OPERATION)?;
    let tokens = |count: helm_core::TokenCount| integer(count.get(), "number of tokens", OPERATION);
    sqlx::query(
        "INSERT INTO helm_turn (tenant, id, user_id, task, conversation, status, input, output, latency_us,
             cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(turn.tenant.as_str())
    .bind(turn.id.as_bytes().as_slice())
    .bind(turn.user.as_str())
    .bind(turn.task.as_str())
    .bind(turn.conversation.as_ref().map(helm_core::ConversationId::as_str))
    .bind(outcome.status.as_str())
    .bind(&turn.input)
    .bind(&turn.output)
    .bind(latency)
    .bind(outcome.cost.map(helm_core::NanoUsd::nanos))
    .bind(tokens(outcome.usage.input)?)
    .bind(tokens(outcome.usage.output)?)
    .bind(FORMAT)
    .bind(to_json(outcome, OPERATION)?)
    .bind(new.digest.as_slice())
    .bind(turn.began.as_micros())
    .bind(outcome.at.as_micros())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

async fn append_messages(connection: &mut SqliteConnection, new: &NewTurn) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    let turn = &*new.turn;
    let Some(conversation) = &turn.conversation else {
        return Ok(());
    };
    for (number, message) in turn.messages.iter().enumerate() {
        sqlx::query(
            "INSERT INTO helm_message (tenant, user_id, conversation, turn, number, role, format, body, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(turn.tenant.as_str())
        .bind(turn.user.as_str())
        .bind(conversation.as_str())
        .bind(turn.id.as_bytes().as_slice())
        .bind(integer(number, "message's number", OPERATION)?)
        .bind(message.role.as_str())
        .bind(FORMAT)
        .bind(to_json(message, OPERATION)?)
        .bind(turn.outcome.at.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    }
    Ok(())
}

async fn insert_evidence(connection: &mut SqliteConnection, new: &NewEvidence) -> Result<()> {
    sqlx::query(
        "INSERT INTO helm_evidence (tenant, decision, source, revision, task, strategy, value, key, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.tenant.as_str())
    .bind(new.feedback.decision.as_bytes().as_slice())
    .bind(new.feedback.source.as_str())
    .bind(new.revision)
    .bind(new.task.as_str())
    .bind(new.strategy.to_string())
    .bind(new.feedback.value.get())
    .bind(new.feedback.key.as_ref().map(IdempotencyKey::as_str))
    .bind(new.at.as_micros())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver("record_feedback", error))
}

/// Keeps what a decision amounts to.
async fn keep(connection: &mut SqliteConnection, working: &Working, key: &Key) -> Result<()> {
    const OPERATION: &str = "settle";
    let known = working.known.get(key).and_then(|known| Some((known.decision.as_ref()?, &known.settled)));
    let Some((decision, settled)) = known else { return Ok(()) };
    let reward = settled.reward.as_ref();
    sqlx::query(
        "INSERT INTO helm_reward (tenant, decision, task, value, stage, silence_ended, format, reward, contribution)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET value = excluded.value, stage = excluded.stage,
             silence_ended = excluded.silence_ended, format = excluded.format, reward = excluded.reward,
             contribution = excluded.contribution",
    )
    .bind(key.0.as_str())
    .bind(key.1.as_bytes().as_slice())
    .bind(decision.context.task.as_str())
    .bind(reward.map(|reward| reward.value.get()))
    .bind(reward.map(|reward| reward.stage.as_str()))
    .bind(settled.silence_ended)
    .bind(FORMAT)
    .bind(reward.map(|reward| to_json(reward, OPERATION)).transpose()?)
    .bind(to_json(&settled.contribution, OPERATION)?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

/// Adds to one row of statistics with checked arithmetic; there is only one writer, so nothing is lost.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    place: &Place,
    change: &Stats,
) -> Result<()> {
    const OPERATION: &str = "settle";
    if change.is_zero() {
        return Ok(());
    }
    let ((scope, member), strategy) = (scope_columns(&place.0, OPERATION)?, place.1.to_string());
    let (epoch, layout) = (place.2.start(), place.3.number());
    let stored = sqlx::query(
        "SELECT count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed FROM helm_stats
         WHERE tenant = ? AND task = ? AND scope = ? AND member = ? AND strategy = ? AND epoch = ? AND layout = ?",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(scope)
    .bind(member)
    .bind(&strategy)
    .bind(epoch)
    .bind(layout)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    let state = stored.map_or(Ok(Stats::default()), |row| stats(&row, OPERATION))?;
    let sum = fold(BACKEND, &state, change)?;
    sqlx::query(
        "INSERT INTO helm_stats
             (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
              latency_us, failures, loss, packed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = excluded.count, reward = excluded.reward,
             reward_sq = excluded.reward_sq, turns = excluded.turns, cost = excluded.cost, tokens = excluded.tokens,
             latency_us = excluded.latency_us, failures = excluded.failures, loss = excluded.loss, packed = excluded.packed",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(scope)
    .bind(member)
    .bind(strategy)
    .bind(epoch)
    .bind(layout)
    .bind(sum.count)
    .bind(sum.reward.to_bits())
    .bind(sum.reward_sq.to_bits())
    .bind(sum.turns)
    .bind(sum.cost.nanos())
    .bind(sum.tokens)
    .bind(sum.latency_us)
    .bind(sum.failures)
    .bind(sum.loss.to_bits())
    .bind(pack(&sum.packed))
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}
