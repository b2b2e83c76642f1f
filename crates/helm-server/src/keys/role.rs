use std::fmt;
use std::str::FromStr;

use axum::http::Method;

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Role {
    /// Have turns, judge them, and use the chat APIs of others: `chat`.
    Chat,
    /// Look at everything that is kept of the tenant, and change nothing: `read`.
    Read,
    /// Ask for the metrics, which are of all tenants: `metrics`.
    Metrics,
    /// Everything: `admin`.
    Admin,
}

/// A word that is no role.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no role; the roles are chat, read, metrics and admin")]
pub struct UnknownRole(String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Read, Self::Metrics, Self::Admin];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Read => "read",
            Self::Metrics => "metrics",
            Self::Admin => "admin",
        }
    }

    /// Whether it may do what another role is there for.
    pub(crate) fn covers(self, needed: Self) -> bool {
        self == Self::Admin || self == needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == word);
        found.ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// What a request needs; `None` when any key will do. What is not known to be harmless is for administrators.
pub(crate) fn needed(method: &Method, path: &str) -> Option<Role> {
    let looks = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/helm/v1/openapi.json" => None,
        "/metrics" => Some(Role::Metrics),
        "/chat" | "/feedback" => Some(Role::Chat),
        _ if path.starts_with("/v1/") => Some(Role::Chat),
        // A question too long for an address.
        _ if looks || (path.starts_with("/helm/v1/users/") && path.ends_with("/memories/search")) => {
            Some(Role::Read)
        }
        _ => Some(Role::Admin),
    }
}
