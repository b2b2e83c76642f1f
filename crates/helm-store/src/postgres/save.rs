//! What a group of writes leaves behind: a part of one statement for each table, its rows in the order of their keys.

use std::collections::{BTreeMap, BTreeSet};

use helm_core::{ConversationId, IdempotencyKey, Timestamp};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::columns::{Moment, uuid};
use super::decode::{FORMAT, integer, to_json};
use super::error::failure;
use super::load::Versions;
use super::together::{Part, Together};
use super::{sums, users, vectors};
use crate::batch::{Changes, Failure, Key, NewDecision, NewEvidence, NewTurn, Settled, Working};
use crate::error::Result;
use crate::job::NewJob;

/// Decisions as they were read, in the order of their ids: nobody else settles them now, changes or removes them.
const HOLD_DECISIONS: &str = "SELECT 1
    FROM unnest($1::text[], $2::uuid[], $3::text[]) WITH ORDINALITY k (tenant, id, version, n)
    JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id AND d.xmin = k.version::xid
    ORDER BY k.n FOR NO KEY UPDATE OF d";

/// Preferences as they were read. They are held before anything is written, as they are locked before anything is read.
const HOLD_PREFERENCES: &str = "SELECT 1
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY k (tenant, user_id, version, n)
    JOIN helm_preference p ON p.tenant = k.tenant AND p.user_id = k.user_id AND p.xmin = k.version::xid
    ORDER BY k.n FOR NO KEY UPDATE OF p";

/// Turns of decisions that are settled as if they had none.
const UNKNOWN_TURNS: &str = "SELECT 1 FROM unnest($1::text[], $2::uuid[]) k (tenant, id)
    JOIN helm_turn t ON t.tenant = k.tenant AND t.id = k.id";

/// Turns that are looked after until they end.
const BEGUN: &str = "INSERT INTO helm_open_turn (tenant, id, deadline)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) ON CONFLICT DO NOTHING";

/// One that is there already fails the statement, and with it all that goes along: there may be no transaction around.
const DECISIONS: &str = "INSERT INTO helm_decision (tenant, id, user_id, task, strategy, propensity, mode, policy,
        policy_hash, experiment, variant, conversation, draw, at, format, body)
    SELECT tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash, experiment, variant,
        conversation, draw, at, $16, body::jsonb
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::timestamptz[], $15::text[])
        k (tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash, experiment, variant,
            conversation, draw, at, body)";

/// Turns that are looked after no longer.
const ENDED: &str = "DELETE FROM helm_open_turn o USING unnest($1::text[], $2::uuid[]) k (tenant, id)
    WHERE o.tenant = k.tenant AND o.id = k.id";

const TURNS: &str = "INSERT INTO helm_turn (tenant, id, user_id, task, conversation, status, input, output,
        latency_us, cost_nano_usd, input_tokens, output_tokens, outcome, digest, began, ended, format)
    SELECT tenant, id, user_id, task, conversation, status, input, output, latency_us, cost_nano_usd,
        input_tokens, output_tokens, outcome::jsonb, digest, began, ended, $17
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::bytea[], $15::timestamptz[],
        $16::timestamptz[])
        k (tenant, id, user_id, task, conversation, status, input, output, latency_us, cost_nano_usd,
            input_tokens, output_tokens, outcome, digest, began, ended)
    ON CONFLICT DO NOTHING";

const MESSAGES: &str =
    "INSERT INTO helm_message (tenant, user_id, conversation, turn, number, role, body, at, format)
    SELECT tenant, user_id, conversation, turn, number, role, body::json, at, $9
    FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::text[],
        $8::timestamptz[]) k (tenant, user_id, conversation, turn, number, role, body, at)
    ON CONFLICT DO NOTHING";

const EVIDENCE: &str = "INSERT INTO helm_evidence (tenant, decision, source, revision, task, strategy, value, key, at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::float8[],
        $8::text[], $9::timestamptz[])
    ON CONFLICT DO NOTHING";

const FIRST_REWARDS: &str = "INSERT INTO helm_reward
        (tenant, decision, task, value, stage, silence_ended, reward, contribution, format)
    SELECT tenant, decision, task, value, stage, silence_ended, reward::jsonb, contribution::json, $9
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::float8[], $5::text[], $6::bool[], $7::text[], $8::text[])
        k (tenant, decision, task, value, stage, silence_ended, reward, contribution)
    ON CONFLICT DO NOTHING";

const REWARDS: &str = "UPDATE helm_reward r SET value = k.value, stage = k.stage, silence_ended = k.silence_ended,
        reward = k.reward::jsonb, contribution = k.contribution::json, format = $9
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::float8[], $5::text[], $6::bool[], $7::text[], $8::text[],
        $10::text[])
        k (tenant, decision, task, value, stage, silence_ended, reward, contribution, version)
    WHERE r.tenant = k.tenant AND r.decision = k.decision AND r.xmin = k.version::xid";

/// The locks are taken in the order of the keys before anything is removed.
const FORGET: &str = "DELETE FROM helm_job j USING (
        SELECT l.tenant, l.id FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (tenant, dedupe, n)
        JOIN helm_job l ON l.tenant = k.tenant AND l.dedupe = k.dedupe ORDER BY k.n FOR UPDATE OF l) f
    WHERE j.tenant = f.tenant AND j.id = f.id";

const ENQUEUE: &str = "INSERT INTO helm_job
        (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, dead)
    SELECT tenant, kind, dedupe, body::json, run_at, 0, max_attempts, 0, false
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
        k (tenant, kind, dedupe, body, run_at, max_attempts)
    ON CONFLICT (tenant, dedupe) DO NOTHING";

/// Writes everything, unless something of what was seen has changed; answers the transaction's id where that is the
/// version of all rows. It is one statement, which is a transaction by itself, unless jobs are removed before others of
/// the same keys are added.
pub(super) async fn save(
    connection: &mut PgConnection,
    working: &Working,
    seen: &Versions,
    changes: Changes,
) -> Result<Option<String>, Failure> {
    const OPERATION: &str = "commit";
    if changes.forgotten.is_empty() {
        return writes(working, seen, changes)?.run(connection).await.map(|done| Some(done.transaction));
    }
    // Within another transaction this is a part of it, whose rows have a version of their own.
    let mut transaction = connection.begin().await.map_err(|error| failure(OPERATION, error))?;
    forget(&mut transaction, &changes).await?;
    writes(working, seen, changes)?.run(&mut transaction).await?;
    transaction.commit().await.map_err(|error| failure(OPERATION, error))?;
    Ok(None)
}

/// All writes; learning state last, because its rows are those that others wait for.
fn writes(working: &Working, seen: &Versions, mut changes: Changes) -> Result<Together> {
    changes.decisions.sort_by_key(|new| (new.decision.context.tenant.clone(), new.decision.id));
    changes.turns.sort_by_key(|new| (new.turn.tenant.clone(), new.turn.id));
    let mut writes = Together::new("commit");
    hold(&mut writes, seen)?;
    no_turns(&mut writes, working, &changes)?;
    decisions(&mut writes, &changes.decisions, &changes.begun)?;
    turns(&mut writes, &changes.turns, &changes.ended)?;
    messages(&mut writes, &changes.turns)?;
    vectors::insert_collections(&mut writes, &changes.collections)?;
    vectors::put(&mut writes, &changes.memories, &working.collections)?;
    preferences(&mut writes, working, seen, &changes)?;
    let jobs: Vec<_> = changes.jobs.iter().map(|((tenant, _), job)| (tenant.as_str(), job)).collect();
    enqueue(&mut writes, &jobs)?;
    evidence(&mut writes, &changes.evidence)?;
    rewards(&mut writes, working, seen, &changes)?;
    let stats: Vec<_> = changes.stats.into_iter().filter(|(_, change)| !change.is_zero()).collect();
    sums::write(&mut writes, &stats)?;
    Ok(writes)
}

/// Holds what was seen and is only referred to.
fn hold(writes: &mut Together, seen: &Versions) -> Result<()> {
    let decisions: Vec<_> = seen.decisions.iter().collect();
    if !decisions.is_empty() {
        writes
            .hold(HOLD_DECISIONS, decisions.len())
            .bind(column(&decisions, |((tenant, _), _)| tenant.as_str()))?
            .bind(column(&decisions, |((_, id), _)| uuid(*id)))?
            .bind(column(&decisions, |(_, version)| &***version))?;
    }
    let preferences: Vec<_> = seen.preferences.iter().collect();
    if !preferences.is_empty() {
        writes
            .hold(HOLD_PREFERENCES, preferences.len())
            .bind(column(&preferences, |((tenant, _), _)| tenant.as_str()))?
            .bind(column(&preferences, |((_, user), _)| user.as_str()))?
            .bind(column(&preferences, |(_, (_, version))| &**version))?;
    }
    vectors::hold_collections(writes, &seen.collections)
}

/// What is settled as a decision without a turn has none: a turn may be there before its decision, and nobody has looked.
fn no_turns(writes: &mut Together, working: &Working, changes: &Changes) -> Result<()> {
    let without = |key: &&Key| working.known.get(*key).is_some_and(|known| known.turn.is_none());
    let keys: Vec<_> = changes.settled.iter().filter(without).collect();
    if keys.is_empty() {
        return Ok(());
    }
    writes
        .hold(UNKNOWN_TURNS, 0)
        .bind(column(&keys, |(tenant, _)| tenant.as_str()))?
        .bind(column(&keys, |(_, id)| uuid(*id)))
        .map(drop)
}

/// One column of some rows.
pub(super) fn column<'r, R, T>(rows: &'r [R], part: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(part).collect()
}

/// One column of some rows, as JSON.
fn written<'r, R, T: serde::Serialize + 'r>(
    rows: &'r [R],
    part: impl Fn(&'r R) -> &'r T,
    operation: &'static str,
) -> Result<Vec<String>> {
    rows.iter().map(|row| to_json(part(row), operation)).collect()
}

fn decisions(writes: &mut Together, new: &[NewDecision], begun: &BTreeMap<Key, Timestamp>) -> Result<()> {
    const OPERATION: &str = "log_decision";
    if new.is_empty() {
        return Ok(());
    }
    let assignment = |new: &'_ NewDecision| new.decision.assignment.clone();
    let begun: Vec<_> = begun.iter().collect();
    writes
        .write(BEGUN, None)
        .bind(column(&begun, |(key, _)| key.0.as_str()))?
        .bind(column(&begun, |(key, _)| uuid(key.1)))?
        .bind(column(&begun, |(_, deadline)| Moment(**deadline)))?;
    writes
        .write(DECISIONS, None)
        .bind(column(new, |new| new.decision.context.tenant.as_str()))?
        .bind(column(new, |new| uuid(new.decision.id)))?
        .bind(column(new, |new| new.decision.context.user.as_str()))?
        .bind(column(new, |new| new.decision.context.task.as_str()))?
        .bind(column(new, |new| new.decision.strategy.to_string()))?
        .bind(column(new, |new| new.decision.propensity.get()))?
        .bind(column(new, |new| new.decision.mode.as_str()))?
        .bind(column(new, |new| new.decision.policy.as_str()))?
        .bind(column(new, |new| new.decision.policy_hash.as_str()))?
        .bind(column(new, |new| assignment(new).map(|assignment| assignment.experiment.to_string())))?
        .bind(column(new, |new| assignment(new).map(|assignment| assignment.variant.to_string())))?
        .bind(column(new, |new| new.decision.context.conversation.as_ref().map(ConversationId::as_str)))?
        .bind(column(new, |new| new.draw))?
        .bind(column(new, |new| Moment(new.decision.at)))?
        .bind(written(new, |new| &*new.decision, OPERATION)?)?
        .bind(FORMAT)?;
    Ok(())
}

/// Where one that is looked after has just become a job, what was loaded is out of date.
fn turns(writes: &mut Together, new: &[NewTurn], ended: &BTreeSet<Key>) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    if new.is_empty() {
        return Ok(());
    }
    let latencies = new.iter().map(|new| integer(new.turn.outcome.latency.as_micros(), "latency", OPERATION));
    let tokens = |part: fn(&helm_core::Usage) -> helm_core::TokenCount| {
        let counts = new.iter().map(|new| part(&new.turn.outcome.usage).get());
        counts.map(|count| integer(count, "number of tokens", OPERATION)).collect::<Result<Vec<_>>>()
    };
    let ended: Vec<_> = ended.iter().collect();
    writes
        .write(ENDED, Some(ended.len()))
        .bind(column(&ended, |(tenant, _)| tenant.as_str()))?
        .bind(column(&ended, |(_, id)| uuid(*id)))?;
    writes
        .write(TURNS, Some(new.len()))
        .bind(column(new, |new| new.turn.tenant.as_str()))?
        .bind(column(new, |new| uuid(new.turn.id)))?
        .bind(column(new, |new| new.turn.user.as_str()))?
        .bind(column(new, |new| new.turn.task.as_str()))?
        .bind(column(new, |new| new.turn.conversation.as_ref().map(ConversationId::as_str)))?
        .bind(column(new, |new| new.turn.outcome.status.as_str()))?
        .bind(column(new, |new| new.turn.input.as_str()))?
        .bind(column(new, |new| new.turn.output.as_deref()))?
        .bind(latencies.collect::<Result<Vec<_>>>()?)?
        .bind(column(new, |new| new.turn.outcome.cost.map(helm_core::NanoUsd::nanos)))?
        .bind(tokens(|usage| usage.input)?)?
        .bind(tokens(|usage| usage.output)?)?
        .bind(written(new, |new| &new.turn.outcome, OPERATION)?)?
        .bind(column(new, |new| new.digest.as_slice()))?
        .bind(column(new, |new| Moment(new.turn.began)))?
        .bind(column(new, |new| Moment(new.turn.outcome.at)))?
        .bind(FORMAT)?;
    Ok(())
}

fn messages(writes: &mut Together, new: &[NewTurn]) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    let in_conversation = new.iter().filter_map(|new| Some((&*new.turn, new.turn.conversation.as_ref()?)));
    let rows: Vec<_> = in_conversation
        .flat_map(|(turn, name)| (0_i64..).zip(&turn.messages).map(move |said| (turn, name, said)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    writes
        .write(MESSAGES, None)
        .bind(column(&rows, |(turn, ..)| turn.tenant.as_str()))?
        .bind(column(&rows, |(turn, ..)| turn.user.as_str()))?
        .bind(column(&rows, |(_, name, _)| name.as_str()))?
        .bind(column(&rows, |(turn, ..)| uuid(turn.id)))?
        .bind(column(&rows, |(.., (number, _))| *number))?
        .bind(column(&rows, |(.., (_, message))| message.role.as_str()))?
        .bind(written(&rows, |(.., (_, message))| *message, OPERATION)?)?
        .bind(column(&rows, |(turn, ..)| Moment(turn.outcome.at)))?
        .bind(FORMAT)?;
    Ok(())
}

fn evidence(writes: &mut Together, new: &[NewEvidence]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut new: Vec<_> = new.iter().collect();
    // Those of one decision are under its lock; keys are what two processes may both bring.
    new.sort_by_key(|new| (&new.tenant, &new.feedback.key));
    writes
        .write(EVIDENCE, Some(new.len()))
        .bind(column(&new, |new| new.tenant.as_str()))?
        .bind(column(&new, |new| uuid(new.feedback.decision)))?
        .bind(column(&new, |new| new.feedback.source.as_str()))?
        .bind(column(&new, |new| new.revision))?
        .bind(column(&new, |new| new.task.as_str()))?
        .bind(column(&new, |new| new.strategy.to_string()))?
        .bind(column(&new, |new| new.feedback.value.get()))?
        .bind(column(&new, |new| new.feedback.key.as_ref().map(IdempotencyKey::as_str)))?
        .bind(column(&new, |new| Moment(new.at)))?;
    Ok(())
}

fn preferences(writes: &mut Together, working: &Working, seen: &Versions, changes: &Changes) -> Result<()> {
    let (mut begun, mut changed, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for owner in &changes.preferences {
        let Some(after) = working.preferences.get(owner) else { continue };
        match seen.preferences.get(owner) {
            None => begun.push((owner, after)),
            Some((revision, _)) => {
                changed.push((owner, after));
                before.push(*revision);
            }
        }
    }
    users::begin(writes, &begun)?;
    users::put(writes, &changed, &before)
}

/// A decision's task, and what it amounts to.
type RewardRow<'r> = (&'r Key, &'r str, &'r Settled);

fn rewards(writes: &mut Together, working: &Working, seen: &Versions, changes: &Changes) -> Result<()> {
    let (mut first, mut later, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    for key in &changes.settled {
        let Some(known) = working.known.get(key) else { continue };
        let Some(decision) = &known.decision else { continue };
        let row: RewardRow<'_> = (key, decision.context.task.as_str(), &known.settled);
        match seen.rewards.get(key) {
            None => first.push(row),
            Some(version) => {
                later.push(row);
                versions.push(&**version);
            }
        }
    }
    if !first.is_empty() {
        bind_rewards(writes.write(FIRST_REWARDS, Some(first.len())), &first)?;
    }
    if !later.is_empty() {
        bind_rewards(writes.write(REWARDS, Some(later.len())), &later)?.bind(versions)?;
    }
    Ok(())
}

fn bind_rewards<'t>(write: Part<'t>, rows: &[RewardRow<'_>]) -> Result<Part<'t>> {
    const OPERATION: &str = "settle";
    let rewards = rows.iter().map(|(.., settled)| settled.reward.as_ref());
    let bodies = rewards.map(|reward| reward.map(|reward| to_json(reward, OPERATION)).transpose());
    write
        .bind(column(rows, |(key, ..)| key.0.as_str()))?
        .bind(column(rows, |(key, ..)| uuid(key.1)))?
        .bind(column(rows, |(_, task, _)| *task))?
        .bind(column(rows, |(.., settled)| settled.reward.as_ref().map(|reward| reward.value.get())))?
        .bind(column(rows, |(.., settled)| settled.reward.as_ref().map(|reward| reward.stage.as_str())))?
        .bind(column(rows, |(.., settled)| settled.silence_ended))?
        .bind(bodies.collect::<Result<Vec<_>>>()?)?
        .bind(written(rows, |(.., settled)| &settled.contribution, OPERATION)?)?
        .bind(FORMAT)
}

async fn forget(connection: &mut PgConnection, changes: &Changes) -> Result<(), Failure> {
    let keys: Vec<_> = changes.forgotten.iter().collect();
    let done = sqlx::query(FORGET)
        .bind(column(&keys, |(tenant, _)| tenant.as_str()))
        .bind(column(&keys, |(_, dedupe)| dedupe.as_str()));
    done.execute(connection).await.map(drop).map_err(|error| failure("commit_turn", error))
}

/// Adds jobs in this order.
pub(super) fn enqueue(writes: &mut Together, jobs: &[(&str, &NewJob)]) -> Result<()> {
    const OPERATION: &str = "enqueue";
    if jobs.is_empty() {
        return Ok(());
    }
    writes
        .write(ENQUEUE, None)
        .bind(column(jobs, |(tenant, _)| *tenant))?
        .bind(column(jobs, |(_, job)| job.kind.as_str()))?
        .bind(column(jobs, |(_, job)| job.dedupe.as_str()))?
        .bind(written(jobs, |(_, job)| &job.body, OPERATION)?)?
        .bind(column(jobs, |(_, job)| Moment(job.run_at)))?
        .bind(column(jobs, |(_, job)| i64::from(job.max_attempts)))?;
    Ok(())
}
