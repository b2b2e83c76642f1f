//! HNSW indexes: one for each metric and dimension, of the rows that were taken into it.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Executor, Row};

use super::super::connect;
use super::super::decode::get;
use super::super::error::{driver, is_rolled_back};
use super::super::options::PostgresOptions;
use super::collections::{collection, space};
use super::sql::Sql;
use crate::error::{Result, chain};
use crate::vector::{Collection, Metric};

const OPERATION: &str = "build_indexes";

/// The most components that pgvector indexes.
const MOST_FULL: usize = 2_000;
/// The same in half precision.
const MOST_HALF: usize = 4_000;
/// How many rows are taken into an index at once. Each costs milliseconds, and whoever replaces or removes one of them
/// waits for all.
const ROWS: i64 = 20;

/// How the memories of one metric and dimension are indexed.
pub(super) struct Index {
    metric: Metric,
    dimension: usize,
    half: bool,
}

impl Index {
    /// The index for a collection; `None` when it has too many dimensions. Half precision is for directions only,
    /// whose components cannot be too large for it.
    pub(super) fn of(collection: &Collection, half: bool) -> Option<Self> {
        let Collection { metric, dimension, .. } = *collection;
        let half = half && metric == Metric::Cosine;
        let most = if half { MOST_HALF } else { MOST_FULL };
        (dimension <= most).then_some(Self { metric, dimension, half })
    }

    /// Goes on with its name.
    fn push_name(&self, sql: &mut Sql) {
        sql.push("helm_memory_").push(self.metric.as_str()).push("_").number(self.dimension);
        sql.push(if self.half { "_half" } else { "" });
    }

    /// Goes on with what is indexed.
    pub(super) fn push_subject(&self, sql: &mut Sql) {
        match self.half {
            true => sql.push("(l2_normalize(embedding)::halfvec(").number(self.dimension).push("))"),
            false => sql.push("(embedding::vector(").number(self.dimension).push("))"),
        };
    }

    /// Goes on with the operator that orders by the metric, best first.
    pub(super) fn push_operator(&self, sql: &mut Sql) {
        sql.push(match self.metric {
            Metric::Cosine => " <=> ",
            Metric::InnerProduct => " <#> ",
            Metric::L2 => " <-> ",
        });
    }

    /// What a query is compared as.
    pub(super) fn probe(&self, query: &[f32]) -> Vec<f32> {
        if !self.half {
            return query.to_vec();
        }
        let length = query.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt();
        query.iter().map(|part| (f64::from(*part) / length) as f32).collect()
    }

    /// Goes on with it.
    pub(super) fn push_probe(&self, sql: &mut Sql, probe: &[f32]) -> Result<()> {
        sql.bind(probe)?.push(if self.half { "::real[]::vector::halfvec(" } else { "::real[]::vector(" });
        sql.number(self.dimension).push(")");
        Ok(())
    }

    fn operators(&self) -> &'static str {
        match (self.metric, self.half) {
            (Metric::Cosine, false) => "vector_cosine_ops",
            (Metric::Cosine, true) => "halfvec_cosine_ops",
            (Metric::InnerProduct, _) => "vector_ip_ops",
            (Metric::L2, _) => "vector_l2_ops",
        }
    }

    fn create(&self) -> Sql {
        let mut sql = Sql::default();
        self.push_name(sql.push("CREATE INDEX CONCURRENTLY "));
        self.push_subject(sql.push(" ON helm_memory USING hnsw ("));
        sql.push(" ").push(self.operators()).push(") WITH (m = 16, ef_construction = 64) WHERE space = '");
        sql.push(self.metric.as_str()).push("/").number(self.dimension).push("' AND indexed");
        sql
    }

    fn drop(&self) -> Sql {
        let mut sql = Sql::default();
        self.push_name(sql.push("DROP INDEX CONCURRENTLY IF EXISTS "));
        sql
    }
}

/// Every metric and dimension in use, whether its index is there (NULL when it is not, false when it was not
/// finished), and whether there are as many memories as are worth one.
const SPACES: &str = "SELECT s.metric, s.dimension,
        (SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid
            = to_regclass('helm_memory_' || s.metric || '_' || s.dimension || CASE s.metric WHEN 'cosine' THEN $1 ELSE '' END))
            AS valid,
        (SELECT count(*) FROM (SELECT 1 FROM helm_collection c
            JOIN helm_memory m ON m.tenant = c.tenant AND m.collection = c.name
            WHERE c.metric = s.metric AND c.dimension = s.dimension LIMIT $2) m) >= $2 AS large
    FROM (SELECT DISTINCT metric, dimension FROM helm_collection) s ORDER BY 1, 2";

/// Takes rows into the index of their metric and dimension, passing over those that somebody is writing.
const TAKE: &str = "UPDATE helm_memory m SET indexed = true
    FROM (SELECT tenant, user_id, turn, number FROM helm_memory WHERE space = $1 AND NOT indexed
        LIMIT $2 FOR UPDATE SKIP LOCKED) k
    WHERE m.tenant = k.tenant AND m.user_id = k.user_id AND m.turn = k.turn AND m.number = k.number";

/// Only one process at a time builds indexes.
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('helm memories', 0))";

/// Builds what is missing, on a connection of its own that may take its time.
pub(super) async fn build(options: &PostgresOptions) -> Result<u64> {
    let mut connection = connect::patient(options).await?;
    let built = build_on(&mut connection, options).await;
    // Its locks go with it.
    if let Err(error) = connection.close().await {
        tracing::debug!(error = %chain(&error), "a connection could not be closed");
    }
    built
}

async fn build_on(connection: &mut PgConnection, options: &PostgresOptions) -> Result<u64> {
    let failed = |error| driver(OPERATION, error);
    let locked: bool =
        sqlx::query(LOCK).fetch_one(&mut *connection).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    if !locked {
        return Ok(0);
    }
    let half = options.half_precision_index;
    let spaces = sqlx::query(SPACES)
        .bind(if half { "_half" } else { "" })
        .bind(i64::try_from(options.index_after).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut taken = 0;
    for row in &spaces {
        taken += build_space(connection, row, half).await?;
    }
    Ok(taken)
}

async fn build_space(connection: &mut PgConnection, row: &PgRow, half: bool) -> Result<u64> {
    let collection = collection(row, String::new(), OPERATION)?;
    let Some(index) = Index::of(&collection, half) else { return Ok(0) };
    let space = space(&collection);
    let valid: Option<bool> = get(row, "valid", OPERATION)?;
    if valid == Some(true) {
        return take(connection, &space).await;
    }
    if !get::<bool>(row, "large", OPERATION)? {
        return Ok(0);
    }
    // One that was not finished is of no use.
    execute(connection, index.drop()).await?;
    // Those that waited for it; all others are marked already, and building at once is many times cheaper than taking
    // rows in one by one.
    take(connection, &space).await?;
    execute(connection, index.create()).await?;
    execute_static(connection, "ANALYZE helm_memory").await?;
    let mut sql = Sql::default();
    index.push_name(sql.push("SELECT reltuples::bigint FROM pg_class WHERE oid = '"));
    sql.push("'::regclass");
    let row = sql.query().fetch_one(connection).await;
    let built: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| driver(OPERATION, error))?;
    tracing::info!(space, memories = built, "an index of memories was built");
    Ok(built.unsigned_abs())
}

async fn execute(connection: &mut PgConnection, sql: Sql) -> Result<()> {
    sql.query().execute(connection).await.map(drop).map_err(|error| driver(OPERATION, error))
}

async fn execute_static(connection: &mut PgConnection, sql: &'static str) -> Result<()> {
    connection.execute(sql).await.map(drop).map_err(|error| driver(OPERATION, error))
}

async fn take(connection: &mut PgConnection, space: &str) -> Result<u64> {
    let mut taken = 0;
    loop {
        match sqlx::query(TAKE).bind(space).bind(ROWS).execute(&mut *connection).await {
            Ok(done) if done.rows_affected() == 0 => return Ok(taken),
            Ok(done) => taken += done.rows_affected(),
            Err(error) if is_rolled_back(&error) => {}
            Err(error) => return Err(driver(OPERATION, error)),
        }
    }
}
