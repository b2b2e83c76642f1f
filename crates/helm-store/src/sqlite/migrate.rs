use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor, Row};

use super::BACKEND;
use super::error::{driver, opening};
use crate::error::{Error, ErrorKind, Result};
use crate::migration::{Migration, Migrations};
use crate::store::{MigrationReport, MigrationStatus};

const MIGRATIONS: Migrations = Migrations {
    backend: BACKEND,
    all: &[
        Migration { version: 1, name: "first", sql: include_str!("../../migrations/sqlite/0001_first.sql") },
        Migration { version: 2, name: "draws", sql: include_str!("../../migrations/sqlite/0002_draws.sql") },
        Migration {
            version: 3,
            name: "vectors",
            sql: include_str!("../../migrations/sqlite/0003_vectors.sql"),
        },
        Migration {
            version: 4,
            name: "retention",
            sql: include_str!("../../migrations/sqlite/0004_retention.sql"),
        },
        Migration { version: 5, name: "turns", sql: include_str!("../../migrations/sqlite/0005_turns.sql") },
        Migration {
            version: 6,
            name: "summaries",
            sql: include_str!("../../migrations/sqlite/0006_summaries.sql"),
        },
        Migration {
            version: 7,
            name: "memories",
            sql: include_str!("../../migrations/sqlite/0007_fewer_pages.sql"),
        },
        Migration {
            version: 8,
            name: "open_turns",
            sql: include_str!("../../migrations/sqlite/0008_open_turns.sql"),
        },
        Migration {
            version: 9,
            name: "api_keys",
            sql: include_str!("../../migrations/sqlite/0009_api_keys.sql"),
        },
        Migration {
            version: 10,
            name: "activity",
            sql: include_str!("../../migrations/sqlite/0010_activity.sql"),
        },
        Migration {
            version: 11,
            name: "key_use",
            sql: include_str!("../../migrations/sqlite/0011_key_use.sql"),
        },
    ],
};

const CREATE_LOG: &str = "CREATE TABLE IF NOT EXISTS helm_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT";

/// Held while a file is created or its schema changed; given back when dropped, also by the end of the process.
///
/// SQLite has no lock that covers a new file's switch to WAL (where its busy timeout does not apply) or several
/// statements of several connections, so an operating system lock on a file beside the database does.
pub(super) struct MigrationLock {
    _file: File,
}

/// Brings the schema up to this build's version.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    _lock: &MigrationLock,
) -> Result<MigrationReport> {
    connection.execute(CREATE_LOG).await.map_err(|error| opening(path, error))?;
    let mut report = MigrationReport { version: check(connection).await?, applied: Vec::new() };
    for migration in MIGRATIONS.after(report.version) {
        apply(connection, migration).await?;
        report.applied.push(migration.version);
    }
    report.version = MIGRATIONS.newest();
    Ok(report)
}

/// Refuses a schema that is not this build's.
pub(super) async fn require_current(connection: &mut SqliteConnection) -> Result<()> {
    MIGRATIONS.require_newest(check(connection).await?)
}

/// Every migration that this build knows, for a schema of this version.
pub(super) fn statuses(applied: u32) -> Vec<MigrationStatus> {
    MIGRATIONS.statuses(applied)
}

/// The version that is applied, after comparing what was applied with what this build knows.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<u32> {
    let exists = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'helm_migration'");
    let exists = exists.fetch_optional(&mut *connection).await.map_err(|error| driver("migrate", error))?;
    if exists.is_none() {
        return Ok(0);
    }
    let rows = sqlx::query("SELECT version, checksum FROM helm_migration ORDER BY version");
    let rows = rows.fetch_all(&mut *connection).await.map_err(|error| driver("migrate", error))?;
    let mut last = 0;
    for row in rows {
        let version: u32 = row.try_get(0).map_err(|error| driver("migrate", error))?;
        MIGRATIONS.compare(version, row.try_get(1).map_err(|error| driver("migrate", error))?)?;
        last = version;
    }
    Ok(last)
}

async fn apply(connection: &mut SqliteConnection, migration: &Migration) -> Result<()> {
    let failed = |error| driver("migrate", error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    transaction.execute(migration.sql).await.map_err(failed)?;
    sqlx::query("INSERT INTO helm_migration (version, name, checksum) VALUES (?, ?, ?)")
        .bind(migration.version)
        .bind(migration.name)
        .bind(migration.checksum())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// Waits for the lock on the database at `path`.
pub(super) async fn lock(path: &Path) -> Result<MigrationLock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let failed = {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            let message = format!("cannot lock {path}; make its folder writable or choose another");
            Error::new(ErrorKind::Unavailable, BACKEND, "open", message).with_source(error)
        }
    };
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(MigrationLock { _file: file })
    });
    match locked.await {
        Ok(locked) => locked.map_err(failed),
        Err(error) => Err(failed(std::io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MetadataPath, Metric, Selection, VectorQuery, VectorStore};

    /// The memories of a file of version 2, with collections of several dimensions.
    const OLD_MEMORIES: &str = "INSERT INTO helm_memory VALUES
        ('t', 'ana', 'c', x'00000000000000000000000000000001', 0, 'one', x'0000803f00000000', 'null', 0),
        ('t', 'ana', 'c', x'00000000000000000000000000000002', 0, 'two', x'0000803f0000803f', '{\"n\":1}', 0),
        ('t', 'bo', 'c', x'00000000000000000000000000000001', 0, 'three', x'0000803f', 'null', 0),
        ('u', 'ana', 'c', x'00000000000000000000000000000001', 0, 'four', x'0000803f', 'null', 0)";

    /// A new file with the first of the migrations.
    async fn with_first(options: &super::super::SqliteOptions, migrations: usize) -> SqliteConnection {
        let lock = lock(&options.path).await.unwrap();
        let mut connection = super::super::connect::writer(options, &lock).await.unwrap();
        connection.execute(CREATE_LOG).await.unwrap();
        for migration in &MIGRATIONS.all[..migrations] {
            apply(&mut connection, migration).await.unwrap();
        }
        connection.into_connection()
    }

    #[tokio::test]
    async fn memories_of_a_user_become_a_tenants() {
        let folder = tempfile::tempdir().unwrap();
        let options = super::super::SqliteOptions::new(folder.path().join("helm.db"));
        let mut connection = with_first(&options, 2).await;
        connection.execute(OLD_MEMORIES).await.unwrap();
        connection.close().await.unwrap();
        let store = super::super::SqliteStore::open(options).await.unwrap();
        let (t, ana, bo) = ("t".parse().unwrap(), "ana".parse().unwrap(), "bo".parse().unwrap());
        let infos = store.collections(&t).await.unwrap();
        let brief = infos.iter().map(|info| {
            (info.collection.name.as_str(), info.collection.metric, info.collection.dimension, info.memories)
        });
        let expected = [("c", Metric::Cosine, 2, 2), ("c@1", Metric::Cosine, 1, 1)];
        assert_eq!(brief.collect::<Vec<_>>(), expected);
        assert_eq!(store.collections(&"u".parse().unwrap()).await.unwrap().len(), 1);
        let search = async |selection, embedding| {
            let hits = store.search(&t, &VectorQuery::new(selection, embedding, 9)).await.unwrap();
            hits.into_iter().map(|hit| hit.memory.text).collect::<Vec<_>>()
        };
        assert_eq!(search(Selection::of_user(ana, "c"), vec![1.0, 0.1]).await, ["one", "two"]);
        assert_eq!(search(Selection::of_user(bo, "c@1"), vec![1.0]).await, ["three"]);
        let filter = crate::Filter::exists(MetadataPath::from("n"));
        assert_eq!(search(Selection::of_everyone("c").with_filter(filter), vec![1.0, 0.1]).await, ["two"]);
    }

    /// All memories, with the numbers of their rows.
    async fn rows(connection: &mut SqliteConnection) -> String {
        let all =
            "SELECT json_group_array(json_array(rowid, tenant, user_id, collection, hex(turn), number, text,
            hex(embedding), metadata, at) ORDER BY rowid) FROM helm_memory";
        sqlx::query_scalar(all).fetch_one(connection).await.unwrap()
    }

    /// The revision of a tenant's collection.
    async fn revision(connection: &mut SqliteConnection) -> i64 {
        let revision = "SELECT revision FROM helm_collection WHERE tenant = 't' AND name = 'c'";
        sqlx::query_scalar(revision).fetch_one(connection).await.unwrap()
    }

    #[tokio::test]
    async fn memories_keep_their_rows_when_their_index_changes() {
        let folder = tempfile::tempdir().unwrap();
        let options = super::super::SqliteOptions::new(folder.path().join("helm.db"));
        let mut connection = with_first(&options, 2).await;
        connection.execute(OLD_MEMORIES).await.unwrap();
        for migration in &MIGRATIONS.all[2..6] {
            apply(&mut connection, migration).await.unwrap();
        }
        connection.execute("DELETE FROM helm_memory WHERE text = 'one'").await.unwrap();
        let before = (rows(&mut connection).await, revision(&mut connection).await);
        assert!(before.0.starts_with("[[2,"), "{before:?}");
        apply(&mut connection, &MIGRATIONS.all[6]).await.unwrap();
        assert_eq!((rows(&mut connection).await, revision(&mut connection).await), before);
        let again = "INSERT INTO helm_memory SELECT * FROM helm_memory WHERE text = 'two'";
        assert!(connection.execute(again).await.is_err(), "a memory's identity is its own");
        for change in [
            "UPDATE helm_memory SET at = 1 WHERE text = 'two'",
            "INSERT INTO helm_memory SELECT tenant, 'cy', collection, turn, number, text, embedding, metadata, at
             FROM helm_memory WHERE text = 'two'",
            "DELETE FROM helm_memory WHERE user_id = 'cy'",
        ] {
            let before = revision(&mut connection).await;
            connection.execute(change).await.unwrap();
            assert_eq!(revision(&mut connection).await, before + 1, "{change}");
        }
        connection.close().await.unwrap();
    }
}
