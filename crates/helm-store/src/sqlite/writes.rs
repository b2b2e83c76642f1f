use helm_core::{TaskId, TenantId, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::BACKEND;
use super::decode::{FORMAT, body, get, integer, natural, to_json};
use super::error::driver;
use super::many::{Many, many};
use super::script::Script;
use crate::bandit::PriorDocument;
use crate::changes::apply_preferences;
use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, Preferences};

/// Writes something that nobody reads, to see that writing works.
pub(super) async fn beat(connection: &mut SqliteConnection) -> Result<()> {
    let beaten = sqlx::query(
        "INSERT INTO helm_health (id, beats) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET beats = beats + 1",
    );
    beaten.execute(connection).await.map(drop).map_err(|error| driver("health", error))
}

pub(super) async fn change_preferences(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    changes: &[PreferenceChange],
    expect: Option<u64>,
) -> Result<Preferences> {
    const OPERATION: &str = "apply_preferences";
    let row =
        sqlx::query("SELECT revision, format, body FROM helm_preference WHERE tenant = ? AND user_id = ?");
    let row = row.bind(tenant.as_str()).bind(user.as_str()).fetch_optional(&mut *connection).await;
    let row = row.map_err(|error| driver(OPERATION, error))?;
    let before = row.map_or(Ok(Preferences::default()), |row| preferences(&row, OPERATION))?;
    if expect.is_some_and(|expected| expected != before.revision) {
        let message = format!("the preferences are at revision {}; read them again", before.revision);
        return Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message));
    }
    let after = apply_preferences(BACKEND, &before, changes)?;
    let mut script = Script::new(connection);
    write_preferences(&mut script, &[(tenant, user, &after)]).await?;
    script.send().await?;
    Ok(after)
}

const PREFERENCES: Many = many!(
    "INSERT INTO helm_preference (tenant, user_id, revision, format, body) VALUES ",
    "(?, ?, ?, ?, ?)",
    " ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body"
);

/// Replaces preferences, each of another user.
pub(super) async fn write_preferences(
    script: &mut Script<'_>,
    owned: &[(&TenantId, &UserId, &Preferences)],
) -> Result<()> {
    const OPERATION: &str = "apply_preferences";
    let written = script.write(&PREFERENCES, owned, OPERATION, |query, (tenant, user, after)| {
        Ok(query
            .bind(tenant.as_str())
            .bind(user.as_str())
            .bind(integer(after.revision, "revision", OPERATION)?)
            .bind(FORMAT)
            .bind(to_json(&after.values, OPERATION)?))
    });
    written.await
}

/// A row of helm_preference.
pub(super) fn preferences(row: &SqliteRow, operation: &'static str) -> Result<Preferences> {
    let revision: i64 = get(row, "revision", operation)?;
    let revision = natural(revision, "revision", operation)?;
    Ok(Preferences { revision, values: body(row, "body", operation)? })
}

pub(super) async fn put_prior(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    prior: &PriorDocument,
) -> Result<bool> {
    const OPERATION: &str = "put_prior";
    let revision = integer(prior.revision, "revision", OPERATION)?;
    let put = sqlx::query(
        "INSERT INTO helm_prior (tenant, task, policy_hash, revision, format, body)
         SELECT ?1, ?2, ?5, ?3, ?6, ?4 WHERE ?3 = 1 OR EXISTS (
             SELECT 1 FROM helm_prior WHERE tenant = ?1 AND task = ?2 AND policy_hash = ?5)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body
             WHERE helm_prior.revision = excluded.revision - 1",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(revision)
    .bind(to_json(&prior.body, OPERATION)?)
    .bind(prior.policy.as_str())
    .bind(FORMAT)
    .execute(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    Ok(put.rows_affected() == 1)
}
