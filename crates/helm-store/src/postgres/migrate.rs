use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Executor, Row};

use super::BACKEND;
use super::error::{driver, unreadable};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{MigrationReport, MigrationStatus};

const OPERATION: &str = "migrate";

struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

/// Every migration ever released, in order; none is ever changed.
const MIGRATIONS: [Migration; 1] =
    [Migration { version: 1, name: "first", sql: include_str!("../../migrations/postgres/0001_first.sql") }];

const CREATE_LOG: &str = "CREATE TABLE IF NOT EXISTS helm_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";

/// Brings the schema up to this build's version, in one transaction under a lock that ends with it: processes
/// that migrate at once do so one after the other.
pub(super) async fn migrate(pool: &PgPool) -> Result<MigrationReport> {
    let failed = |error| driver(OPERATION, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    // A large table may take its time, and so may those who came first.
    transaction.execute("SET LOCAL statement_timeout = 0").await.map_err(failed)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtextextended('helm migrations', 0))")
        .await
        .map_err(failed)?;
    transaction.execute(CREATE_LOG).await.map_err(failed)?;
    let mut report = MigrationReport { version: check(&mut transaction).await?, applied: Vec::new() };
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > report.version) {
        apply(&mut transaction, migration).await?;
        report.applied.push(migration.version);
    }
    transaction.commit().await.map_err(failed)?;
    report.version = newest();
    Ok(report)
}

/// Refuses a schema that is not this build's.
pub(super) async fn require_current(pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await.map_err(|error| driver("open", error))?;
    let (version, expected) = (check(&mut connection).await?, newest());
    if version == expected {
        return Ok(());
    }
    let message =
        format!("the schema is at version {version}, this build needs {expected}; run `helmctl migrate`");
    Err(Error::new(ErrorKind::SchemaMismatch, BACKEND, "open", message))
}

/// Every migration that this build knows, for a schema of this version.
pub(super) fn statuses(applied: u32) -> Vec<MigrationStatus> {
    let status = |migration: &Migration| MigrationStatus {
        version: migration.version,
        name: migration.name,
        applied: migration.version <= applied,
    };
    MIGRATIONS.iter().map(status).collect()
}

/// The version that is applied, after comparing what was applied with what this build knows.
pub(super) async fn check(connection: &mut PgConnection) -> Result<u32> {
    let failed = |error| driver(OPERATION, error);
    let exists = sqlx::query("SELECT to_regclass('helm_migration') IS NOT NULL");
    let exists = exists.fetch_one(&mut *connection).await.map_err(failed)?;
    if !exists.try_get::<bool, _>(0).map_err(failed)? {
        return Ok(0);
    }
    let rows = sqlx::query("SELECT version, checksum FROM helm_migration ORDER BY version");
    let rows = rows.fetch_all(connection).await.map_err(failed)?;
    let mut last = 0;
    for row in rows {
        let version: i32 = row.try_get(0).map_err(failed)?;
        let version = u32::try_from(version).map_err(|error| unreadable(OPERATION, "version", error))?;
        compare(version, row.try_get(1).map_err(failed)?)?;
        last = version;
    }
    Ok(last)
}

/// Refuses an applied migration that this build does not know, or knows otherwise.
fn compare(version: u32, stored: &str) -> Result<()> {
    let message = match MIGRATIONS.iter().find(|migration| migration.version == version) {
        None => format!("the schema has version {version}, which is newer than this build; upgrade helm"),
        Some(known) if checksum(known) != stored => format!(
            "migration {version} was applied with other content; restore the database or use the build that made it"
        ),
        Some(_) => return Ok(()),
    };
    Err(Error::new(ErrorKind::SchemaMismatch, BACKEND, OPERATION, message))
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    connection.execute(migration.sql).await.map_err(failed)?;
    let number = i32::try_from(migration.version).unwrap_or(i32::MAX);
    let noted = sqlx::query("INSERT INTO helm_migration (version, name, checksum) VALUES ($1, $2, $3)");
    let noted = noted.bind(number).bind(migration.name).bind(checksum(migration));
    noted.execute(connection).await.map(drop).map_err(failed)
}

fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

fn checksum(migration: &Migration) -> String {
    Sha256::digest(migration.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
