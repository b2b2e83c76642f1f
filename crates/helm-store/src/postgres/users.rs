//! Preferences.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use sqlx::postgres::{PgConnection, PgRow};

use super::BACKEND;
use super::decode::{FORMAT, body, get, integer, natural, to_json};
use super::error::{driver, failure};
use super::load::numbered;
use super::save::column;
use super::store::{PostgresStore, Work};
use super::together::Together;
use crate::batch::Failure;
use crate::changes::apply_preferences;
use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, PreferenceStore, Preferences};

/// A user of a tenant.
type Owner = (TenantId, UserId);

const LOCK: &str = "SELECT k.n, p.revision, p.format, p.body::text AS body
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (tenant, user_id, n)
    JOIN helm_preference p ON p.tenant = k.tenant AND p.user_id = k.user_id
    ORDER BY k.n FOR NO KEY UPDATE OF p";

/// Whoever was faster fails this, and it is tried again.
const BEGIN: &str = "INSERT INTO helm_preference (tenant, user_id, revision, format, body)
    SELECT tenant, user_id, revision, $5, body::json
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) k (tenant, user_id, revision, body)";

const PUT: &str = "UPDATE helm_preference p SET revision = k.revision, format = $5, body = k.body::json
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) k (tenant, user_id, revision, body)
    WHERE p.tenant = k.tenant AND p.user_id = k.user_id";

/// Preferences of several users, as far as they have any, locked.
pub(super) async fn lock(
    connection: &mut PgConnection,
    owners: &BTreeSet<Owner>,
) -> Result<HashMap<Owner, Preferences>, Failure> {
    const OPERATION: &str = "apply_preferences";
    if owners.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = owners.iter().collect();
    let tenants: Vec<&str> = owners.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let users: Vec<&str> = owners.iter().map(|(_, user)| user.as_str()).collect();
    let rows = sqlx::query(LOCK).bind(&tenants).bind(&users).fetch_all(connection).await;
    let rows = rows.map_err(|error| failure(OPERATION, error))?;
    let read = rows.iter().map(|row| Ok((numbered(row, &wanted)?.clone(), preferences(row, OPERATION)?)));
    Ok(read.collect::<Result<_>>()?)
}

/// Writes the first preferences of users.
pub(super) fn begin(writes: &mut Together, begun: &[(&Owner, &Preferences)]) -> Result<()> {
    write(writes, BEGIN, begun)
}

/// Writes preferences that are locked.
pub(super) fn put(writes: &mut Together, changed: &[(&Owner, &Preferences)]) -> Result<()> {
    write(writes, PUT, changed)
}

fn write(writes: &mut Together, sql: &'static str, changed: &[(&Owner, &Preferences)]) -> Result<()> {
    const OPERATION: &str = "apply_preferences";
    if changed.is_empty() {
        return Ok(());
    }
    let revisions = changed.iter().map(|(_, after)| integer(after.revision, "revision", OPERATION));
    let bodies = changed.iter().map(|(_, after)| to_json(&after.values, OPERATION));
    writes
        .write(sql, None)
        .bind(column(changed, |((tenant, _), _)| tenant.as_str()))?
        .bind(column(changed, |((_, user), _)| user.as_str()))?
        .bind(revisions.collect::<Result<Vec<_>>>()?)?
        .bind(bodies.collect::<Result<Vec<_>>>()?)?
        .bind(FORMAT)?;
    Ok(())
}

fn preferences(row: &PgRow, operation: &'static str) -> Result<Preferences> {
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
        let locked = lock(connection, &BTreeSet::from([self.owner.clone()])).await?;
        let write = if locked.contains_key(&self.owner) { put } else { begin };
        let before = locked.get(&self.owner).cloned().unwrap_or_default();
        if self.expect.is_some_and(|expected| expected != before.revision) {
            let message = format!("the preferences are at revision {}; read them again", before.revision);
            return Err(Error::new(ErrorKind::Conflict, BACKEND, "apply_preferences", message).into());
        }
        let after = apply_preferences(BACKEND, &before, self.changes)?;
        let mut writes = Together::new("apply_preferences");
        write(&mut writes, &[(&self.owner, &after)])?;
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
        self.transaction("apply_preferences", Change { owner, changes, expect }).await
    }
}
