use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};

use super::store::MemoryStore;
use crate::api_key::{ApiKeyStore, StoredKey};
use crate::error::Result;

#[async_trait]
impl ApiKeyStore for MemoryStore {
    async fn add(&self, key: &StoredKey) -> Result<bool> {
        self.write("add_key", |state| {
            let place = (key.tenant.clone(), key.id.clone());
            let free = !state.api_keys.contains_key(&place);
            if free {
                state.api_keys.insert(place, key.clone());
            }
            Ok(free)
        })
    }

    async fn all(&self) -> Result<Vec<StoredKey>> {
        self.read("all_keys", |state| state.api_keys.values().cloned().collect())
    }

    async fn end(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<bool> {
        self.write("end_key", |state| {
            let found = state.api_keys.get_mut(&(tenant.clone(), id.to_owned()));
            let ended =
                found.map(|key| key.expires = Some(key.expires.map_or(at, |expires| expires.min(at))));
            Ok(ended.is_some())
        })
    }

    async fn used(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<()> {
        self.write("use_key", |state| {
            if let Some(key) = state.api_keys.get_mut(&(tenant.clone(), id.to_owned())) {
                key.used = key.used.max(Some(StoredKey::day(at)));
            }
            Ok(())
        })
    }
}
