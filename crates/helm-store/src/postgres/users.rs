//! Preferences.

use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use sqlx::postgres::{PgConnection, PgRow};

use super::BACKEND;
use super::decode::{FORMAT, body, get, integer, natural, to_json};
use super::error::{driver, failure};
use super::save::column;
use super::store::{PostgresStore, Work};
use super::together::{Part, Together};
use crate::batch::Failure;
use crate::changes::apply_preferences;
use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, PreferenceStore, Preferences};

/// A user of a tenant.
type Owner = (TenantId, UserId);

const OPERATION: &str = "apply_preferences";

const LOCK: &str = "SELECT revision, format, body::text AS body FROM helm_preference
    WHERE tenant = $1 AND user_id = $2 FOR NO KEY UPDATE";

/// Whoever was faster fails this, and it is tried again.
const BEGIN: &str = "INSERT INTO helm_preference (tenant, user_id, revision, format, body)
    SELECT tenant, user_id, revision, $5, body::json
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) k (tenant, user_id, revision, body)";

const PUT: &str = "UPDATE helm_preference p SET revision = k.revision, format = $5, body = k.body::json
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $6::bigint[])
        k (tenant, user_id, revision, body, before)
    WHERE p.tenant = k.tenant AND p.user_id = k.user_id AND p.revision = k.before";

/// Writes the first preferences of users.
pub(super) fn begin(writes: &mut Together, begun: &[(&Owner, &Preferences)]) -> Result<()> {
    if begun.is_empty() {
        return Ok(());
    }
    bind(writes.write(BEGIN, None), begun).map(drop)
}

/// Writes preferences that were of these revisions.
pub(super) fn put(writes: &mut Together, changed: &[(&Owner, &Preferences)], before: &[u64]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let before = before.iter().map(|before| integer(*before, "revision", OPERATION));
    bind(writes.write(PUT, Some(changed.len())), changed)?
        .bind(before.collect::<Result<Vec<i64>>>()?)
        .map(drop)
}

fn bind<'t>(write: Part<'t>, changed: &[(&Owner, &Preferences)]) -> Result<Part<'t>> {
    let revisions = changed.iter().map(|(_, after)| integer(after.revision, "revision", OPERATION));
    let bodies = changed.iter().map(|(_, after)| to_json(&after.values, OPERATION));
    write
        .bind(column(changed, |((tenant, _), _)| tenant.as_str()))?
        .bind(column(changed, |((_, user), _)| user.as_str()))?
        .bind(revisions.collect::<Result<Vec<i64>>>()?)?
        .bind(bodies.collect::<Result<Vec<_>>>()?)?
        .bind(FORMAT)
}

/// The columns `revision`, `format` and `body`.
pub(super) fn preferences(row: &PgRow, operation: &'static str) -> Result<Preferences> {
    let revision = natural(get(row, "revision", operation)?, "revision", operation)?;
    Ok(Preferences { revision, values: body(row, "body", operation)? })
}

/// One user's changes.
struct Change<'a> {
    owner: Owner,
    changes: &'a [PreferenceChange],
    expect: Option<u64>,
}

impl Work for Change<'_> {
    type Done = Preferences;

    async fn run(&self, connection: &mut PgConnection) -> Result<Preferences, Failure> {
        let (tenant, user) = &self.owner;
        let locked = sqlx::query(LOCK).bind(tenant.as_str()).bind(user.as_str());
        let locked = locked.fetch_optional(&mut *connection).await;
        let locked = locked.map_err(|error| failure(OPERATION, error))?;
        let stored = locked.map(|row| preferences(&row, OPERATION)).transpose()?;
        let before = stored.clone().unwrap_or_default();
        if self.expect.is_some_and(|expected| expected != before.revision) {
            let message = format!("the preferences are at revision {}; read them again", before.revision);
            return Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message).into());
        }
        let after = apply_preferences(BACKEND, &before, self.changes)?;
        let mut writes = Together::new(OPERATION);
        match stored {
            None => begin(&mut writes, &[(&self.owner, &after)])?,
            Some(before) => put(&mut writes, &[(&self.owner, &after)], &[before.revision])?,
        }
        writes.run(connection).await?;
        Ok(after)
    }
}

#[async_trait]
impl PreferenceStore for PostgresStore {
    async fn get(&self, tenant: &TenantId, user: &UserId) -> Result<Preferences> {
        const OPERATION: &str = "get_preferences";
        let row = sqlx::query(
            "SELECT revision, format, body::text AS body FROM helm_preference WHERE tenant = $1 AND user_id = $2",
        );
        let row = row.bind(tenant.as_str()).bind(user.as_str()).fetch_optional(&self.pool).await;
        let row = row.map_err(|error| driver(OPERATION, error))?;
        row.map_or(Ok(Preferences::default()), |row| preferences(&row, OPERATION))
    }

    async fn apply(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences> {
        let owner = (tenant.clone(), user.clone());
        self.transaction(OPERATION, Change { owner, changes, expect }).await
    }
}
