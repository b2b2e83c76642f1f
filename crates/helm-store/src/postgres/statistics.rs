//! What PostgreSQL knows of tables that have just begun to grow.
//!
//! Of a table that it has not looked at it assumes that it is small, and of a small one that each index that begins with
//! the tenant serves as well as the primary key. So a decision was looked up among all of its tenant's, for minutes,
//! until the server's own upkeep came along. That goes by the minute; a busy installation has many thousand rows by
//! then. The same begins with each month's partition.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio_util::sync::CancellationToken;

use super::connect;
use super::error::driver;
use super::options::PostgresOptions;
use crate::error::{Result, chain};

const OPERATION: &str = "statistics";

/// How often it is looked whether tables have grown, at first and after each that has.
const EVERY: Duration = Duration::from_secs(1);
/// While none grows the pauses double up to this.
const SELDOM: Duration = Duration::from_secs(32);

/// Tables with more than five times the rows that the planner knows of, and more than fifty. Of large ones it knows
/// enough, and looking at them is work: they are left to the server, unless nobody has ever looked.
const GROWN: &str = "SELECT c.oid::regclass::text AS name, s.n_live_tup AS rows
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND s.relname LIKE 'helm\\_%' AND s.n_live_tup > 5 * greatest(c.reltuples, 10)
        AND (c.reltuples < 0 OR s.n_live_tup < 20000)
    ORDER BY 1";

/// Only one process at a time looks.
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('helm statistics', 0))";

/// As gently as the server's own upkeep.
const GENTLE: &str = "SET vacuum_cost_delay = '2ms'";

/// Has tables looked at that have grown many times, until told to stop.
pub(super) async fn look_after(pool: PgPool, options: PostgresOptions, stop: CancellationToken) {
    let (mut pause, mut seen) = (EVERY, HashMap::new());
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        let Some(looked) = stop.run_until_cancelled(look(&pool, &options, &mut seen)).await else { return };
        let has_grown = looked.unwrap_or_else(|error| {
            // The server's own upkeep comes along too, only later.
            tracing::debug!(error = %chain(&error), "tables that have grown could not be looked at");
            false
        });
        pause = if has_grown { EVERY } else { (pause * 2).min(SELDOM) };
    }
}

/// Whether some table has grown since it was `seen` with so many rows. One that this user may not look at is not tried
/// again before it has grown as much again.
async fn look(pool: &PgPool, options: &PostgresOptions, seen: &mut HashMap<String, i64>) -> Result<bool> {
    let failed = |error| driver(OPERATION, error);
    let mut grown = Vec::new();
    for row in sqlx::query(GROWN).fetch_all(pool).await.map_err(failed)? {
        let name: String = row.try_get("name").map_err(failed)?;
        let rows: i64 = row.try_get("rows").map_err(failed)?;
        if seen.get(&name).is_none_or(|seen| rows > 5 * seen) {
            grown.push(name.clone());
            seen.insert(name, rows);
        }
    }
    if grown.is_empty() {
        return Ok(false);
    }
    let mut connection = connect::patient(options).await?;
    let analysed = analyse(&mut connection, &grown).await;
    if let Err(error) = connection.close().await {
        tracing::debug!(error = %chain(&error), "a connection could not be closed");
    }
    analysed.map(|()| true)
}

/// One by one, so that none waits for another; what somebody else is at is left to them.
async fn analyse(connection: &mut PgConnection, tables: &[String]) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    let locked = sqlx::query(LOCK).fetch_one(&mut *connection).await.and_then(|row| row.try_get(0));
    if !locked.map_err(failed)? {
        return Ok(());
    }
    connection.execute(GENTLE).await.map_err(failed)?;
    for table in tables {
        let statement = AssertSqlSafe(format!("ANALYZE (SKIP_LOCKED) {table}"));
        connection.execute(statement).await.map_err(failed)?;
    }
    Ok(())
}
