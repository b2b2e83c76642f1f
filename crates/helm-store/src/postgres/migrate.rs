use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Executor, Row};

use super::BACKEND;
use super::error::{driver, unreadable};
use crate::error::Result;
use crate::migration::{Migration, Migrations};
use crate::store::{MigrationReport, MigrationStatus};

const OPERATION: &str = "migrate";

const MIGRATIONS: Migrations = Migrations {
    backend: BACKEND,
    all: &[
        Migration {
            version: 1,
            name: "first",
            sql: include_str!("../../migrations/postgres/0001_first.sql"),
        },
        Migration {
            version: 2,
            name: "months",
            sql: include_str!("../../migrations/postgres/0002_months.sql"),
        },
        Migration {
            version: 3,
            name: "summaries",
            sql: include_str!("../../migrations/postgres/0003_summaries.sql"),
        },
        Migration {
            version: 4,
            name: "less_to_write",
            sql: include_str!("../../migrations/postgres/0004_less_to_write.sql"),
        },
        Migration {
            version: 5,
            name: "months_in_sight",
            sql: include_str!("../../migrations/postgres/0005_months_in_sight.sql"),
        },
        Migration {
            version: 6,
            name: "api_keys",
            sql: include_str!("../../migrations/postgres/0006_api_keys.sql"),
        },
        Migration {
            version: 7,
            name: "activity",
            sql: include_str!("../../migrations/postgres/0007_activity.sql"),
        },
        Migration { version: 8, name: "rows", sql: include_str!("../../migrations/postgres/0008_rows.sql") },
        Migration {
            version: 9,
            name: "key_use",
            sql: include_str!("../../migrations/postgres/0009_key_use.sql"),
        },
    ],
};

const CREATE_LOG: &str = "CREATE TABLE IF NOT EXISTS helm_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";

/// Brings the schema up to this build's version, in one transaction under a lock that ends with it: processes
/// that migrate at once do so one after the other. What is up to date already is only read, so whoever does no more
/// than use it needs no right to change it.
pub(super) async fn migrate(pool: &PgPool) -> Result<MigrationReport> {
    let failed = |error| driver(OPERATION, error);
    let mut transaction = pool.begin().await.map_err(failed)?;
    let mut report = MigrationReport { version: check(&mut transaction).await?, applied: Vec::new() };
    if report.version == MIGRATIONS.newest() {
        return Ok(report);
    }
    // A large table may take its time, and so may those who came first.
    transaction.execute("SET LOCAL statement_timeout = 0").await.map_err(failed)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtextextended('helm migrations', 0))")
        .await
        .map_err(failed)?;
    transaction.execute(CREATE_LOG).await.map_err(failed)?;
    report.version = check(&mut transaction).await?;
    for migration in MIGRATIONS.after(report.version) {
        apply(&mut transaction, migration).await?;
        report.applied.push(migration.version);
    }
    transaction.commit().await.map_err(failed)?;
    report.version = MIGRATIONS.newest();
    Ok(report)
}

/// Refuses a schema that is not this build's.
pub(super) async fn require_current(pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await.map_err(|error| driver("open", error))?;
    MIGRATIONS.require_newest(check(&mut connection).await?)
}

/// Every migration that this build knows, for a schema of this version.
pub(super) fn statuses(applied: u32) -> Vec<MigrationStatus> {
    MIGRATIONS.statuses(applied)
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
        MIGRATIONS.compare(version, row.try_get(1).map_err(failed)?)?;
        last = version;
    }
    Ok(last)
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<()> {
    let failed = |error| driver(OPERATION, error);
    connection.execute(migration.sql).await.map_err(failed)?;
    let number = i32::try_from(migration.version).unwrap_or(i32::MAX);
    let noted = sqlx::query("INSERT INTO helm_migration (version, name, checksum) VALUES ($1, $2, $3)");
    let noted = noted.bind(number).bind(migration.name).bind(migration.checksum());
    noted.execute(connection).await.map(drop).map_err(failed)
}
