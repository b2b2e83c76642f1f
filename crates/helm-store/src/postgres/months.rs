//! The partitions of helm_turn, one for each month.

use std::time::Duration;

use helm_core::{Clock, SystemClock, Timestamp};
use sqlx::postgres::PgPool;
use sqlx::{Executor, Postgres, Row, Transaction};
use tokio_util::sync::CancellationToken;

use super::columns::Moment;
use super::error::{driver, is_in_the_way};
use crate::error::{ErrorKind, Result, chain};

const OPERATION: &str = "partition";

/// How often months are looked after.
const EVERY: Duration = Duration::from_secs(86_400);

/// This month and the next two.
const AHEAD: &str = "SELECT $1 + make_interval(months => n) FROM generate_series(0, 2) m (n)";

/// Months of turns that have none although they are no older than Helm: after a copy from elsewhere.
const LEFT_OUT: &str = "SELECT DISTINCT date_trunc('month',
        to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0), 'UTC')
    FROM helm_turn_rest WHERE id >= helm_first_id('2025-01-01 00:00:00+00') AND id < helm_first_id($1)";

/// Statements of this upkeep may take longer than others.
const PATIENCE: &str = "SET LOCAL statement_timeout = '10min'";

/// Makes the partitions that are needed soon. A database user who may not is only warned: turns without a month's
/// partition go to the rest.
pub(super) async fn make_ahead(pool: &PgPool) -> Result<()> {
    match make(pool, AHEAD, SystemClock.now(), &CancellationToken::new()).await {
        Err(error) if error.kind() == ErrorKind::Unwritable => {
            tracing::warn!(error = %chain(&error), "the partitions of coming months cannot be made");
            Ok(())
        }
        made => made,
    }
}

/// Makes partitions until told to stop, each on its own, and only if that does not keep others waiting.
async fn make(pool: &PgPool, wanted: &'static str, now: Timestamp, stop: &CancellationToken) -> Result<()> {
    let Some(months) = stop.run_until_cancelled(months(pool, wanted, now)).await else { return Ok(()) };
    for month in months? {
        let Some(made) = stop.run_until_cancelled(make_one(pool, month)).await else { return Ok(()) };
        // A commit is never left half-way: what sqlx then rolls back may be no transaction any more.
        if let Some(transaction) = made? {
            transaction.commit().await.map_err(|error| driver(OPERATION, error))?;
        }
    }
    Ok(())
}

/// Makes a month's partition, to be committed; `None` when somebody is in the way.
async fn make_one(pool: &PgPool, month: Moment) -> Result<Option<Transaction<'static, Postgres>>> {
    let failed = |error| driver(OPERATION, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    transaction.execute(PATIENCE).await.map_err(failed)?;
    transaction.execute("SET LOCAL lock_timeout = '1s'").await.map_err(failed)?;
    match sqlx::query("SELECT helm_make_month($1)").bind(month).execute(&mut *transaction).await {
        Ok(_) => Ok(Some(transaction)),
        Err(error) if is_in_the_way(&error) => {
            tracing::debug!(error = %chain(&error), "a month's partition is left for later");
            Ok(None)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Which months are wanted. Nothing is changed, so nothing is committed.
async fn months(pool: &PgPool, wanted: &'static str, now: Timestamp) -> Result<Vec<Moment>> {
    let failed = |error| driver(OPERATION, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    transaction.execute(PATIENCE).await.map_err(failed)?;
    let rows = sqlx::query(wanted).bind(Moment(now)).fetch_all(&mut *transaction).await.map_err(failed)?;
    rows.iter().map(|row| row.try_get(0).map_err(failed)).collect()
}

/// Makes partitions once a day until told to stop.
pub(super) async fn look_after(pool: PgPool, stop: CancellationToken) {
    loop {
        for wanted in [AHEAD, LEFT_OUT] {
            // Turns without a month's partition go to the rest, so nothing is lost by waiting.
            if let Err(error) = make(&pool, wanted, SystemClock.now(), &stop).await {
                tracing::warn!(error = %chain(&error), "a month's partition could not be made");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Drops the months before a moment that are empty; those that are in use are left for the next time.
pub(super) async fn drop_empty(pool: &PgPool, before: Timestamp) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    transaction.execute("SET LOCAL lock_timeout = '1s'").await.map_err(failed)?;
    match sqlx::query("SELECT helm_drop_months($1)").bind(Moment(before)).execute(&mut *transaction).await {
        Ok(_) => transaction.commit().await.map_err(failed),
        Err(error) if is_in_the_way(&error) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Whether some turns are in no month's partition.
pub(super) async fn has_rest(pool: &PgPool) -> Result<bool> {
    let found = sqlx::query("SELECT EXISTS (SELECT FROM helm_turn_rest)").fetch_one(pool).await;
    found.and_then(|row| row.try_get(0)).map_err(|error| driver(OPERATION, error))
}
