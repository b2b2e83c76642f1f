use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// An address that may hold a password or a key: shown without user, password, query and fragment.
///
/// What cannot be told apart for certain is not shown either. [`RedactedUrl::expose`] gives the whole text, for
/// the connection it belongs to.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct RedactedUrl(String);

impl RedactedUrl {
    /// Hides an address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for RedactedUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for RedactedUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = match self.0.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), self.0.as_str()),
        };
        let head = rest.split(['?', '#']).next().unwrap_or_default();
        let shown = match head.rsplit_once('@') {
            // A path from the root has no user before it.
            _ if rest.starts_with('/') => head.to_owned(),
            Some((_, host)) => format!("…@{host}"),
            // The mark may stand in the query, or in a password that holds a question mark.
            None if rest.contains('@') => "…".to_owned(),
            None => head.to_owned(),
        };
        f.write_str(&scheme)?;
        f.write_str(&shown)?;
        f.write_str(if head.len() < rest.len() { "?…" } else { "" })
    }
}

impl Serialize for RedactedUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_and_no_query_is_shown() {
        for (url, shown) in [
            ("https://api.example.com/v1", "https://api.example.com/v1"),
            ("redis://:hunter2@cache:6379/0", "redis://…@cache:6379/0"),
            ("postgres://helm:hunter2@db/helm?password=hunter2", "postgres://…@db/helm?…"),
            ("postgres://helm:hun/hunter2@db/helm", "postgres://…@db/helm"),
            ("redis://:hun?hunter2@cache", "redis://…?…"),
            ("https://host/v1?key=a@hunter2", "https://…?…"),
            ("sqlite:///tmp/a@b.db", "sqlite:///tmp/a@b.db"),
            ("helm.db", "helm.db"),
            ("helm:hunter2@db", "…@db"),
        ] {
            let redacted = RedactedUrl::new(url);
            assert_eq!(redacted.to_string(), shown);
            assert!(!format!("{redacted:?}").contains("hunter2"), "{redacted:?}");
            assert_eq!(redacted.expose(), url);
        }
    }
}
