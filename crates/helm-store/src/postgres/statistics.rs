//! What PostgreSQL knows of tables that have just begun to grow.
//!
//! Of a table that it has not looked at it assumes that it is small, and of a small one that each index that begins with
//! the tenant serves as well as the primary key. So a decision was looked up among all of its tenant's, for minutes,
//! until the server's own upkeep came along. That goes by the minute; a busy installation has many thousand rows by
//! then. The same begins with each month's partition.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio_util::sync::CancellationToken;

use super::connect;
use super::error::driver;
use super::options::PostgresOptions;
use crate::error::{Result, chain};

const OPERATION: &str = "statistics";

/// After what time it is looked for the first time whether tables have grown. The pauses double up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// This user's tables with more than five times the rows that the planner knows of, and more than fifty. Of large ones it
/// knows enough, and looking at them is work: they are left to the server, unless it knows of hardly a row: many came at once.
const GROWN: &str = "SELECT c.oid::regclass::text AS name
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema() AND s.relname LIKE 'helm\\_%' AND s.n_live_tup > 5 * greatest(c.reltuples, 10)
        AND (c.reltuples < 1000 OR s.n_live_tup < 20000) AND pg_has_role(c.relowner, 'USAGE')
    ORDER BY 1";

/// Only one process at a time looks.
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('helm statistics', 0))";

/// As gently as the server's own upkeep.
const GENTLE: &str = "SET vacuum_cost_delay = '2ms'";

/// Has tables looked at that have grown many times, until told to stop.
pub(super) async fn look_after(pool: PgPool, options: PostgresOptions, stop: CancellationToken) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        let Some(looked) = stop.run_until_cancelled(look(&pool, &options)).await else { return };
        // The server's own upkeep comes along too, only later.
        tell(looked);
        pause = (pause * 2).min(LONGEST);
    }
}

fn tell(looked: Result<()>) {
    if let Err(error) = looked {
        tracing::debug!(error = %chain(&error), "a table that has grown could not be looked at");
    }
}

async fn look(pool: &PgPool, options: &PostgresOptions) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    let grown = sqlx::query(GROWN).fetch_all(pool).await.map_err(failed)?;
    let grown: std::result::Result<Vec<String>, _> = grown.iter().map(|row| row.try_get("name")).collect();
    let grown = grown.map_err(failed)?;
    if grown.is_empty() {
        return Ok(());
    }
    let mut connection = connect::patient(options).await?;
    let analysed = analyse(&mut connection, &grown).await;
    // The lock goes with it.
    let closed = connection.close().await.map_err(failed);
    analysed.and(closed)
}

/// One by one, so that none waits for another; what somebody else is at is left to them, and comes up again where they
/// were at something else.
async fn analyse(connection: &mut PgConnection, tables: &[String]) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    let locked = sqlx::query(LOCK).fetch_one(&mut *connection).await.and_then(|row| row.try_get(0));
    if !locked.map_err(failed)? {
        return Ok(());
    }
    connection.execute(GENTLE).await.map_err(failed)?;
    for table in tables {
        let statement = AssertSqlSafe(format!("ANALYZE (SKIP_LOCKED) {table}"));
        tell(connection.execute(statement).await.map(drop).map_err(failed));
    }
    Ok(())
}
