//! Old turns leave the log, in batches of their own transactions; months without any turn leave as a whole.

use helm_core::{TaskId, TenantId};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::BACKEND;
use super::checkpoint::keep;
use super::columns::{Moment, uuid};
use super::decode::{decision_id, get, limit, moment, natural};
use super::error::{driver, failure};
use super::job_text;
use super::logs::feedback;
use super::store::{PostgresStore, Work};
use super::{months, save};
use crate::batch::Failure;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::log::Cursor;
use crate::retention::{Retained, Retention};
use crate::stored::{Departing, departing};

const OPERATION: &str = "retain";

/// A page of old turns.
const PAGE: &str = "SELECT id, began FROM helm_turn
    WHERE tenant = $1 AND (began, id) > ($2, $3) AND began < $4 ORDER BY began, id LIMIT $5";

/// Locks their decisions, in the order of their ids, against everybody who would settle them.
const LOCK: &str = "SELECT id FROM helm_decision WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE";

/// What they are now, and whether each must stay: a job waits that names it, or it is the draw that its user, or
/// its conversation, keeps to in a task that is not fleeting.
const OLD: &str = concat!(
    "SELECT t.id, d.task, d.strategy, r.contribution::text AS contribution, r.format,
        t.id::text IN (SELECT ",
    job_text!("decision"),
    " FROM helm_job
            WHERE tenant = $1 AND NOT dead AND json_typeof(body) = 'object') IS TRUE AS waiting,
        (d.draw IS NOT NULL AND d.task <> ALL ($3) AND (
            d.id = (SELECT h.id FROM helm_decision h
                WHERE h.tenant = d.tenant AND h.user_id = d.user_id AND h.task = d.task AND h.draw IS NOT NULL
                ORDER BY h.draw DESC, h.id LIMIT 1)
            OR d.id = (SELECT h.id FROM helm_decision h
                WHERE h.tenant = d.tenant AND h.user_id = d.user_id AND h.task = d.task
                    AND h.conversation = d.conversation AND h.draw IS NOT NULL
                ORDER BY h.draw DESC, h.id LIMIT 1))) IS TRUE AS held
    FROM unnest($2::uuid[]) k (id)
    JOIN helm_turn t ON t.tenant = $1 AND t.id = k.id
    LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
    LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id"
);

/// Messages, first, while their turns can be asked for their conversations.
const MESSAGES: [&str; 2] = [
    "DELETE FROM helm_message m USING helm_turn t WHERE t.tenant = $1 AND t.id = ANY ($2) AND m.tenant = t.tenant
         AND m.user_id = t.user_id AND m.conversation = t.conversation AND m.turn = t.id",
    "SELECT count(*) FROM helm_message m JOIN helm_turn t ON m.tenant = t.tenant AND m.user_id = t.user_id
         AND m.conversation = t.conversation AND m.turn = t.id WHERE t.tenant = $1 AND t.id = ANY ($2)",
];
const EVIDENCE: [&str; 2] = [
    "DELETE FROM helm_evidence WHERE tenant = $1 AND decision = ANY ($2)",
    "SELECT count(*) FROM helm_evidence WHERE tenant = $1 AND decision = ANY ($2)",
];
const REST: [&str; 4] = [
    "DELETE FROM helm_summary WHERE tenant = $1 AND turn = ANY ($2)",
    "DELETE FROM helm_reward WHERE tenant = $1 AND decision = ANY ($2)",
    "DELETE FROM helm_turn WHERE tenant = $1 AND id = ANY ($2)",
    "DELETE FROM helm_decision WHERE tenant = $1 AND id = ANY ($2)",
];

/// Removes old turns, then drops the months that are empty.
pub(super) async fn retain(
    store: &PostgresStore,
    tenant: &TenantId,
    retention: &Retention,
    progress: &mut (dyn FnMut(Retained) + Send),
) -> Result<Retained> {
    let (mut all, mut after) = (Retained::default(), None);
    loop {
        let (done, next) = store.transaction(OPERATION, Batch { tenant, retention, after }).await?;
        all.add(done);
        progress(all);
        after = next;
        if after.is_none() {
            break;
        }
    }
    if !retention.dry_run {
        months::drop_empty(&store.pool, retention.before).await?;
    }
    Ok(all)
}

/// The turns of one page.
struct Batch<'a> {
    tenant: &'a TenantId,
    retention: &'a Retention,
    after: Option<Cursor>,
}

impl Work for Batch<'_> {
    type Done = (Retained, Option<Cursor>);

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Done, Failure> {
        let (tenant, dry_run) = (self.tenant, self.retention.dry_run);
        let (ids, next) = self.page(connection).await?;
        let old = self.old(connection, &ids).await?;
        let going: Vec<_> = old.iter().filter(|turn| !turn.stays).collect();
        let ids = save::column(&going, |turn| uuid(turn.id));
        let mut retained = Retained {
            turns: going.len() as u64,
            decisions: going.iter().filter(|turn| turn.decided.is_some()).count() as u64,
            kept: (old.len() - going.len()) as u64,
            ..Retained::default()
        };
        if ids.is_empty() {
            return Ok((retained, next));
        }
        let left = left(connection, tenant, &going).await?;
        retained.messages = remove(connection, MESSAGES, dry_run, tenant, &ids).await?;
        retained.judgements = remove(connection, EVIDENCE, dry_run, tenant, &ids).await?;
        if !dry_run {
            for sql in REST {
                let removed = sqlx::query(sql).bind(tenant.as_str()).bind(&ids).execute(&mut *connection);
                removed.await.map_err(|error| failure(OPERATION, error))?;
            }
            keep(connection, tenant, left).await?;
        }
        Ok((retained, next))
    }
}

impl Batch<'_> {
    /// The turns of this batch, in the order of the log, and where the next one begins.
    async fn page(&self, connection: &mut PgConnection) -> Result<(Vec<Uuid>, Option<Cursor>), Failure> {
        let rows = sqlx::query(PAGE)
            .bind(self.tenant.as_str())
            .bind(self.after.map_or(Moment::FIRST, |after| Moment(after.at)))
            .bind(self.after.map_or(Uuid::nil(), |after| uuid(after.id)))
            .bind(Moment(self.retention.before))
            .bind(limit(self.retention.batch))
            .fetch_all(connection)
            .await
            .map_err(|error| failure(OPERATION, error))?;
        let last = rows.last().filter(|_| rows.len() == self.retention.batch);
        let next = last.map(|last| {
            Ok(Cursor { at: moment(last, "began", OPERATION)?, id: decision_id(last, "id", OPERATION)? })
        });
        let ids = rows.iter().map(|row| get(row, "id", OPERATION)).collect::<Result<_>>()?;
        Ok((ids, next.transpose().map_err(Failure::Final)?))
    }

    /// What the turns are, once their decisions are locked. A statement of its own, so that it sees what those
    /// committed who held the locks before.
    async fn old(&self, connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Departing>, Failure> {
        let failed = |error| failure(OPERATION, error);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let tenant = self.tenant.as_str();
        let locked = sqlx::query(LOCK).bind(tenant).bind(ids).fetch_all(&mut *connection).await;
        locked.map_err(failed)?;
        let fleeting: Vec<_> = self.retention.fleeting.iter().map(TaskId::as_str).collect();
        let rows = sqlx::query(OLD).bind(tenant).bind(ids).bind(fleeting).fetch_all(connection).await;
        Ok(rows.map_err(failed)?.iter().map(|row| departing(row, OPERATION)).collect::<Result<_>>()?)
    }
}

/// What the decisions of these turns leave behind.
async fn left(connection: &mut PgConnection, tenant: &TenantId, going: &[&Departing]) -> Result<Checkpoint> {
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

/// Removes or counts.
async fn remove(
    connection: &mut PgConnection,
    [delete, count]: [&'static str; 2],
    dry_run: bool,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<u64, Failure> {
    if dry_run {
        let row = sqlx::query(count).bind(tenant.as_str()).bind(ids).fetch_one(connection).await;
        let row = row.map_err(|error| failure(OPERATION, error))?;
        let rows: i64 = sqlx::Row::try_get(&row, 0).map_err(|error| driver(OPERATION, error))?;
        return Ok(natural(rows, "count", OPERATION)?);
    }
    let done = sqlx::query(delete).bind(tenant.as_str()).bind(ids).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(|error| failure(OPERATION, error))
}
