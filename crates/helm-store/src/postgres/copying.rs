//! What moving an installation here needs of a database.

use sqlx::postgres::PgPool;

use super::options::PostgresOptions;
use super::{connect, migrate};
use crate::error::{Error, Result};

pub(crate) use super::columns::Moment;
pub(crate) use super::months::make_of as make_months;

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
