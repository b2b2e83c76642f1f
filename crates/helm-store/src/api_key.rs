use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};

use crate::Result;

/// The keys that open the API of an installation, by what can be known of them: the keys themselves are not here.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Keeps a new key. Answers `false`, and changes nothing, when the tenant has one of this id.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn add(&self, key: &StoredKey) -> Result<bool>;

    /// The keys of all tenants, those that have ended too, by tenant and id.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn all(&self) -> Result<Vec<StoredKey>>;

    /// Lets a key open nothing from this moment on; one that ends earlier stays as it is. Answers `false` when the tenant
    /// has no key of this id.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn end(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<bool>;

    /// Notes that a key was used on the [day](StoredKey::day) of this moment; an earlier one than is known changes nothing,
    /// and neither does a key that is not there.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn used(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<()>;
}

#[async_trait]
impl<T: ApiKeyStore + ?Sized> ApiKeyStore for Arc<T> {
    async fn add(&self, key: &StoredKey) -> Result<bool> {
        (**self).add(key).await
    }

    async fn all(&self) -> Result<Vec<StoredKey>> {
        (**self).all().await
    }

    async fn end(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<bool> {
        (**self).end(tenant, id, at).await
    }

    async fn used(&self, tenant: &TenantId, id: &str, at: Timestamp) -> Result<()> {
        (**self).used(tenant, id, at).await
    }
}

/// What is kept of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredKey {
    /// Whose data it opens.
    pub tenant: TenantId,
    /// The part of it that may be shown.
    pub id: String,
    /// What it is called; limits are counted by it.
    pub name: String,
    /// What it may do, in words of the server's.
    pub role: String,
    /// The SHA-256 of the whole key.
    pub hash: KeyHash,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it opens nothing; `None` for never.
    pub expires: Option<Timestamp>,
    /// The first moment (UTC) of the day on which it was used last; `None` when that is not known to have been.
    pub used: Option<Timestamp>,
}

impl StoredKey {
    /// The first moment (UTC) of a moment's day: of a key's use no more is kept.
    #[must_use]
    pub fn day(at: Timestamp) -> Timestamp {
        const DAY: i64 = 86_400;
        Timestamp::from_micros(at.as_seconds().div_euclid(DAY).saturating_mul(DAY * 1_000_000))
    }
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}
