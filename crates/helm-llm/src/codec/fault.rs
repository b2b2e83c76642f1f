use serde_json::Value;

use crate::error::{ErrorKind, TimeoutKind};

/// Why an answer cannot be had from what the provider sent.
///
/// Holds what the provider said, whole: whoever shows it takes keys out and cuts it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}{}", detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
#[non_exhaustive]
pub struct Fault {
    /// What callers branch on.
    pub kind: ErrorKind,
    /// What the provider, or the reader, said about it.
    pub detail: Option<String>,
    /// The provider's word for it.
    pub code: Option<String>,
}

impl Fault {
    /// A fault of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, detail: None, code: None }
    }

    /// Adds what is said about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What was sent cannot be read.
    #[must_use]
    pub fn decode(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Decode).with_detail(detail)
    }

    /// The answer ended without the mark of its end.
    #[must_use]
    pub fn truncated() -> Self {
        Self::new(ErrorKind::Truncated)
    }

    /// The body of an answer whose status is not that of a success.
    #[must_use]
    pub fn refused(status: u16, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        Self::told(Some(status), value.get("error").unwrap_or(&value))
    }

    /// An error within an answer: an object with `message`, `code` and `type` as far as it has them, or a text.
    #[must_use]
    pub fn within(error: &Value) -> Self {
        // Some gateways put the status they got into the code.
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Self::told(status, error)
    }

    fn told(status: Option<u16>, error: &Value) -> Self {
        let word = |name: &str| error.get(name).and_then(Value::as_str);
        let message = error.as_str().or_else(|| word("message"));
        let words = [word("code"), word("type"), word("status")].into_iter().flatten();
        let kind = kind(status, &words.clone().collect::<Vec<_>>(), message.unwrap_or_default());
        let code = words.into_iter().next().map(str::to_owned);
        Self { kind, detail: message.map(str::to_owned), code }
    }
}

/// What the error's words say, else its status, else its message.
fn kind(status: Option<u16>, words: &[&str], message: &str) -> ErrorKind {
    if let Some(kind) = words.iter().find_map(|word| by_word(word)) {
        return kind;
    }
    let kind = match status {
        Some(status) => by_status(status),
        None if words.contains(&"invalid_request_error") => ErrorKind::BadRequest,
        None => ErrorKind::Server,
    };
    if kind == ErrorKind::BadRequest && is_too_long(message) { ErrorKind::ContextLength } else { kind }
}

/// Not every provider has a word for it.
fn is_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["prompt is too long", "context length", "context window", "exceeds the available context"]
        .iter()
        .any(|words| message.contains(words))
}

fn by_word(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" | "billing_error" => {
            ErrorKind::Billing
        }
        "context_length_exceeded" | "request_too_large" => ErrorKind::ContextLength,
        "content_filter" | "content_policy_violation" => ErrorKind::ContentFilter,
        "invalid_api_key" | "authentication_error" => ErrorKind::Auth,
        "permission_error" => ErrorKind::Permission,
        "model_not_found" | "not_found_error" => ErrorKind::NotFound,
        "rate_limit_exceeded" | "rate_limit_error" => ErrorKind::RateLimited,
        "overloaded_error" | "server_overloaded" | "server_is_overloaded" => ErrorKind::Overloaded,
        "api_error" | "server_error" | "timeout_error" => ErrorKind::Server,
        _ => return None,
    })
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Auth,
        402 => ErrorKind::Billing,
        403 => ErrorKind::Permission,
        // A redirect, too, means that the address is another one.
        300..=399 | 404 | 410 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout(TimeoutKind::FirstToken),
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        500.. => ErrorKind::Server,
        _ => ErrorKind::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_words_become_kinds() {
        let kind = |status: u16, body: &str| Fault::refused(status, body.as_bytes()).kind;
        for (status, body, expected) in [
            (429, r#"{"error":{"message":"no money","code":"insufficient_quota"}}"#, ErrorKind::Billing),
            (429, "{}", ErrorKind::RateLimited),
            (529, "gateway says no", ErrorKind::Overloaded),
            (302, "", ErrorKind::NotFound),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, ErrorKind::ContextLength),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#,
                ErrorKind::ContextLength,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"?"}}"#,
                ErrorKind::BadRequest,
            ),
            (404, r#"{"error":"model 'x' not found, try pulling it first"}"#, ErrorKind::NotFound),
            (500, r#"{"error":{"type":"api_error"}}"#, ErrorKind::Server),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn errors_within_answers_become_kinds() {
        let kind = |text: &str| Fault::within(&serde_json::from_str(text).unwrap()).kind;
        assert_eq!(kind(r#"{"code":"insufficient_quota"}"#), ErrorKind::Billing);
        assert_eq!(kind(r#"{"code":429,"message":"slow down"}"#), ErrorKind::RateLimited);
        assert_eq!(kind(r#"{"type":"server_error"}"#), ErrorKind::Server);
        assert_eq!(kind(r#"{"type":"invalid_request_error"}"#), ErrorKind::BadRequest);
        assert_eq!(kind(r#""out of memory""#), ErrorKind::Server);
    }
}
