//! What a group of writes must know. There is only one writer, so nothing has to be locked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use helm_core::{SourceName, Timestamp, UnitInterval};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{check_format, decision_id, get, json, json_opt, parsed, to_json};
use super::error::unreadable;
use super::memories::collection;
use super::script::{Done, Script};
use super::writes::preferences;
use crate::batch::{CollectionKey, Draw, Key, Known, KnownTurn, Needs, Said, Settled, UsedKey, Working};
use crate::error::Result;
use crate::vector::Collection;

const OPERATION: &str = "load_batch";

/// What is known about decisions and turns, of which something is: each row is a message from SQLite's thread. Lists come as JSON, here and below; ids in them are written as UUIDs.
const KNOWN: &str = "SELECT k.key AS n, d.body AS decision, d.format AS decision_format, t.digest, t.outcome,
        t.format AS turn_format, o.id IS NOT NULL AS open, r.reward, r.contribution, r.silence_ended, r.format AS reward_format
    FROM json_each(?) k
    LEFT JOIN helm_decision d ON d.tenant = k.value ->> 0 AND d.id = unhex(k.value ->> 1, '-')
    LEFT JOIN helm_turn t ON t.tenant = k.value ->> 0 AND t.id = unhex(k.value ->> 1, '-')
    LEFT JOIN helm_open_turn o ON o.tenant = k.value ->> 0 AND o.id = unhex(k.value ->> 1, '-')
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

/// Loads what is needed; where nothing is, nothing is sent.
pub(super) async fn load(script: &mut Script<'_>, needs: &Needs) -> Result<Working> {
    let mut working = Working::default();
    let known = ask(script, KNOWN, OPERATION, &needs.decisions)?;
    let feedback = ask(script, FEEDBACK, OPERATION, &needs.decisions)?;
    let keys = ask(script, KEYS, OPERATION, &needs.keys)?;
    let draws = ask(script, DRAWS, OPERATION, &needs.draws)?;
    let owners = ask(script, PREFERENCES, OPERATION, &needs.preferences)?;
    let begun = ask(script, COLLECTIONS, OPERATION, &needs.collections)?;
    if [known, keys, draws, owners, begun].iter().all(Option::is_none) {
        return Ok(working);
    }
    let mut done = script.send().await?;
    decisions(&mut done, (known, feedback), &needs.decisions, &mut working)?;
    for (key, row) in found(&mut done, keys, OPERATION, &needs.keys)? {
        let value: f64 = get(&row, "value", OPERATION)?;
        let (decision, source) =
            (decision_id(&row, "decision", OPERATION)?, parsed(&row, "source", OPERATION)?);
        working.keys.insert(key.clone(), UsedKey { decision, source, value: value.to_bits() });
    }
    for (key, row) in found(&mut done, draws, OPERATION, &needs.draws)? {
        let (user, task) = (parsed(&row, "user_id", OPERATION)?, parsed(&row, "task", OPERATION)?);
        working.draws.insert(key.clone(), Draw { user, task, number: get(&row, "draw", OPERATION)? });
    }
    for (owner, row) in found(&mut done, owners, OPERATION, &needs.preferences)? {
        working.preferences.insert(owner.clone(), preferences(&row, OPERATION)?);
    }
    working.collections = read_collections(&mut done, begun, &needs.collections)?;
    Ok(working)
}

fn decisions(
    done: &mut [Done],
    (facts, feedback): (Option<usize>, Option<usize>),
    keys: &BTreeSet<Key>,
    working: &mut Working,
) -> Result<()> {
    for (key, row) in found(done, facts, OPERATION, keys)? {
        working.known.insert(key.clone(), known(&row)?);
    }
    for (key, row) in found(done, feedback, OPERATION, keys)? {
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
    let mut known = Known {
        decision: json_opt(row, "decision", OPERATION)?.map(Arc::new),
        open: get(row, "open", OPERATION)?,
        ..Known::default()
    };
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
    let mut script = Script::new(connection);
    let asked = ask(&mut script, COLLECTIONS, OPERATION, keys)?;
    read_collections(&mut script.send().await?, asked, keys)
}

fn read_collections(
    done: &mut [Done],
    asked: Option<usize>,
    keys: &BTreeSet<CollectionKey>,
) -> Result<HashMap<CollectionKey, Collection>> {
    let rows = found(done, asked, OPERATION, keys)?.into_iter();
    rows.map(|(key, row)| Ok((key.clone(), collection(&row, key.1.clone(), OPERATION)?))).collect()
}

/// Adds a statement about a list of things; its number, unless the list is empty.
pub(super) fn ask<T: Serialize>(
    script: &mut Script<'_>,
    sql: &'static str,
    operation: &'static str,
    wanted: &BTreeSet<T>,
) -> Result<Option<usize>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let wanted = to_json(wanted, operation)?;
    script.add(sql, operation, |query| Ok(query.bind(wanted))).map(Some)
}

/// The rows of a statement about a list of things, each with the thing it is about.
pub(super) fn found<'w, T>(
    done: &mut [Done],
    asked: Option<usize>,
    operation: &'static str,
    wanted: &'w BTreeSet<T>,
) -> Result<Vec<(&'w T, SqliteRow)>> {
    let rows = asked.and_then(|asked| done.get_mut(asked)).map(|done| std::mem::take(&mut done.rows));
    let wanted: Vec<&T> = wanted.iter().collect();
    let numbered = rows.into_iter().flatten().map(|row| {
        let number: i64 = get(&row, "n", operation)?;
        let found = usize::try_from(number).ok().and_then(|number| wanted.get(number)).copied();
        let found =
            found.ok_or_else(|| unreadable(operation, "number", format!("nobody asked for {number}")));
        found.map(|found| (found, row))
    });
    numbered.collect()
}
