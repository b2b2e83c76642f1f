use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use helm_orchestrator::TurnRequest;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::problem::Problem;

/// The keys that open the API. Only their hashes are known here, so nothing that leaks of them opens anything.
#[derive(Clone)]
pub struct ApiKeys(Arc<[ApiKey]>);

struct ApiKey {
    name: Arc<str>,
    hash: [u8; 32],
}

/// A line that describes no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// It is not of the form `NAME:HASH`.
    #[error(
        "entry {0} is no NAME:HASH with a SHA-256 in 64 hexadecimal digits; `helmctl keys new NAME` writes one"
    )]
    Malformed(usize),
    /// A name stands twice.
    #[error("the name {0:?} stands twice")]
    Repeated(String),
    /// There is no entry.
    #[error("there is no key; `helmctl keys new NAME` makes one")]
    Empty,
}

impl ApiKeys {
    /// Reads entries `NAME:HASH`, one a line or separated by commas. Lines that begin with `#` are comments.
    ///
    /// The hash is that of the whole key, as [`ApiKeys::entry`] writes it.
    ///
    /// # Errors
    ///
    /// [`ApiKeysError`] when an entry cannot be read, a name stands twice, or there is none. It repeats no hash, for
    /// somebody may have written a key in its place.
    pub fn parse(text: &str) -> Result<Self, ApiKeysError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys: Vec<ApiKey> = Vec::new();
        for (index, entry) in entries.enumerate() {
            let key = ApiKey::parse(entry).ok_or(ApiKeysError::Malformed(index + 1))?;
            if keys.iter().any(|known| known.name == key.name) {
                return Err(ApiKeysError::Repeated(key.name.to_string()));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(ApiKeysError::Empty) } else { Ok(Self(keys.into())) }
    }

    /// The entry of a key: its name and its hash.
    #[must_use]
    pub fn entry(name: &str, key: &str) -> String {
        use fmt::Write;
        let mut entry = format!("{name}:");
        for byte in Sha256::digest(key.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(entry, "{byte:02x}");
        }
        entry
    }

    /// The name of this key. How long it takes says nothing of the keys: all are compared, to their ends.
    fn name(&self, key: &str) -> Option<&Arc<str>> {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for key in self.0.iter() {
            let equal: Choice = key.hash.ct_eq(&hash);
            if bool::from(equal) {
                found = Some(&key.name);
            }
        }
        found
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.name)).finish()
    }
}

impl ApiKey {
    fn parse(entry: &str) -> Option<Self> {
        let (name, hex) = entry.split_once(':')?;
        let (name, hex) = (name.trim(), hex.trim());
        if name.is_empty() || hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self { name: name.into(), hash })
    }
}

/// The key that a request came with.
pub(crate) struct Key(Option<Arc<str>>);

#[derive(Clone)]
struct KeyName(Arc<str>);

impl Key {
    /// The turn in this key's name, by which its limits are counted.
    pub(crate) fn sign(self, turn: TurnRequest) -> TurnRequest {
        match self.0 {
            Some(name) => turn.with_caller(name),
            None => turn,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<KeyName>().map(|KeyName(name)| Arc::clone(name))))
    }
}

/// What answers without a key: whether the server runs, and no more.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/health"];

/// Whoever asks what is open and has no key where one is needed. They are told no more than whether it runs.
#[derive(Clone, Copy)]
pub(crate) struct Stranger;

/// Lets those in who have a key, as a bearer token or in the header `x-api-key`.
pub(crate) async fn guard(State(keys): State<ApiKeys>, mut request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        if given(request.headers()).and_then(|key| keys.name(key)).is_none() {
            request.extensions_mut().insert(Stranger);
        }
        return next.run(request).await;
    }
    let problem = match given(request.headers()) {
        None => "no key was given; send it as authorization: Bearer KEY, or as x-api-key: KEY",
        Some(key) => match keys.name(key) {
            Some(name) => {
                let name = KeyName(Arc::clone(name));
                tracing::debug!(key = %name.0, "opened with a key");
                request.extensions_mut().insert(name);
                return next.run(request).await;
            }
            None => "the key is not known here",
        },
    };
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, problem).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

fn given(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("x-api-key").and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
    own.or_else(|| bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)).filter(|key| !key.is_empty())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_what_is_none_is_told_without_it() {
        let text = format!(
            "# comment\n{}\n\n{}, {}",
            ApiKeys::entry("a", "hk_1_x"),
            ApiKeys::entry("b", "hk_2_y"),
            ApiKeys::entry("c", "hk_3_z")
        );
        let keys = ApiKeys::parse(&text).unwrap();
        let name = |key: &str| keys.name(key).map(ToString::to_string);
        assert_eq!(
            (name("hk_1_x"), name("hk_3_z"), name("hk_1_y")),
            (Some("a".to_owned()), Some("c".to_owned()), None)
        );
        assert_eq!(format!("{keys:?}"), "[\"a\", \"b\", \"c\"]");
        assert_eq!(ApiKeys::parse(" \n# x").unwrap_err(), ApiKeysError::Empty);
        let twice = format!("{0},{0}", ApiKeys::entry("a", "x"));
        assert_eq!(ApiKeys::parse(&twice).unwrap_err(), ApiKeysError::Repeated("a".to_owned()));
        for wrong in ["hk_1_secret", "a:hk_1_secret", ":00", "a:zz"] {
            let error = ApiKeys::parse(wrong).unwrap_err();
            assert_eq!(error, ApiKeysError::Malformed(1));
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_key_comes_in_either_header() {
        let headers = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static(value));
            headers
        };
        assert_eq!(given(&headers("authorization", "Bearer k")), Some("k"));
        assert_eq!(given(&headers("authorization", "bearer  k")), Some("k"));
        assert_eq!(given(&headers("x-api-key", "k")), Some("k"));
        assert_eq!(given(&headers("authorization", "Basic k")), None);
        assert_eq!(given(&headers("authorization", "Bearer ")), None);
    }
}
