//! What a group of writes must know. There is only one writer, so nothing has to be locked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use helm_core::{SourceName, Timestamp, UnitInterval};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{check_format, decision_id, get, json, json_opt, parsed, to_json};
use super::error::{driver, unreadable};
use super::memories::collection;
use super::writes::preferences;
use crate::batch::{CollectionKey, Draw, Key, Known, KnownTurn, Needs, Said, Settled, UsedKey, Working};
use crate::error::Result;
use crate::vector::Collection;

const OPERATION: &str = "load_batch";

/// What is known about decisions and turns, of which something is: each row is a message from SQLite's thread. Lists come as JSON, here and below; ids in them are written as UUIDs.
const KNOWN: &str = "SELECT k.key AS n, d.body AS decision, d.format AS decision_format, t.digest, t.outcome,
        t.format AS turn_format, r.reward, r.contribution, r.silence_ended, r.format AS reward_format
    FROM json_each(?) k
    LEFT JOIN helm_decision d ON d.tenant = k.value ->> 0 AND d.id = unhex(k.value ->> 1, '-')
    LEFT JOIN helm_turn t ON t.tenant = k.value ->> 0 AND t.id = unhex(k.value ->> 1, '-')
    LEFT JOIN helm_reward r ON r.tenant = k.value ->> 0 AND r.decision = unhex(k.value ->> 1, '-')
    WHERE d.id IS NOT NULL OR t.id IS NOT NULL OR r.decision IS NOT NULL";

/// Each source's value of highest revision; SQLite takes the other columns from the row of the maximum.
const FEEDBACK: &str = "SELECT k.key AS n, e.source, e.value, e.at, MAX(e.revision) AS revision
    FROM json_each(?) k
    CROSS JOIN helm_evidence e ON e.tenant = k.value ->> 0 AND e.decision = unhex(k.value ->> 1, '-')
    GROUP BY k.key, e.source";

const KEYS: &str = "SELECT k.key AS n, e.decision, e.source, e.value
    FROM json_each(?) k CROSS JOIN helm_evidence e INDEXED BY helm_evidence_by_key
        ON e.tenant = k.value ->> 0 AND e.key = k.value ->> 1 AND e.key IS NOT NULL";

const DRAWS: &str = "SELECT k.key AS n, d.user_id, d.task, d.draw
    FROM json_each(?) k CROSS JOIN helm_decision d
        ON d.tenant = k.value ->> 0 AND d.id = unhex(k.value ->> 1, '-') AND d.draw IS NOT NULL";

const PREFERENCES: &str = "SELECT k.key AS n, p.revision, p.format, p.body
    FROM json_each(?) k CROSS JOIN helm_preference p
        ON p.tenant = k.value ->> 0 AND p.user_id = k.value ->> 1";

const COLLECTIONS: &str = "SELECT k.key AS n, c.metric, c.dimension
    FROM json_each(?) k CROSS JOIN helm_collection c ON c.tenant = k.value ->> 0 AND c.name = k.value ->> 1";

/// Loads what is needed.
pub(super) async fn load(connection: &mut SqliteConnection, needs: &Needs) -> Result<Working> {
    let mut working = Working::default();
    decisions(connection, &needs.decisions, &mut working).await?;
    for (key, row) in found(connection, KEYS, &needs.keys).await? {
        let value: f64 = get(&row, "value", OPERATION)?;
        let (decision, source) =
            (decision_id(&row, "decision", OPERATION)?, parsed(&row, "source", OPERATION)?);
        working.keys.insert(key.clone(), UsedKey { decision, source, value: value.to_bits() });
    }
    for (key, row) in found(connection, DRAWS, &needs.draws).await? {
        let (user, task) = (parsed(&row, "user_id", OPERATION)?, parsed(&row, "task", OPERATION)?);
        working.draws.insert(key.clone(), Draw { user, task, number: get(&row, "draw", OPERATION)? });
    }
    for (owner, row) in found(connection, PREFERENCES, &needs.preferences).await? {
        working.preferences.insert(owner.clone(), preferences(&row, OPERATION)?);
    }
    working.collections = collections(connection, &needs.collections).await?;
    Ok(working)
}

async fn decisions(
    connection: &mut SqliteConnection,
    keys: &BTreeSet<Key>,
    working: &mut Working,
) -> Result<()> {
    for (key, row) in found(connection, KNOWN, keys).await? {
        working.known.insert(key.clone(), known(&row)?);
    }
    for (key, row) in found(connection, FEEDBACK, keys).await? {
        let value = UnitInterval::new(get(&row, "value", OPERATION)?);
        let said = Said {
            value: value.map_err(|error| unreadable(OPERATION, "value", error))?,
            revision: get(&row, "revision", OPERATION)?,
            at: Timestamp::from_micros(get(&row, "at", OPERATION)?),
        };
        let source: SourceName = parsed(&row, "source", OPERATION)?;
        working.known.entry(key.clone()).or_default().feedback.insert(source, said);
    }
    Ok(())
}

fn known(row: &SqliteRow) -> Result<Known> {
    for format in ["decision_format", "turn_format", "reward_format"] {
        check_format(row, format, OPERATION)?;
    }
    let mut known =
        Known { decision: json_opt(row, "decision", OPERATION)?.map(Arc::new), ..Known::default() };
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
    Ok(known)
}

/// Collections that exist.
pub(super) async fn collections(
    connection: &mut SqliteConnection,
    keys: &BTreeSet<CollectionKey>,
) -> Result<HashMap<CollectionKey, Collection>> {
    let mut collections = HashMap::new();
    for (key, row) in found(connection, COLLECTIONS, keys).await? {
        collections.insert(key.clone(), collection(&row, key.1.clone(), OPERATION)?);
    }
    Ok(collections)
}

/// The rows of a statement about a list of things, each with the thing it is about.
pub(super) async fn found<'w, T: Serialize>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    wanted: &'w BTreeSet<T>,
) -> Result<Vec<(&'w T, SqliteRow)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(sql).bind(to_json(wanted, OPERATION)?).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(OPERATION, error))?;
    let wanted: Vec<&T> = wanted.iter().collect();
    let numbered = rows.into_iter().map(|row| {
        let number: i64 = get(&row, "n", OPERATION)?;
        let found = usize::try_from(number).ok().and_then(|number| wanted.get(number)).copied();
        let found =
            found.ok_or_else(|| unreadable(OPERATION, "number", format!("nobody asked for {number}")));
        found.map(|found| (found, row))
    });
    numbered.collect()
}
