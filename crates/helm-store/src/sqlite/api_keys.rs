//! Keys of the API.

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::decode::{get, parsed};
use super::error::{driver, unreadable};
use super::store::SqliteStore;
use crate::api_key::{ApiKeyStore, KeyHash, StoredKey};
use crate::batch::size;
use crate::error::Result;

#[async_trait]
impl ApiKeyStore for SqliteStore {
    async fn add(&self, key: &StoredKey) -> Result<bool> {
        const OPERATION: &str = "add_key";
        let key = key.clone();
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                let added = sqlx::query(
                    "INSERT INTO helm_api_key (tenant, id, name, role, hash, created, expires, used)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )
                .bind(key.tenant.as_str())
                .bind(&key.id)
                .bind(&key.name)
                .bind(&key.role)
                .bind(key.hash.0.as_slice())
                .bind(key.created.as_micros())
                .bind(key.expires.map(Timestamp::as_micros))
                .bind(key.used.map(Timestamp::as_micros))
                .execute(connection)
                .await;
                Ok(added.map_err(|error| driver(OPERATION, error))?.rows_affected() == 1)
            })
        })
        .await
    }

    async fn all(&self) -> Result<Vec<StoredKey>> {
        const OPERATION: &str = "all_keys";
        let rows = sqlx::query(
            "SELECT tenant, id, name, role, hash, created, expires, used FROM helm_api_key ORDER BY tenant, id",
        );
        let rows = rows.fetch_all(&mut *self.readers.get(OPERATION).await?).await;
        rows.map_err(|error| driver(OPERATION, error))?.iter().map(|row| key(row, OPERATION)).collect()
    }

    async fn end(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<bool> {
        const OPERATION: &str = "end_key";
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                let ended = sqlx::query(
                    "UPDATE helm_api_key SET expires = min(coalesce(expires, ?1), ?1) WHERE tenant = ?2 AND id = ?3",
                );
                let ended = ended.bind(at.as_micros()).bind(tenant.as_str()).bind(id).execute(connection).await;
                Ok(ended.map_err(|error| driver(OPERATION, error))?.rows_affected() == 1)
            })
        })
        .await
    }

    async fn used(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<()> {
        const OPERATION: &str = "use_key";
        let (tenant, id, day) = (tenant.clone(), id.to_owned(), StoredKey::day(at));
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                let used = sqlx::query(
                    "UPDATE helm_api_key SET used = ?1 WHERE tenant = ?2 AND id = ?3 AND coalesce(used, ?1 - 1) < ?1",
                );
                let used = used.bind(day.as_micros()).bind(tenant.as_str()).bind(id).execute(connection).await;
                used.map_err(|error| driver(OPERATION, error)).map(drop)
            })
        })
        .await
    }
}

fn key(row: &SqliteRow, operation: &'static str) -> Result<StoredKey> {
    let hash: &[u8] = get(row, "hash", operation)?;
    let expires: Option<i64> = get(row, "expires", operation)?;
    let used: Option<i64> = get(row, "used", operation)?;
    Ok(StoredKey {
        tenant: parsed(row, "tenant", operation)?,
        id: get(row, "id", operation)?,
        name: get(row, "name", operation)?,
        role: get(row, "role", operation)?,
        hash: KeyHash(hash.try_into().map_err(|error| unreadable(operation, "hash", error))?),
        created: Timestamp::from_micros(get(row, "created", operation)?),
        expires: expires.map(Timestamp::from_micros),
        used: used.map(Timestamp::from_micros),
    })
}
