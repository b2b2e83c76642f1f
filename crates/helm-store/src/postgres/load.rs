//! What a group of writes must know, read under the locks of its decisions.

use std::collections::BTreeSet;
use std::sync::Arc;

use helm_core::{DecisionId, SourceName, TenantId};
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::columns::{Moment, uuid};
use super::decode::{body, check_format, decision_id, get, json, json_opt, parse, parsed, unit};
use super::error::{failure, unreadable};
use super::save::column;
use super::{users, vectors};
use crate::batch::{Draw, Failure, Key, Known, KnownTurn, Needs, Said, Settled, UsedKey, Working};
use crate::error::Result;

const OPERATION: &str = "load_batch";

/// Locks the decisions, in the order of their ids, against everybody else who would settle them; then the collections, in
/// the order of their keys, against being dropped.
const LOCK: &str = "WITH decisions AS (SELECT k.n, d.format, d.body
        FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY k (tenant, id, n)
        JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id
        ORDER BY k.n FOR NO KEY UPDATE OF d),
    collections AS (SELECT k.n, c.metric, c.dimension
        FROM unnest($3::text[], $4::text[]) WITH ORDINALITY k (tenant, name, n)
        JOIN helm_collection c ON c.tenant = k.tenant AND c.name = k.name
        ORDER BY k.n FOR KEY SHARE OF c)
    SELECT n, format, body::text AS body, NULL::text AS metric, NULL::bigint AS dimension FROM decisions
    UNION ALL SELECT n, NULL, NULL, metric, dimension FROM collections";

/// What is known about decisions and turns besides. A statement of its own, so that it sees what those committed
/// who held the locks before.
const EVIDENCE: &str = "SELECT k.n, t.digest, t.outcome::text AS outcome, t.format AS turn_format,
        o.id IS NOT NULL AS open, r.reward::text AS reward, r.contribution::text AS contribution, r.silence_ended, r.format AS reward_format,
        e.sources, e.given, e.revisions, e.moments
    FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY k (tenant, id, n)
    LEFT JOIN helm_turn t ON t.tenant = k.tenant AND t.id = k.id
    LEFT JOIN helm_open_turn o ON o.tenant = k.tenant AND o.id = k.id
    LEFT JOIN helm_reward r ON r.tenant = k.tenant AND r.decision = k.id
    LEFT JOIN LATERAL (
        SELECT array_agg(c.source) AS sources, array_agg(c.value) AS given, array_agg(c.revision) AS revisions,
            array_agg(c.at) AS moments
        FROM (SELECT DISTINCT ON (source) source, value, revision, at FROM helm_evidence
            WHERE tenant = k.tenant AND decision = k.id ORDER BY source, revision DESC) c
    ) e ON true";

const KEYS: &str = "SELECT k.n, e.decision, e.source, e.value
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (tenant, key, n)
    JOIN helm_evidence e ON e.tenant = k.tenant AND e.key = k.key";

const DRAWS: &str = "SELECT k.n, d.user_id, d.task, d.draw
    FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY k (tenant, id, n)
    JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id";

/// Loads and locks.
pub(super) async fn load(connection: &mut PgConnection, needs: &Needs) -> Result<Working, Failure> {
    let mut working = Working::default();
    lock(connection, needs, &mut working).await?;
    evidence(connection, &needs.decisions, &mut working).await?;
    keys(connection, needs, &mut working).await?;
    draws(connection, &needs.draws, &mut working).await?;
    working.preferences = users::lock(connection, &needs.preferences).await?;
    Ok(working)
}

async fn lock(connection: &mut PgConnection, needs: &Needs, working: &mut Working) -> Result<(), Failure> {
    if needs.decisions.is_empty() && needs.collections.is_empty() {
        return Ok(());
    }
    let decisions: Vec<_> = needs.decisions.iter().collect();
    let collections: Vec<_> = needs.collections.iter().collect();
    let (tenants, ids) = columns(&needs.decisions);
    let locked = sqlx::query(LOCK)
        .bind(tenants)
        .bind(ids)
        .bind(column(&collections, |(tenant, _)| tenant.as_str()))
        .bind(column(&collections, |(_, name)| name.as_str()))
        .fetch_all(connection)
        .await;
    for row in locked.map_err(|error| failure(OPERATION, error))? {
        if get::<Option<&str>>(&row, "metric", OPERATION)?.is_some() {
            let key = numbered(&row, &collections)?.clone();
            let found = vectors::collection(&row, key.1.clone(), OPERATION)?;
            working.collections.insert(key, found);
        } else {
            let known = working.known.entry(numbered(&row, &decisions)?.clone()).or_default();
            known.decision = Some(Arc::new(body(&row, "body", OPERATION)?));
        }
    }
    Ok(())
}

async fn evidence(
    connection: &mut PgConnection,
    keys: &BTreeSet<Key>,
    working: &mut Working,
) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let wanted: Vec<&Key> = keys.iter().collect();
    let (tenants, ids) = columns(keys);
    let evidence = sqlx::query(EVIDENCE).bind(&tenants).bind(&ids).fetch_all(connection).await;
    for row in evidence.map_err(|error| failure(OPERATION, error))? {
        let known = working.known.entry(numbered(&row, &wanted)?.clone()).or_default();
        learn(known, &row)?;
    }
    Ok(())
}

/// Takes a row of evidence in.
fn learn(known: &mut Known, row: &PgRow) -> Result<()> {
    for format in ["turn_format", "reward_format"] {
        check_format(row, format, OPERATION)?;
    }
    known.open = get(row, "open", OPERATION)?;
    if let Some(digest) = get::<Option<&[u8]>>(row, "digest", OPERATION)? {
        let digest = digest.try_into().map_err(|error| unreadable(OPERATION, "digest", error))?;
        known.turn = Some(KnownTurn { digest, outcome: json_opt(row, "outcome", OPERATION)? });
    }
    if let Some(silence_ended) = get(row, "silence_ended", OPERATION)? {
        known.settled = Settled {
            reward: json_opt(row, "reward", OPERATION)?,
            contribution: json(row, "contribution", OPERATION)?,
            silence_ended,
        };
    }
    let sources: Option<Vec<String>> = get(row, "sources", OPERATION)?;
    let Some(sources) = sources else { return Ok(()) };
    let values: Vec<f64> = get(row, "given", OPERATION)?;
    let revisions: Vec<i64> = get(row, "revisions", OPERATION)?;
    let moments: Vec<Moment> = get(row, "moments", OPERATION)?;
    for (((source, value), revision), at) in sources.into_iter().zip(values).zip(revisions).zip(moments) {
        let source: SourceName = parse(&source, "source", OPERATION)?;
        let said = Said { value: unit(value, OPERATION)?, revision, at: at.0 };
        known.feedback.insert(source, said);
    }
    Ok(())
}

async fn keys(connection: &mut PgConnection, needs: &Needs, working: &mut Working) -> Result<(), Failure> {
    if needs.keys.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = needs.keys.iter().collect();
    let tenants: Vec<&str> = wanted.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let keys: Vec<&str> = wanted.iter().map(|(_, key)| key.as_str()).collect();
    let used = sqlx::query(KEYS).bind(&tenants).bind(&keys).fetch_all(connection).await;
    for row in used.map_err(|error| failure(OPERATION, error))? {
        let value: f64 = get(&row, "value", OPERATION)?;
        let used = UsedKey {
            decision: decision_id(&row, "decision", OPERATION)?,
            source: parsed(&row, "source", OPERATION)?,
            value: value.to_bits(),
        };
        working.keys.insert(numbered(&row, &wanted)?.clone(), used);
    }
    Ok(())
}

async fn draws(
    connection: &mut PgConnection,
    keys: &BTreeSet<Key>,
    working: &mut Working,
) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    let wanted: Vec<&Key> = keys.iter().collect();
    let (tenants, ids) = columns(keys);
    let found = sqlx::query(DRAWS).bind(&tenants).bind(&ids).fetch_all(connection).await;
    for row in found.map_err(|error| failure(OPERATION, error))? {
        let Some(number) = get(&row, "draw", OPERATION)? else { continue };
        let draw = Draw {
            user: parsed(&row, "user_id", OPERATION)?,
            task: parsed(&row, "task", OPERATION)?,
            number,
        };
        working.draws.insert(numbered(&row, &wanted)?.clone(), draw);
    }
    Ok(())
}

/// The wanted thing that a row is about, by its number in the list that was sent.
pub(super) fn numbered<T: Copy>(row: &PgRow, wanted: &[T]) -> Result<T> {
    let number: i64 = get(row, "n", OPERATION)?;
    let index = usize::try_from(number - 1).ok();
    let found = index.and_then(|index| wanted.get(index)).copied();
    found.ok_or_else(|| unreadable(OPERATION, "number", format!("nobody asked for {number}")))
}

fn columns(keys: &BTreeSet<(TenantId, DecisionId)>) -> (Vec<&str>, Vec<Uuid>) {
    keys.iter().map(|(tenant, id)| (tenant.as_str(), uuid(*id))).unzip()
}
