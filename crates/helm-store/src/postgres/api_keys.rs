//! Keys of the API.

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};
use sqlx::postgres::PgRow;

use super::columns::Moment;
use super::decode::{get, moment, parsed};
use super::error::{driver, unreadable};
use super::store::PostgresStore;
use crate::api_key::{ApiKeyStore, KeyHash, StoredKey};
use crate::error::Result;
use crate::stored::StoredRow;

#[async_trait]
impl ApiKeyStore for PostgresStore {
    async fn add(&self, key: &StoredKey) -> Result<bool> {
        let added = sqlx::query(
            "INSERT INTO helm_api_key (tenant, id, name, role, hash, created, expires, used)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(key.tenant.as_str())
        .bind(&key.id)
        .bind(&key.name)
        .bind(&key.role)
        .bind(key.hash.0.as_slice())
        .bind(Moment(key.created))
        .bind(key.expires.map(Moment))
        .bind(key.used.map(Moment))
        .execute(&self.pool)
        .await;
        Ok(added.map_err(|error| driver("add_key", error))?.rows_affected() == 1)
    }

    async fn all(&self) -> Result<Vec<StoredKey>> {
        const OPERATION: &str = "all_keys";
        let rows = sqlx::query(
            "SELECT tenant, id, name, role, hash, created, expires, used FROM helm_api_key ORDER BY tenant, id",
        );
        let rows = rows.fetch_all(&self.pool).await;
        rows.map_err(|error| driver(OPERATION, error))?.iter().map(|row| key(row, OPERATION)).collect()
    }

    async fn end(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<bool> {
        let ended = sqlx::query(
            "UPDATE helm_api_key SET expires = least(coalesce(expires, $1), $1) WHERE tenant = $2 AND id = $3",
        );
        let ended = ended.bind(Moment(at)).bind(tenant.as_str()).bind(id).execute(&self.pool).await;
        Ok(ended.map_err(|error| driver("end_key", error))?.rows_affected() == 1)
    }

    async fn used(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<()> {
        let used = sqlx::query(
            "UPDATE helm_api_key SET used = $1 WHERE tenant = $2 AND id = $3 AND (used IS NULL OR used < $1)",
        );
        let day = Moment(StoredKey::day(at));
        let used = used.bind(day).bind(tenant.as_str()).bind(id).execute(&self.pool).await;
        used.map_err(|error| driver("use_key", error)).map(drop)
    }
}

fn key(row: &PgRow, operation: &'static str) -> Result<StoredKey> {
    let hash: &[u8] = get(row, "hash", operation)?;
    Ok(StoredKey {
        tenant: parsed(row, "tenant", operation)?,
        id: get(row, "id", operation)?,
        name: get(row, "name", operation)?,
        role: get(row, "role", operation)?,
        hash: KeyHash(hash.try_into().map_err(|error| unreadable(operation, "hash", error))?),
        created: moment(row, "created", operation)?,
        expires: row.moment("expires", operation)?,
        used: row.moment("used", operation)?,
    })
}
