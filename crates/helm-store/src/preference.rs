use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;

/// What is known about a user: typed JSON values under names, with a revision.
#[async_trait]
pub trait PreferenceStore: Send + Sync {
    /// A user's preferences; empty with revision 0 when none are stored.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn get(&self, tenant: &TenantId, user: &UserId) -> Result<Preferences>;

    /// Applies changes in one transaction and answers the preferences after it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when `expect` is given and is not the current
    /// revision; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when a change does not fit, for example an
    /// increment of a text.
    async fn apply(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences>;
}

#[async_trait]
impl<T: PreferenceStore + ?Sized> PreferenceStore for Arc<T> {
    async fn get(&self, tenant: &TenantId, user: &UserId) -> Result<Preferences> {
        (**self).get(tenant, user).await
    }

    async fn apply(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences> {
        (**self).apply(tenant, user, changes, expect).await
    }
}

/// A user's preferences.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Preferences {
    /// Raised by one with every transaction that changes them.
    pub revision: u64,
    /// The values by name.
    pub values: BTreeMap<String, Value>,
}

/// One change to a user's preferences.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PreferenceChange {
    /// Sets a value.
    Set {
        /// Its name.
        name: String,
        /// The value.
        value: Value,
    },
    /// Adds to an integer, which is 0 when absent.
    Increment {
        /// Its name.
        name: String,
        /// How much.
        by: i64,
    },
    /// Removes a value, if there is one.
    Remove {
        /// Its name.
        name: String,
    },
}
