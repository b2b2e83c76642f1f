//! What moving an installation here needs of a database.

use helm_core::{Clock, SystemClock};
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use super::options::PostgresOptions;
use super::{connect, migrate};
use crate::error::{Error, Result};

pub(crate) use super::columns::Moment;

/// Makes the months of these ids, as far as they are no older than Helm and begin no later than those that are made
/// ahead.
const OF_IDS: &str = "SELECT helm_make_month(month) FROM (
        SELECT DISTINCT date_trunc('month',
            to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0), 'UTC') AS month
        FROM unnest($1::uuid[]) i (id)
        WHERE id >= helm_first_id('2025-01-01 00:00:00+00')
            AND id < helm_first_id(date_trunc('month', $2, 'UTC') + INTERVAL '3 months')) m ORDER BY month";

/// An error of the driver.
pub(crate) fn failed(operation: &'static str, error: sqlx::Error) -> Error {
    super::error::driver(operation, error)
}

/// The database, with this build's schema.
pub(crate) async fn migrated(options: &PostgresOptions) -> Result<PgPool> {
    connect::probe(options).await?;
    let pool = connect::readers(options).await?;
    migrate::migrate(&pool).await?;
    Ok(pool)
}

/// Makes the partitions that turns with these ids belong to, inside the caller's transaction.
pub(crate) async fn make_months(connection: &mut PgConnection, ids: &[Uuid]) -> Result<()> {
    let made = sqlx::query(OF_IDS).bind(ids).bind(Moment(SystemClock.now())).execute(connection).await;
    made.map(drop).map_err(|error| failed("partition", error))
}
