use std::sync::Arc;

use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{FORMAT, body, decision_id, get, integer, natural, to_json};
use super::error::{driver, unwritable};
use super::memories::{Noted, put_memories};
use super::settle::{reward, settle};
use super::shards::Shards;
use super::{BACKEND, jobs};
use crate::bandit::PriorDocument;
use crate::changes::apply_preferences;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{turn_deadline, turn_deadline_key};
use crate::preference::{PreferenceChange, Preferences};
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::Settle;

pub(super) async fn log_decision(
    connection: &mut SqliteConnection,
    decision: &Decision,
    deadline: Timestamp,
) -> Result<Applied> {
    const OPERATION: &str = "log_decision";
    let assignment = decision.assignment.as_ref();
    let text = to_json(decision, OPERATION)?;
    let inserted = sqlx::query(
        "INSERT INTO helm_decision (tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash,
             experiment, variant, at, format, body, conversation, draw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             CASE ?7 WHEN 'sampled' THEN COALESCE((SELECT earlier.draw + 1 FROM helm_decision earlier
                 WHERE earlier.tenant = ?1 AND earlier.id = ?16 AND earlier.user_id = ?3 AND earlier.task = ?4), 0)
             END) ON CONFLICT DO NOTHING",
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
    .bind(text)
    .bind(decision.context.conversation.as_ref().map(helm_core::ConversationId::as_str))
    .bind(decision.drawn_by.as_ref().map(|earlier| earlier.as_bytes().as_slice()))
    .execute(&mut *connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    if inserted.rows_affected() == 1 {
        let unfinished = turn_deadline(decision.id, deadline);
        jobs::enqueue(connection, &decision.context.tenant, &[unfinished]).await?;
        return Ok(Applied::Fresh);
    }
    match stored_decision(connection, &decision.context.tenant, decision.id, OPERATION).await? {
        Some(stored) if stored == *decision => Ok(Applied::Duplicate),
        _ => {
            let message = format!("another decision has the id {}", decision.id);
            Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message))
        }
    }
}

/// Writes something that nobody reads, to see that writing works.
pub(super) async fn beat(connection: &mut SqliteConnection) -> Result<()> {
    let beaten = sqlx::query(
        "INSERT INTO helm_health (id, beats) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET beats = beats + 1",
    );
    beaten.execute(connection).await.map(drop).map_err(|error| driver("health", error))
}

async fn stored_decision(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
    operation: &'static str,
) -> Result<Option<Decision>> {
    let row = sqlx::query("SELECT body, format FROM helm_decision WHERE tenant = ? AND id = ?")
        .bind(tenant.as_str())
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(|error| driver(operation, error))?;
    row.map(|row| body(&row, "body", operation)).transpose()
}

async fn known_decision(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
    operation: &'static str,
) -> Result<Decision> {
    let stored = stored_decision(connection, tenant, id, operation).await?;
    stored.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, BACKEND, operation, format!("there is no decision {id}"))
    })
}

pub(super) async fn commit_turn(
    connection: &mut SqliteConnection,
    turn: &TurnRecord,
    settler: &Arc<dyn Settle>,
    shards: &Shards,
) -> Result<Noted<TurnReceipt>> {
    const OPERATION: &str = "commit_turn";
    let digest = turn.digest().map_err(|error| unwritable(OPERATION, error))?;
    if !insert_turn(connection, turn, &digest, OPERATION).await? {
        check_same(connection, turn, &digest, OPERATION).await?;
        let reward = reward(connection, &turn.tenant, turn.id).await?;
        return Ok((TurnReceipt { applied: Applied::Duplicate, reward }, Vec::new()));
    }
    if !turn.preferences.is_empty() {
        change_preferences(connection, &turn.tenant, &turn.user, &turn.preferences, None).await?;
    }
    append_messages(connection, turn, OPERATION).await?;
    let written = put_memories(connection, &turn.tenant, &turn.user, &turn.memories, shards).await?;
    jobs::enqueue(connection, &turn.tenant, &turn.jobs).await?;
    jobs::forget(connection, &turn.tenant, &turn_deadline_key(turn.id)).await?;
    let decision = stored_decision(connection, &turn.tenant, turn.id, OPERATION).await?;
    if let Some(decision) = &decision {
        turn.check_against(BACKEND, decision)?;
    }
    let reward = match decision {
        Some(decision) => settle(connection, &decision, false, settler).await?,
        None => None,
    };
    Ok((TurnReceipt { applied: Applied::Fresh, reward }, written))
}

async fn insert_turn(
    connection: &mut SqliteConnection,
    turn: &TurnRecord,
    digest: &[u8],
    operation: &'static str,
) -> Result<bool> {
    let outcome = &turn.outcome;
    let latency = integer(outcome.latency.as_micros(), "latency", operation)?;
    let tokens = |count: helm_core::TokenCount| integer(count.get(), "number of tokens", operation);
    let inserted = sqlx::query(
        "INSERT INTO helm_turn (tenant, id, user_id, task, conversation, status, input, output, latency_us,
             cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
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
    .bind(to_json(outcome, operation)?)
    .bind(digest)
    .bind(turn.began.as_micros())
    .bind(outcome.at.as_micros())
    .execute(connection)
    .await
    .map_err(|error| driver(operation, error))?;
    Ok(inserted.rows_affected() == 1)
}

/// Refuses a turn whose id is taken by other content.
async fn check_same(
    connection: &mut SqliteConnection,
    turn: &TurnRecord,
    digest: &[u8],
    operation: &'static str,
) -> Result<()> {
    let row = sqlx::query("SELECT digest FROM helm_turn WHERE tenant = ? AND id = ?")
        .bind(turn.tenant.as_str())
        .bind(turn.id.as_bytes().as_slice())
        .fetch_one(connection)
        .await
        .map_err(|error| driver(operation, error))?;
    let stored: &[u8] = get(&row, "digest", operation)?;
    match stored == digest {
        true => Ok(()),
        false => Err(turn.conflict(BACKEND)),
    }
}

async fn append_messages(
    connection: &mut SqliteConnection,
    turn: &TurnRecord,
    operation: &'static str,
) -> Result<()> {
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
        .bind(integer(number, "message's number", operation)?)
        .bind(message.role.as_str())
        .bind(FORMAT)
        .bind(to_json(message, operation)?)
        .bind(turn.outcome.at.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(|error| driver(operation, error))?;
    }
    Ok(())
}

pub(super) async fn record_feedback(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    feedback: &Feedback,
    at: Timestamp,
    settler: &Arc<dyn Settle>,
) -> Result<FeedbackReceipt> {
    const OPERATION: &str = "record_feedback";
    let decision = known_decision(connection, tenant, feedback.decision, OPERATION).await?;
    let task: TaskId = decision.context.task.clone();
    if used_before(connection, tenant, feedback, OPERATION).await? {
        let reward = reward(connection, tenant, feedback.decision).await?;
        return Ok(FeedbackReceipt { applied: Applied::Duplicate, task, reward });
    }
    let current = current(connection, tenant, feedback, OPERATION).await?;
    // A repetition is no new judgement, so it keeps the moment of the first.
    let (applied, revision, at) = match current {
        None => (Applied::Fresh, 1, at),
        Some(said) if said.value.to_bits() == feedback.value.get().to_bits() => {
            (Applied::Duplicate, said.revision + 1, said.at)
        }
        Some(said) => (Applied::Corrected, said.revision + 1, at),
    };
    // A repetition is written only to remember its key.
    if applied != Applied::Duplicate || feedback.key.is_some() {
        insert_evidence(connection, &decision, feedback, revision, at).await?;
    }
    let reward = match applied {
        Applied::Duplicate => reward(connection, tenant, feedback.decision).await?,
        _ => settle(connection, &decision, false, settler).await?,
    };
    Ok(FeedbackReceipt { applied, task, reward })
}

/// Whether this very feedback was recorded under its key; other content under the key is a conflict.
async fn used_before(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    feedback: &Feedback,
    operation: &'static str,
) -> Result<bool> {
    let Some(key) = &feedback.key else {
        return Ok(false);
    };
    let row = sqlx::query("SELECT decision, source, value FROM helm_evidence WHERE tenant = ? AND key = ?");
    let row = row.bind(tenant.as_str()).bind(key.as_str()).fetch_optional(connection).await;
    let Some(row) = row.map_err(|error| driver(operation, error))? else {
        return Ok(false);
    };
    let (source, value): (String, f64) = (get(&row, "source", operation)?, get(&row, "value", operation)?);
    let same = decision_id(&row, "decision", operation)? == feedback.decision
        && source == feedback.source.as_str()
        && value.to_bits() == feedback.value.get().to_bits();
    if same {
        return Ok(true);
    }
    let message = "the idempotency key was used with other content; use a new one";
    Err(Error::new(ErrorKind::Conflict, BACKEND, operation, message))
}

/// A source's current judgement.
struct Said {
    value: f64,
    revision: i64,
    at: Timestamp,
}

async fn current(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    feedback: &Feedback,
    operation: &'static str,
) -> Result<Option<Said>> {
    let row = sqlx::query(
        "SELECT value, revision, at FROM helm_evidence WHERE tenant = ? AND decision = ? AND source = ?
         ORDER BY revision DESC LIMIT 1",
    )
    .bind(tenant.as_str())
    .bind(feedback.decision.as_bytes().as_slice())
    .bind(feedback.source.as_str())
    .fetch_optional(connection)
    .await
    .map_err(|error| driver(operation, error))?;
    let said = |row: SqliteRow| {
        Ok(Said {
            value: get(&row, "value", operation)?,
            revision: get(&row, "revision", operation)?,
            at: Timestamp::from_micros(get(&row, "at", operation)?),
        })
    };
    row.map(said).transpose()
}

async fn insert_evidence(
    connection: &mut SqliteConnection,
    decision: &Decision,
    feedback: &Feedback,
    revision: i64,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO helm_evidence (tenant, decision, source, revision, task, strategy, value, key, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(decision.context.tenant.as_str())
    .bind(feedback.decision.as_bytes().as_slice())
    .bind(feedback.source.as_str())
    .bind(revision)
    .bind(decision.context.task.as_str())
    .bind(decision.strategy.to_string())
    .bind(feedback.value.get())
    .bind(feedback.key.as_ref().map(helm_core::IdempotencyKey::as_str))
    .bind(at.as_micros())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver("record_feedback", error))
}

pub(super) async fn end_silence(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
    settler: &Arc<dyn Settle>,
) -> Result<Option<Reward>> {
    let decision = known_decision(connection, tenant, id, "end_silence").await?;
    settle(connection, &decision, true, settler).await
}

pub(super) async fn resettle(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
    settler: &Arc<dyn Settle>,
) -> Result<Option<Reward>> {
    let decision = known_decision(connection, tenant, id, "resettle").await?;
    settle(connection, &decision, false, settler).await
}

pub(super) async fn change_preferences(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    changes: &[PreferenceChange],
    expect: Option<u64>,
) -> Result<Preferences> {
    const OPERATION: &str = "apply_preferences";
    let row =
        sqlx::query("SELECT revision, format, body FROM helm_preference WHERE tenant = ? AND user_id = ?");
    let row = row.bind(tenant.as_str()).bind(user.as_str()).fetch_optional(&mut *connection).await;
    let row = row.map_err(|error| driver(OPERATION, error))?;
    let before = row.map_or(Ok(Preferences::default()), |row| preferences(&row, OPERATION))?;
    if expect.is_some_and(|expected| expected != before.revision) {
        let message = format!("the preferences are at revision {}; read them again", before.revision);
        return Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message));
    }
    let after = apply_preferences(BACKEND, &before, changes)?;
    sqlx::query(
        "INSERT INTO helm_preference (tenant, user_id, revision, format, body) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body",
    )
    .bind(tenant.as_str())
    .bind(user.as_str())
    .bind(integer(after.revision, "revision", OPERATION)?)
    .bind(FORMAT)
    .bind(to_json(&after.values, OPERATION)?)
    .execute(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    Ok(after)
}

/// A row of helm_preference.
pub(super) fn preferences(row: &SqliteRow, operation: &'static str) -> Result<Preferences> {
    let revision: i64 = get(row, "revision", operation)?;
    let revision = natural(revision, "revision", operation)?;
    Ok(Preferences { revision, values: body(row, "body", operation)? })
}

pub(super) async fn put_prior(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    prior: &PriorDocument,
) -> Result<bool> {
    const OPERATION: &str = "put_prior";
    let revision = integer(prior.revision, "revision", OPERATION)?;
    let put = sqlx::query(
        "INSERT INTO helm_prior (tenant, task, policy_hash, revision, format, body)
         SELECT ?1, ?2, ?5, ?3, ?6, ?4 WHERE ?3 = 1 OR EXISTS (
             SELECT 1 FROM helm_prior WHERE tenant = ?1 AND task = ?2 AND policy_hash = ?5)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body
             WHERE helm_prior.revision = excluded.revision - 1",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(revision)
    .bind(to_json(&prior.body, OPERATION)?)
    .bind(prior.policy.as_str())
    .bind(FORMAT)
    .execute(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    Ok(put.rows_affected() == 1)
}
