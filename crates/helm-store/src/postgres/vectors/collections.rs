use std::collections::{BTreeMap, BTreeSet, HashMap};

use helm_core::TenantId;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::BACKEND;
use super::super::decode::{get, integer, natural};
use super::super::error::{failure, unreadable};
use super::super::load::numbered;
use super::super::save::column;
use super::super::store::Work;
use super::super::together::{Part, Together};
use crate::batch::{CollectionKey, Failure};
use crate::error::Result;
use crate::vector::{Collection, Metric};

/// Locks collections against being dropped, in the order of their keys.
const LOAD: &str = "SELECT k.n, c.metric, c.dimension
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (tenant, name, n)
    JOIN helm_collection c ON c.tenant = k.tenant AND c.name = k.name ORDER BY k.n FOR KEY SHARE OF c";

const HOLD: &str = "SELECT 1 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        WITH ORDINALITY k (tenant, name, metric, dimension, n)
    JOIN helm_collection c ON c.tenant = k.tenant AND c.name = k.name AND c.metric = k.metric
        AND c.dimension = k.dimension
    ORDER BY k.n FOR KEY SHARE OF c";

const INSERT: &str = "INSERT INTO helm_collection (tenant, name, metric, dimension)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) ON CONFLICT DO NOTHING";

/// Collections that exist, locked against being dropped.
pub(super) async fn load(
    connection: &mut PgConnection,
    keys: &BTreeSet<CollectionKey>,
) -> Result<HashMap<CollectionKey, Collection>, Failure> {
    const OPERATION: &str = "load_collections";
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = keys.iter().collect();
    let rows = sqlx::query(LOAD)
        .bind(column(&wanted, |(tenant, _)| tenant.as_str()))
        .bind(column(&wanted, |(_, name)| name.as_str()))
        .fetch_all(connection)
        .await
        .map_err(|error| failure(OPERATION, error))?;
    let read = rows.iter().map(|row| {
        let key = numbered(row, &wanted)?;
        Ok((key.clone(), collection(row, key.1.clone(), OPERATION)?))
    });
    Ok(read.collect::<Result<_>>()?)
}

/// Makes collections that were not there.
pub(in super::super) fn insert(
    writes: &mut Together,
    begun: &BTreeMap<CollectionKey, Collection>,
) -> Result<()> {
    if begun.is_empty() {
        return Ok(());
    }
    bind(writes.write(INSERT, Some(begun.len())), begun)
}

/// Holds collections that were seen against being dropped, in the order of their keys.
pub(in super::super) fn hold(
    writes: &mut Together,
    seen: &BTreeMap<CollectionKey, Collection>,
) -> Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    bind(writes.hold(HOLD, seen.len()), seen)
}

fn bind(part: Part<'_>, collections: &BTreeMap<CollectionKey, Collection>) -> Result<()> {
    let rows: Vec<_> = collections.iter().collect();
    let dimensions = rows.iter().map(|(_, row)| integer(row.dimension, "dimension", "create_collection"));
    part.bind(column(&rows, |((tenant, _), _)| tenant.as_str()))?
        .bind(column(&rows, |((_, name), _)| name.as_str()))?
        .bind(column(&rows, |(_, row)| row.metric.as_str()))?
        .bind(dimensions.collect::<Result<Vec<i64>>>()?)
        .map(drop)
}

/// The collection of that name with the columns `metric` and `dimension`.
pub(in super::super) fn collection(row: &PgRow, name: String, operation: &'static str) -> Result<Collection> {
    let metric: &str = get(row, "metric", operation)?;
    let known = Metric::from_name(metric);
    let metric = known.ok_or_else(|| unreadable(operation, "metric", format!("{metric:?} is not known")))?;
    let dimension = natural(get(row, "dimension", operation)?, "dimension", operation)?;
    Ok(Collection::new(name, dimension).with_metric(metric))
}

/// What the memories of collections of one metric and dimension have in common, as in `cosine/384`.
pub(super) fn space(collection: &Collection) -> String {
    format!("{}/{}", collection.metric, collection.dimension)
}

/// Makes a collection; answers whether it is new.
pub(super) struct Create<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) collection: &'a Collection,
}

impl Work for Create<'_> {
    type Done = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, Failure> {
        const OPERATION: &str = "create_collection";
        self.collection.check(BACKEND, OPERATION)?;
        let key = (self.tenant.clone(), self.collection.name.clone());
        if let Some(stored) = load(connection, &BTreeSet::from([key.clone()])).await?.get(&key) {
            stored.check_same(BACKEND, OPERATION, self.collection)?;
            return Ok(false);
        }
        let mut writes = Together::new(OPERATION);
        insert(&mut writes, &BTreeMap::from([(key, self.collection.clone())]))?;
        writes.run(connection).await?;
        Ok(true)
    }
}

/// Removes a collection with all its memories; answers how many there were.
pub(super) struct Remove<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) name: &'a str,
}

impl Work for Remove<'_> {
    type Done = Option<u64>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Option<u64>, Failure> {
        let failed = |error| failure("drop_collection", error);
        sqlx::query("SET LOCAL statement_timeout = '10min'")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        // First the collection: this waits for those who are putting memories into it, whose rows are then seen.
        let gone = sqlx::query("DELETE FROM helm_collection WHERE tenant = $1 AND name = $2");
        let gone = gone.bind(self.tenant.as_str()).bind(self.name).execute(&mut *connection).await;
        if gone.map_err(failed)?.rows_affected() == 0 {
            return Ok(None);
        }
        let gone = sqlx::query("DELETE FROM helm_memory WHERE tenant = $1 AND collection = $2");
        let gone = gone.bind(self.tenant.as_str()).bind(self.name).execute(connection).await;
        Ok(Some(gone.map_err(failed)?.rows_affected()))
    }
}
