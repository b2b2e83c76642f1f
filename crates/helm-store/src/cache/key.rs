use std::{borrow::Cow, fmt::Write, sync::Arc};

use helm_core::TenantId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a cached value is found by: what kind of thing it is, whose it is, and its name among these.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CacheKey {
    kind: Cow<'static, str>,
    tenant: TenantId,
    name: Arc<str>,
}

impl CacheKey {
    /// The key of the thing `name` of this kind and tenant. Kinds are words of the program, such as `bandit`;
    /// they are seen in Redis and on metrics. Names may hold user ids: Redis sees only their digest.
    pub fn new(kind: impl Into<Cow<'static, str>>, tenant: TenantId, name: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), tenant, name: name.into() }
    }

    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Its name among the tenant's things of this kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 32 hexadecimal digits of a SHA-256 over all three parts: no two keys share them, whatever the parts hold.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&[&self.kind, self.tenant.as_str(), &self.name])
    }

    /// About how many bytes the key takes in memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.kind.len() + self.tenant.as_str().len() + self.name.len()
    }
}

/// How many digits a digest has.
pub(crate) const DIGEST: usize = 32;

/// 128 bits over texts and their lengths, as hexadecimal digits.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(16).fold(String::with_capacity(DIGEST), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_run_into_each_other_are_kept_apart() {
        let tenant = |name: &str| TenantId::new(name).unwrap();
        let digests = [
            CacheKey::new("a", tenant("b:c"), "d").digest(),
            CacheKey::new("a", tenant("b"), "c:d").digest(),
            CacheKey::new("a:b", tenant("c"), "d").digest(),
            CacheKey::new("a", tenant("bc"), "d").digest(),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
        assert!(digests.iter().all(|digest| digest.len() == 32));
    }
}
