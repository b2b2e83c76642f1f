use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use helm_core::{TenantId, Timestamp};
use helm_orchestrator::store::{self, ApiKeyStore, KeyHash, StoredKey};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::entry::{self, ApiKeysError};
use super::role::Role;

/// The keys that open the API: those that a file or a variable names, and those of the store as of the last
/// [`refresh`](ApiKeys::refresh). Only their hashes are known here, so nothing that leaks of them opens anything.
///
/// As long as there has never been one, everybody may do everything. Clones share what they know.
#[derive(Clone)]
pub struct ApiKeys(Arc<Ring>);

struct Ring {
    named: Vec<ApiKey>,
    stored: RwLock<Arc<[ApiKey]>>,
}

/// One key.
#[derive(Clone)]
pub(super) struct ApiKey {
    pub(super) name: Arc<str>,
    pub(super) hash: [u8; 32],
    /// `None` for what a newer build calls so: it may do nothing here.
    pub(super) role: Option<Role>,
    /// `None` for the tenant that the router was made for.
    pub(super) tenant: Option<TenantId>,
    pub(super) expires: Option<Timestamp>,
    pub(super) used: LastUse,
}

/// The day on which a key opened something last, as far as this process knows. Clones share it.
#[derive(Clone, Default)]
pub(super) struct LastUse(Arc<AtomicI64>);

impl LastUse {
    fn note(&self, now: Timestamp) {
        let day = StoredKey::day(now).as_micros();
        // Read most of the time, so that requests do not get in each other's way.
        if self.0.load(Ordering::Relaxed) < day {
            self.0.fetch_max(day, Ordering::Relaxed);
        }
    }

    /// The day, if it is later than what is known.
    fn since(&self, known: Option<Timestamp>) -> Option<Timestamp> {
        let day = Timestamp::from_micros(self.0.load(Ordering::Relaxed));
        (day > known.unwrap_or(Timestamp::from_micros(0))).then_some(day)
    }
}

impl ApiKeys {
    /// Those of the store alone.
    #[must_use]
    pub fn of_store() -> Self {
        Self::new(Vec::new())
    }

    /// Reads entries `NAME:HASH`, `NAME:HASH:ROLE` or `NAME:HASH:ROLE:TENANT`, one a line or separated by commas. Lines that
    /// begin with `#` are comments. The role is `admin` and the tenant the router's own where they are not said.
    ///
    /// The hash is that of the whole key, as [`ApiKeys::entry`] writes it.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError`] when an entry cannot be read, a name stands twice, or there is none. It repeats no hash, for
    /// somebody may have written a key in its place.
    pub fn parse(text: &str) -> Result<Self, ApiKeysError> {
        entry::parse(text).map(Self::new)
    }

    fn new(named: Vec<ApiKey>) -> Self {
        Self(Arc::new(Ring { named, stored: RwLock::new(Arc::from([])) }))
    }

    /// What is kept of a key.
    #[must_use]
    pub fn hash(key: &str) -> KeyHash {
        KeyHash(Sha256::digest(key.as_bytes()).into())
    }

    /// The entry of a key: its name and its hash.
    #[must_use]
    pub fn entry(name: &str, key: &str) -> String {
        use fmt::Write;
        let mut entry = format!("{name}:");
        for byte in Self::hash(key).0 {
            // Writing to a string cannot fail.
            let _ = write!(entry, "{byte:02x}");
        }
        entry
    }

    /// Takes the store's keys as they are now, and notes there on which day those were used that have been. The server does it
    /// every second; a key's use is written once a day.
    ///
    /// # Errors
    ///
    /// Fails when the store does; what was known before holds on.
    pub async fn refresh(&self, keys: &dyn ApiKeyStore) -> store::Result<()> {
        let all = keys.all().await?;
        for (key, own) in all.iter().zip(self.take(&all).iter()) {
            let Some(day) = own.used.since(key.used) else { continue };
            if let Err(error) = keys.used(&key.tenant, &key.id, day).await {
                tracing::debug!(%error, "the use of a key could not be noted");
            }
        }
        Ok(())
    }

    /// Takes these keys in the place of those before, with what is known of their use.
    fn take(&self, all: &[StoredKey]) -> Arc<[ApiKey]> {
        let before = self.stored();
        let known: BTreeMap<_, _> = before.iter().map(|key| (key.hash, &key.used)).collect();
        let taken = all.iter().map(|key| {
            let used = known.get(&key.hash.0).map_or_else(LastUse::default, |used| (*used).clone());
            ApiKey { used, ..ApiKey::from(key) }
        });
        let taken: Arc<[ApiKey]> = taken.collect();
        *self.0.stored.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&taken);
        taken
    }

    /// Whether there has never been a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.named.is_empty() && self.stored().is_empty()
    }

    /// What the key of this hash opens, if anything. How long it takes says nothing of the keys: all are compared, to their
    /// ends. One that has ended is as one that never was.
    pub(super) fn find(&self, hash: KeyHash, now: Timestamp) -> Option<ApiKey> {
        let KeyHash(hash) = hash;
        let (mut found, stored) = (None, self.stored());
        for key in self.0.named.iter().chain(stored.iter()) {
            let equal: Choice = key.hash.ct_eq(&hash);
            if bool::from(equal) {
                found = Some(key);
            }
        }
        let found = found.filter(|key| key.expires.is_none_or(|expires| now < expires))?;
        found.used.note(now);
        Some(found.clone())
    }

    fn stored(&self) -> Arc<[ApiKey]> {
        Arc::clone(&self.0.stored.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<&StoredKey> for ApiKey {
    fn from(key: &StoredKey) -> Self {
        Self {
            name: key.name.as_str().into(),
            hash: key.hash.0,
            role: key.role.parse().ok(),
            tenant: Some(key.tenant.clone()),
            expires: key.expires,
            used: LastUse::default(),
        }
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = self.stored();
        f.debug_list().entries(self.0.named.iter().chain(stored.iter()).map(|key| &key.name)).finish()
    }
}
