//! Old turns leave the log, in batches among the other writes.

use helm_core::TenantId;
use sqlx::sqlite::SqliteConnection;

use super::checkpoint::keep;
use super::decode::{decision_id, moment, to_json};
use super::error::driver;
use super::rows::feedback;
use super::store::SqliteStore;
use super::{BACKEND, FREE};
use crate::batch::size;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::log::Cursor;
use crate::retention::{Retained, Retention};
use crate::stored::{Departing, departing};

const OPERATION: &str = "retain";

/// A page of old turns and whether each must stay: a job waits that names it, or it is the draw that its user, or
/// its conversation, keeps to in a task that is not fleeting.
const OLD: &str = "SELECT t.id, t.began, d.task, d.strategy, r.contribution, r.format,
        t.id IN (SELECT unhex(body ->> '$.decision', '-') FROM helm_job
            WHERE tenant = ?1 AND dead = 0 AND json_valid(body)) IS TRUE AS waiting,
        (d.draw IS NOT NULL AND d.task NOT IN (SELECT value FROM json_each(?6)) AND (
            d.id = (SELECT h.id FROM helm_decision h INDEXED BY helm_decision_by_draw
                WHERE h.tenant = d.tenant AND h.user_id = d.user_id AND h.task = d.task AND h.draw IS NOT NULL
                ORDER BY h.draw DESC, h.id LIMIT 1)
            OR d.id = (SELECT h.id FROM helm_decision h INDEXED BY helm_decision_by_conversation
                WHERE h.tenant = d.tenant AND h.user_id = d.user_id AND h.task = d.task
                    AND h.conversation = d.conversation AND h.draw IS NOT NULL
                ORDER BY h.draw DESC, h.id LIMIT 1))) IS TRUE AS held
    FROM helm_turn t INDEXED BY helm_turn_by_time
    LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
    LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id
    WHERE t.tenant = ?1 AND (t.began, t.id) > (?2, ?3) AND t.began < ?4 ORDER BY t.began, t.id LIMIT ?5";

/// Messages, first, while their turns can be asked for their conversations. Ids come as a JSON list of UUIDs.
macro_rules! messages {
    ($verb:literal) => {
        concat!(
            $verb,
            " FROM helm_message WHERE rowid IN (SELECT m.rowid FROM json_each(?2) k
                 CROSS JOIN helm_turn t ON t.tenant = ?1 AND t.id = unhex(k.value, '-')
                 CROSS JOIN helm_message m ON m.tenant = t.tenant AND m.user_id = t.user_id
                     AND m.conversation = t.conversation AND m.turn = t.id)"
        )
    };
}

/// What of a table belongs to some decisions.
macro_rules! of_decisions {
    ($verb:literal, $table:literal, $column:literal) => {
        concat!(
            $verb,
            " FROM ",
            $table,
            " WHERE tenant = ?1 AND ",
            $column,
            " IN (SELECT unhex(value, '-') FROM json_each(?2))"
        )
    };
}

/// What is removed, in this order, and the statement that only counts it.
const MESSAGES: [&str; 2] = [messages!("DELETE"), messages!("SELECT COUNT(*)")];
const EVIDENCE: [&str; 2] = [
    of_decisions!("DELETE", "helm_evidence", "decision"),
    of_decisions!("SELECT COUNT(*)", "helm_evidence", "decision"),
];
const REST: [&str; 4] = [
    of_decisions!("DELETE", "helm_summary", "turn"),
    of_decisions!("DELETE", "helm_reward", "decision"),
    of_decisions!("DELETE", "helm_decision", "id"),
    of_decisions!("DELETE", "helm_turn", "id"),
];

/// Removes old turns, then gives the room they took back to the file system, a piece at a time.
pub(super) async fn retain(
    store: &SqliteStore,
    tenant: &TenantId,
    retention: &Retention,
    progress: &mut (dyn FnMut(Retained) + Send),
) -> Result<Retained> {
    let (mut all, mut after) = (Retained::default(), None);
    loop {
        let (tenant, retention) = (tenant.clone(), retention.clone());
        let batch = store.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move { batch(connection, &tenant, &retention, after).await })
        });
        let (done, next) = batch.await?;
        all.add(done);
        progress(all);
        after = next;
        if after.is_none() {
            break;
        }
    }
    if all.turns > 0 && !retention.dry_run {
        while store.write(OPERATION, size::SMALL, |connection| Box::pin(shrink(connection))).await? {}
    }
    Ok(all)
}

/// Gives some pages back; answers whether there are more.
pub(super) async fn shrink(connection: &mut SqliteConnection) -> Result<bool> {
    let failed = |error| driver(OPERATION, error);
    let free = async |connection: &mut SqliteConnection| -> Result<i64> {
        let row = sqlx::query("PRAGMA freelist_count").fetch_one(connection).await.map_err(failed)?;
        sqlx::Row::try_get(&row, 0).map_err(failed)
    };
    let before = free(&mut *connection).await?;
    sqlx::query(FREE).fetch_all(&mut *connection).await.map_err(failed)?;
    let after = free(connection).await?;
    Ok(after > 0 && after < before)
}

/// Removes the turns of one page; answers where the next begins.
async fn batch(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    retention: &Retention,
    after: Option<Cursor>,
) -> Result<(Retained, Option<Cursor>)> {
    let after_id = after.map_or_else(Vec::new, |after| after.id.as_bytes().to_vec());
    let rows = sqlx::query(OLD)
        .bind(tenant.as_str())
        .bind(after.map_or(i64::MIN, |after| after.at.as_micros()))
        .bind(after_id)
        .bind(retention.before.as_micros())
        .bind(i64::try_from(retention.batch).unwrap_or(i64::MAX))
        .bind(to_json(&retention.fleeting, OPERATION)?)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    let old = rows.iter().map(|row| departing(row, OPERATION)).collect::<Result<Vec<_>>>()?;
    let last = rows.last().filter(|_| old.len() == retention.batch);
    let next = last.map(|last| {
        Ok::<_, Error>(Cursor {
            at: moment(last, "began", OPERATION)?,
            id: decision_id(last, "id", OPERATION)?,
        })
    });
    let next = next.transpose()?;
    let going: Vec<_> = old.iter().filter(|turn| !turn.stays).collect();
    let ids: Vec<_> = going.iter().map(|turn| turn.id).collect();
    let decisions = going.iter().filter(|turn| turn.decided.is_some()).count();
    let mut retained = Retained {
        turns: ids.len() as u64,
        decisions: decisions as u64,
        kept: (old.len() - ids.len()) as u64,
        ..Retained::default()
    };
    if ids.is_empty() {
        return Ok((retained, next));
    }
    if !retention.dry_run {
        let left = left(connection, tenant, &going).await?;
        keep(connection, tenant, left).await?;
    }
    let ids = to_json(&ids, OPERATION)?;
    retained.messages = remove(connection, MESSAGES, retention.dry_run, tenant, &ids).await?;
    retained.judgements = remove(connection, EVIDENCE, retention.dry_run, tenant, &ids).await?;
    if !retention.dry_run {
        for sql in REST {
            let removed = sqlx::query(sql).bind(tenant.as_str()).bind(&ids).execute(&mut *connection).await;
            removed.map_err(|error| driver(OPERATION, error))?;
        }
    }
    Ok((retained, next))
}

/// Removes or counts.
async fn remove(
    connection: &mut SqliteConnection,
    [delete, count]: [&'static str; 2],
    dry_run: bool,
    tenant: &TenantId,
    ids: &str,
) -> Result<u64> {
    let failed = |error| driver(OPERATION, error);
    if dry_run {
        let row = sqlx::query(count).bind(tenant.as_str()).bind(ids).fetch_one(connection).await;
        let rows: i64 = sqlx::Row::try_get(&row.map_err(failed)?, 0).map_err(failed)?;
        return super::decode::natural(rows, "count", OPERATION);
    }
    let done = sqlx::query(delete).bind(tenant.as_str()).bind(ids).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(failed)
}

/// What the decisions of these turns leave behind.
async fn left(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    going: &[&Departing],
) -> Result<Checkpoint> {
    let ids: Vec<_> = going.iter().map(|turn| turn.id).collect();
    let mut said = feedback(connection, tenant, &ids, OPERATION).await?;
    let mut checkpoint = Checkpoint::default();
    for turn in going {
        let Some((task, strategy, contribution)) = &turn.decided else { continue };
        let said = said.remove(&turn.id).unwrap_or_default().into_iter();
        let judged = said.filter(|entry| entry.source.as_judge().is_none()).map(|entry| entry.value);
        checkpoint.add(BACKEND, (task, strategy), contribution, judged)?;
    }
    Ok(checkpoint)
}
