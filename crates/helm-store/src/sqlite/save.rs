//! What a group of writes leaves behind.

use helm_core::{ConversationId, IdempotencyKey, NanoUsd, TokenCount};

use super::decode::{FORMAT, integer, to_json};
use super::many::{Many, many};
use super::memories::{add_collection, put_memories};
use super::script::Script;
use super::shards::{Shards, Written};
use super::writes::write_preferences;
use super::{jobs, sums};
use crate::batch::{Changes, Key, NewDecision, NewEvidence, NewTurn, Settled, Working};
use crate::error::Result;

/// Writes everything; what it did to memories is noted for the shards.
pub(super) async fn save(
    script: &mut Script<'_>,
    working: &Working,
    changes: Changes,
    shards: &Shards,
) -> Result<Vec<Written>> {
    insert_decisions(script, &changes.decisions).await?;
    insert_turns(script, &changes.turns).await?;
    append_messages(script, &changes.turns).await?;
    for ((tenant, _), collection) in &changes.collections {
        add_collection(script, tenant, collection, "commit_turn")?;
    }
    let memories = changes.memories.iter().map(|((tenant, user, _), memory)| (tenant, user, memory));
    let written = put_memories(script, &memories.collect::<Vec<_>>(), shards).await?;
    let owned = changes.preferences.iter().filter_map(|owner| {
        let after = working.preferences.get(owner)?;
        Some((&owner.0, &owner.1, after))
    });
    write_preferences(script, &owned.collect::<Vec<_>>()).await?;
    jobs::begin(script, &changes.begun).await?;
    jobs::end(script, &changes.ended)?;
    jobs::forget(script, &changes.forgotten)?;
    let jobs: Vec<_> = changes.jobs.iter().map(|((tenant, _), job)| (tenant, job)).collect();
    jobs::add(script, &jobs).await?;
    insert_evidence(script, &changes.evidence).await?;
    let settled = changes.settled.iter().filter_map(|key| {
        let known = working.known.get(key)?;
        Some((key, known.decision.as_ref()?.context.task.as_str(), &known.settled))
    });
    keep(script, &settled.collect::<Vec<_>>()).await?;
    sums::add(script, &sums::STATS, &changes.stats).await?;
    Ok(written)
}

const DECISIONS: Many = many!(
    "INSERT OR FAIL INTO helm_decision (tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash,
         experiment, variant, at, format, body, conversation, draw) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ""
);

/// A decision that was taken to be new, and is not, is a conflict.
async fn insert_decisions(script: &mut Script<'_>, new: &[NewDecision]) -> Result<()> {
    const OPERATION: &str = "log_decision";
    let inserted = script.write(&DECISIONS, new, OPERATION, |query, new| {
        let decision = &*new.decision;
        let assignment = decision.assignment.as_ref();
        Ok(query
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
            .bind(decision.context.conversation.as_ref().map(ConversationId::as_str))
            .bind(new.draw))
    });
    inserted.await
}

const TURNS: Many = many!(
    "INSERT OR FAIL INTO helm_turn (tenant, id, user_id, task, conversation, status, input, output, latency_us,
         cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ""
);

async fn insert_turns(script: &mut Script<'_>, new: &[NewTurn]) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    let inserted = script.write(&TURNS, new, OPERATION, |query, new| {
        let (turn, outcome) = (&*new.turn, &new.turn.outcome);
        let tokens = |count: TokenCount| integer(count.get(), "number of tokens", OPERATION);
        Ok(query
            .bind(turn.tenant.as_str())
            .bind(turn.id.as_bytes().as_slice())
            .bind(turn.user.as_str())
            .bind(turn.task.as_str())
            .bind(turn.conversation.as_ref().map(ConversationId::as_str))
            .bind(outcome.status.as_str())
            .bind(&turn.input)
            .bind(&turn.output)
            .bind(integer(outcome.latency.as_micros(), "latency", OPERATION)?)
            .bind(outcome.cost.map(NanoUsd::nanos))
            .bind(tokens(outcome.usage.input)?)
            .bind(tokens(outcome.usage.output)?)
            .bind(FORMAT)
            .bind(to_json(outcome, OPERATION)?)
            .bind(new.digest.as_slice())
            .bind(turn.began.as_micros())
            .bind(outcome.at.as_micros()))
    });
    inserted.await
}

const MESSAGES: Many = many!(
    "INSERT OR FAIL INTO helm_message (tenant, user_id, conversation, turn, number, role, format, body, at) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ""
);

async fn append_messages(script: &mut Script<'_>, new: &[NewTurn]) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    let in_conversation = new.iter().filter_map(|new| Some((&*new.turn, new.turn.conversation.as_ref()?)));
    let rows: Vec<_> = in_conversation
        .flat_map(|(turn, name)| (0_i64..).zip(&turn.messages).map(move |said| (turn, name, said)))
        .collect();
    let appended = script.write(&MESSAGES, &rows, OPERATION, |query, (turn, name, (number, message))| {
        Ok(query
            .bind(turn.tenant.as_str())
            .bind(turn.user.as_str())
            .bind(name.as_str())
            .bind(turn.id.as_bytes().as_slice())
            .bind(*number)
            .bind(message.role.as_str())
            .bind(FORMAT)
            .bind(to_json(message, OPERATION)?)
            .bind(turn.outcome.at.as_micros()))
    });
    appended.await
}

const EVIDENCE: Many = many!(
    "INSERT OR FAIL INTO helm_evidence (tenant, decision, source, revision, task, strategy, value, key, at) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ""
);

async fn insert_evidence(script: &mut Script<'_>, new: &[NewEvidence]) -> Result<()> {
    let inserted = script.write(&EVIDENCE, new, "record_feedback", |query, new| {
        Ok(query
            .bind(new.tenant.as_str())
            .bind(new.feedback.decision.as_bytes().as_slice())
            .bind(new.feedback.source.as_str())
            .bind(new.revision)
            .bind(new.task.as_str())
            .bind(new.strategy.to_string())
            .bind(new.feedback.value.get())
            .bind(new.feedback.key.as_ref().map(IdempotencyKey::as_str))
            .bind(new.at.as_micros()))
    });
    inserted.await
}

const REWARDS: Many = many!(
    "INSERT INTO helm_reward (tenant, decision, task, value, stage, silence_ended, format, reward, contribution)
     VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT DO UPDATE SET value = excluded.value, stage = excluded.stage,
         silence_ended = excluded.silence_ended, format = excluded.format, reward = excluded.reward,
         contribution = excluded.contribution"
);

/// Keeps what decisions amount to.
async fn keep(script: &mut Script<'_>, rows: &[(&Key, &str, &Settled)]) -> Result<()> {
    const OPERATION: &str = "settle";
    let kept = script.write(&REWARDS, rows, OPERATION, |query, (key, task, settled)| {
        let reward = settled.reward.as_ref();
        Ok(query
            .bind(key.0.as_str())
            .bind(key.1.as_bytes().as_slice())
            .bind(*task)
            .bind(reward.map(|reward| reward.value.get()))
            .bind(reward.map(|reward| reward.stage.as_str()))
            .bind(settled.silence_ended)
            .bind(FORMAT)
            .bind(reward.map(|reward| to_json(reward, OPERATION)).transpose()?)
            .bind(to_json(&settled.contribution, OPERATION)?))
    });
    kept.await
}
