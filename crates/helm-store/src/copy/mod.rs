//! Moving an installation from a SQLite file to a PostgreSQL database.
//!
//! Every row of every table is copied as it is, in one transaction of the database: a copy that does not come to its
//! end leaves nothing behind. The file is locked against writers for as long, and it is not changed.

mod column;
mod tables;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Acquire, Executor, Row};

use self::column::Column;
use self::tables::{TABLES, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::postgres::{BACKEND, PostgresOptions, copying as target};
use crate::sqlite::{SqliteOptions, copying as source};

const OPERATION: &str = "copy";
/// So many rows go in one statement.
const ROWS: usize = 1_000;
/// A statement may take its time, and so may the file between two of them.
const PATIENCE: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// What became of one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct CopiedTable {
    /// Its name, the same on both sides.
    pub table: &'static str,
    /// The rows of the file.
    pub rows: u64,
    /// The rows of the database, counted when all were there.
    pub copied: u64,
}

/// Copies everything, and answers the counts of both sides, which are equal. `progress` is told each table and how
/// many of how many rows have been sent.
///
/// # Errors
///
/// [`ErrorKind::SchemaMismatch`] when the file's schema is not this build's; [`ErrorKind::Conflict`] when the database
/// holds an installation already; [`ErrorKind::Invalid`] when a text holds NUL, which PostgreSQL cannot store;
/// [`ErrorKind::Internal`] when counts differ in the end. The database is as before then.
pub async fn copy(
    from: &SqliteOptions,
    to: &PostgresOptions,
    progress: &mut (dyn FnMut(&'static str, u64, u64) + Send),
) -> Result<Vec<CopiedTable>> {
    let mut file = source::locked(from).await?;
    let pool = target::migrated(to).await?;
    let copied = copy_all(&mut file, &pool, progress).await;
    source::unlocked(file).await;
    pool.close().await;
    copied
}

async fn copy_all(
    file: &mut SqliteConnection,
    pool: &PgPool,
    progress: &mut (dyn FnMut(&'static str, u64, u64) + Send),
) -> Result<Vec<CopiedTable>> {
    let failed = |error| target::failed(OPERATION, error);
    let mut connection = pool.acquire().await.map_err(failed)?;
    let mut transaction = connection.begin().await.map_err(failed)?;
    transaction.execute(PATIENCE).await.map_err(failed)?;
    for table in TABLES {
        if target_rows(&mut transaction, table).await? > 0 {
            let message = format!("the database has rows in {} already; copy into an empty one", table.name);
            return Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message));
        }
    }
    let mut copied = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        copied.push(copy_table(file, &mut transaction, table, progress).await?);
    }
    if let Some(short) = copied.iter().find(|table| table.rows != table.copied) {
        let CopiedTable { table, rows, copied } = short;
        let message = format!("{table} has {rows} rows in the file and {copied} in the database");
        return Err(Error::new(ErrorKind::Internal, BACKEND, OPERATION, message));
    }
    transaction.commit().await.map_err(failed)?;
    Ok(copied)
}

async fn copy_table(
    file: &mut SqliteConnection,
    database: &mut PgConnection,
    table: &'static Table,
    progress: &mut (dyn FnMut(&'static str, u64, u64) + Send),
) -> Result<CopiedTable> {
    let unread = |error| source::failed(OPERATION, error);
    let row = sqlx::query(table.count).fetch_one(&mut *file).await.map_err(unread)?;
    let rows = row.try_get::<i64, _>(0).map_err(unread)?.unsigned_abs();
    progress(table.name, 0, rows);
    let mut sent = 0;
    let mut stream = sqlx::query(table.select).fetch(&mut *file);
    loop {
        let mut columns: Vec<Column> = table.kinds.iter().map(|kind| Column::new(*kind)).collect();
        let mut taken = 0;
        while taken < ROWS
            && let Some(row) = stream.try_next().await.map_err(unread)?
        {
            for (index, column) in columns.iter_mut().enumerate() {
                column.push(&row, index)?;
            }
            taken += 1;
        }
        if taken == 0 {
            break;
        }
        prepare(database, table, &columns).await?;
        let insert = columns.into_iter().fold(sqlx::query(table.insert), |query, column| column.bind(query));
        insert.execute(&mut *database).await.map_err(|error| target::failed(OPERATION, error))?;
        sent += taken as u64;
        progress(table.name, sent, rows);
    }
    drop(stream);
    Ok(CopiedTable { table: table.name, rows, copied: target_rows(database, table).await? })
}

/// Turns are kept by the months of their ids.
async fn prepare(database: &mut PgConnection, table: &Table, columns: &[Column]) -> Result<()> {
    match (table.name, columns.get(1)) {
        ("helm_turn", Some(Column::Id(ids))) => target::make_months(database, ids).await,
        _ => Ok(()),
    }
}

async fn target_rows(database: &mut PgConnection, table: &Table) -> Result<u64> {
    let failed = |error| target::failed(OPERATION, error);
    let row = sqlx::query(table.count).fetch_one(database).await.map_err(failed)?;
    row.try_get::<i64, _>(0).map(i64::unsigned_abs).map_err(failed)
}
