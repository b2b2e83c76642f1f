//! What a group of writes must know, and of which versions of the rows it is known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use helm_core::{DecisionId, IdempotencyKey, SourceName, TenantId, UserId};
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::columns::{Moment, uuid};
use super::decode::{body, check_format, decision_id, get, json, json_opt, parse, parsed, unit};
use super::error::{failure, unreadable};
use super::save::column;
use super::{users, vectors};
use crate::batch::{
    CollectionKey, Draw, Failure, Key, Known, KnownTurn, Needs, Said, Settled, UsedKey, Working,
};
use crate::error::Result;
use crate::vector::Collection;

const OPERATION: &str = "load_batch";

/// Locks the decisions, in the order of their ids, against everybody else who would settle them; then users'
/// preferences; then the collections, in the order of their keys, against being dropped.
const LOCK: &str = "WITH decisions AS (SELECT 1
        FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY k (tenant, id, n)
        JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id
        ORDER BY k.n FOR NO KEY UPDATE OF d),
    preferences AS (SELECT 1
        FROM unnest($3::text[], $4::text[]) WITH ORDINALITY k (tenant, user_id, n)
        JOIN helm_preference p ON p.tenant = k.tenant AND p.user_id = k.user_id
        ORDER BY k.n FOR NO KEY UPDATE OF p),
    collections AS (SELECT 1
        FROM unnest($5::text[], $6::text[]) WITH ORDINALITY k (tenant, name, n)
        JOIN helm_collection c ON c.tenant = k.tenant AND c.name = k.name
        ORDER BY k.n FOR KEY SHARE OF c)
    SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM preferences),
        (SELECT count(*) FROM collections)";

/// All that is known, of one moment: rows of five kinds. Versions are those of PostgreSQL, which change with every
/// change of a row, whoever makes it.
const LOOK: &str = "SELECT 'decision' AS kind, k.n, d.format, d.body::text AS body, d.xmin::text AS version,
        t.digest, t.outcome::text AS outcome, t.format AS turn_format, o.id IS NOT NULL AS open,
        r.reward::text AS reward, r.contribution::text AS contribution, r.silence_ended, r.format AS reward_format,
        r.xmin::text AS reward_version, e.sources, e.given, e.revisions, e.moments,
        NULL::uuid AS decision, NULL::text AS source, NULL::float8 AS value,
        NULL::text AS user_id, NULL::text AS task, NULL::bigint AS draw,
        NULL::bigint AS revision, NULL::text AS metric, NULL::bigint AS dimension
    FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY k (tenant, id, n)
    LEFT JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id
    LEFT JOIN helm_turn t ON t.tenant = k.tenant AND t.id = k.id
    LEFT JOIN helm_open_turn o ON o.tenant = k.tenant AND o.id = k.id
    LEFT JOIN helm_reward r ON r.tenant = k.tenant AND r.decision = k.id
    LEFT JOIN LATERAL (
        SELECT array_agg(c.source) AS sources, array_agg(c.value) AS given, array_agg(c.revision) AS revisions,
            array_agg(c.at) AS moments
        FROM (SELECT DISTINCT ON (source) source, value, revision, at FROM helm_evidence
            WHERE tenant = k.tenant AND decision = k.id ORDER BY source, revision DESC) c
    ) e ON true
    UNION ALL SELECT 'preference', k.n, p.format, p.body::text, p.xmin::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, p.revision, NULL, NULL
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY k (tenant, user_id, n)
    JOIN helm_preference p ON p.tenant = k.tenant AND p.user_id = k.user_id
    UNION ALL SELECT 'collection', k.n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.metric, c.dimension
    FROM unnest($5::text[], $6::text[]) WITH ORDINALITY k (tenant, name, n)
    JOIN helm_collection c ON c.tenant = k.tenant AND c.name = k.name
    UNION ALL SELECT 'key', k.n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, e.decision, e.source, e.value, NULL, NULL, NULL, NULL, NULL, NULL
    FROM unnest($7::text[], $8::text[]) WITH ORDINALITY k (tenant, key, n)
    JOIN helm_evidence e ON e.tenant = k.tenant AND e.key = k.key
    UNION ALL SELECT 'draw', k.n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, d.user_id, d.task, d.draw, NULL, NULL, NULL
    FROM unnest($9::text[], $10::uuid[]) WITH ORDINALITY k (tenant, id, n)
    JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id";

/// The versions of the rows that were looked at, as far as there are any. What is written must find them unchanged.
#[derive(Default, Debug)]
pub(super) struct Versions {
    pub(super) decisions: BTreeMap<Key, Arc<str>>,
    pub(super) rewards: HashMap<Key, Arc<str>>,
    /// Revisions of preferences, which begin again when they were removed, and versions of their rows.
    pub(super) preferences: BTreeMap<(TenantId, UserId), (u64, Arc<str>)>,
    /// They never change, but may be dropped, and begun in another way.
    pub(super) collections: BTreeMap<CollectionKey, Collection>,
}

/// What is known before anything is changed.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) working: Working,
    pub(super) versions: Versions,
}

/// The parts of needs, in the order in which they are numbered.
struct Wanted<'n> {
    decisions: Vec<&'n Key>,
    preferences: Vec<&'n (TenantId, UserId)>,
    collections: Vec<&'n CollectionKey>,
    keys: Vec<&'n (TenantId, IdempotencyKey)>,
    draws: Vec<&'n Key>,
}

impl<'n> Wanted<'n> {
    fn of(needs: &'n Needs) -> Self {
        let Needs { decisions, draws, keys, preferences, collections } = needs;
        Self {
            decisions: decisions.iter().collect(),
            preferences: preferences.iter().collect(),
            collections: collections.iter().collect(),
            keys: keys.iter().collect(),
            draws: draws.iter().collect(),
        }
    }
}

/// Locks what will be changed until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, needs: &Needs) -> Result<(), Failure> {
    let wanted = Wanted::of(needs);
    let (tenants, ids) = columns(&wanted.decisions);
    let locked = sqlx::query(LOCK)
        .bind(tenants)
        .bind(ids)
        .bind(column(&wanted.preferences, |(tenant, _)| tenant.as_str()))
        .bind(column(&wanted.preferences, |(_, user)| user.as_str()))
        .bind(column(&wanted.collections, |(tenant, _)| tenant.as_str()))
        .bind(column(&wanted.collections, |(_, name)| name.as_str()))
        .execute(connection)
        .await;
    locked.map(drop).map_err(|error| failure(OPERATION, error))
}

impl Loaded {
    /// Reads more, in one statement.
    pub(super) async fn look(&mut self, connection: &mut PgConnection, needs: &Needs) -> Result<(), Failure> {
        if needs.is_empty() {
            return Ok(());
        }
        let wanted = Wanted::of(needs);
        let ((tenants, ids), (draw_tenants, draws)) = (columns(&wanted.decisions), columns(&wanted.draws));
        let rows = sqlx::query(LOOK)
            .bind(tenants)
            .bind(ids)
            .bind(column(&wanted.preferences, |(tenant, _)| tenant.as_str()))
            .bind(column(&wanted.preferences, |(_, user)| user.as_str()))
            .bind(column(&wanted.collections, |(tenant, _)| tenant.as_str()))
            .bind(column(&wanted.collections, |(_, name)| name.as_str()))
            .bind(column(&wanted.keys, |(tenant, _)| tenant.as_str()))
            .bind(column(&wanted.keys, |(_, key)| key.as_str()))
            .bind(draw_tenants)
            .bind(draws)
            .fetch_all(connection)
            .await
            .map_err(|error| failure(OPERATION, error))?;
        rows.iter().try_for_each(|row| self.take(row, &wanted)).map_err(Failure::from)
    }

    /// Takes in that there is a collection.
    pub(super) fn know(&mut self, key: CollectionKey, collection: Collection) {
        self.versions.collections.insert(key.clone(), collection.clone());
        self.working.collections.insert(key, collection);
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.working.known.is_empty() && self.working.collections.is_empty()
    }

    fn take(&mut self, row: &PgRow, wanted: &Wanted<'_>) -> Result<()> {
        match get(row, "kind", OPERATION)? {
            "decision" => self.decision(row, numbered(row, &wanted.decisions)?),
            "preference" => self.preference(row, numbered(row, &wanted.preferences)?),
            "collection" => self.collection(row, numbered(row, &wanted.collections)?),
            "key" => self.key(row, numbered(row, &wanted.keys)?),
            "draw" => self.draw(row, numbered(row, &wanted.draws)?),
            other => Err(unreadable(OPERATION, "kind", format!("nobody asked for {other:?}"))),
        }
    }

    fn decision(&mut self, row: &PgRow, key: &Key) -> Result<()> {
        let known = self.working.known.entry(key.clone()).or_default();
        if let Some(version) = get::<Option<&str>>(row, "version", OPERATION)? {
            known.decision = Some(Arc::new(body(row, "body", OPERATION)?));
            self.versions.decisions.insert(key.clone(), version.into());
        }
        if let Some(version) = get::<Option<&str>>(row, "reward_version", OPERATION)? {
            self.versions.rewards.insert(key.clone(), version.into());
        }
        learn(known, row)
    }

    fn preference(&mut self, row: &PgRow, owner: &(TenantId, UserId)) -> Result<()> {
        let preferences = users::preferences(row, OPERATION)?;
        let version: &str = get(row, "version", OPERATION)?;
        self.versions.preferences.insert(owner.clone(), (preferences.revision, version.into()));
        self.working.preferences.insert(owner.clone(), preferences);
        Ok(())
    }

    fn collection(&mut self, row: &PgRow, key: &CollectionKey) -> Result<()> {
        self.know(key.clone(), vectors::collection(row, key.1.clone(), OPERATION)?);
        Ok(())
    }

    fn key(&mut self, row: &PgRow, key: &(TenantId, IdempotencyKey)) -> Result<()> {
        let value: f64 = get(row, "value", OPERATION)?;
        let used = UsedKey {
            decision: decision_id(row, "decision", OPERATION)?,
            source: parsed(row, "source", OPERATION)?,
            value: value.to_bits(),
        };
        self.working.keys.insert(key.clone(), used);
        Ok(())
    }

    fn draw(&mut self, row: &PgRow, key: &Key) -> Result<()> {
        let Some(number) = get(row, "draw", OPERATION)? else { return Ok(()) };
        let (user, task) = (parsed(row, "user_id", OPERATION)?, parsed(row, "task", OPERATION)?);
        self.working.draws.insert(key.clone(), Draw { user, task, number });
        Ok(())
    }
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

/// The wanted thing that a row is about, by its number in the list that was sent.
pub(super) fn numbered<T: Copy>(row: &PgRow, wanted: &[T]) -> Result<T> {
    let number: i64 = get(row, "n", OPERATION)?;
    let index = usize::try_from(number - 1).ok();
    let found = index.and_then(|index| wanted.get(index)).copied();
    found.ok_or_else(|| unreadable(OPERATION, "number", format!("nobody asked for {number}")))
}

fn columns<'k>(keys: &[&'k (TenantId, DecisionId)]) -> (Vec<&'k str>, Vec<Uuid>) {
    keys.iter().map(|(tenant, id)| (tenant.as_str(), uuid(*id))).unzip()
}
