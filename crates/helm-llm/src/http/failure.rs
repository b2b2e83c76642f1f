//! What went wrong, from what the provider said.

use std::time::Duration;

use helm_core::{Clock, ModelName, SystemClock};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::{Error, ErrorKind, TimeoutKind};
use crate::secret::Secret;

/// The most of an upstream message that is passed on.
const LONGEST: usize = 500;

/// An answer that is not a success.
pub(super) fn refused(
    model: &ModelName,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    key: Option<&Secret>,
) -> Error {
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let error = value.get("error").unwrap_or(&value);
    let detail = match message(error, key) {
        Some(message) => format!("{status}: {message}"),
        None => status.to_string(),
    };
    Error::new(kind(Some(status.as_u16()), error), model.clone())
        .with_status(status.as_u16())
        .with_retry_after(retry_after(headers))
        .with_should_retry(should_retry(headers))
        .with_detail(detail)
}

/// An error object in an answer that has the status of a success.
pub(super) fn in_answer(model: &ModelName, error: &Value, key: Option<&Secret>) -> Error {
    // Some gateways put the status they got into the code.
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let failed = Error::new(kind(status, error), model.clone());
    match message(error, key) {
        Some(message) => failed.with_detail(message),
        None => failed,
    }
}

/// An error before the answer's head.
pub(super) fn transport(model: &ModelName, error: reqwest::Error) -> Error {
    let kind = match () {
        () if error.is_builder() => ErrorKind::Setup,
        () if error.is_connect() && error.is_timeout() => ErrorKind::Timeout(TimeoutKind::Connect),
        () => ErrorKind::Transport,
    };
    // The address may hold a key in its query.
    Error::new(kind, model.clone()).with_source(error.without_url())
}

/// An error in the answer's body.
pub(super) fn broken_off(model: &ModelName, error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Truncated, model.clone()).with_source(error.without_url())
}

/// The provider's message. The key is taken out before the rest is cut: half a key is still half a secret.
fn message(error: &Value, key: Option<&Secret>) -> Option<String> {
    let message = error.as_str().or_else(|| error.get("message")?.as_str())?;
    let clean = key.map_or_else(|| message.to_owned(), |key| key.scrub(message));
    Some(clean.chars().take(LONGEST).collect())
}

/// What the error's code or type says, else its status.
fn kind(status: Option<u16>, error: &Value) -> ErrorKind {
    let word = |name: &str| error.get(name).and_then(Value::as_str);
    let named = [word("code"), word("type")].into_iter().flatten().find_map(by_word);
    match (named, status) {
        (Some(kind), _) => kind,
        (None, Some(status)) => by_status(status),
        (None, None) if word("type") == Some("invalid_request_error") => ErrorKind::BadRequest,
        (None, None) => ErrorKind::Server,
    }
}

fn by_word(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" | "billing_error" => {
            ErrorKind::Billing
        }
        "context_length_exceeded" => ErrorKind::ContextLength,
        "content_filter" | "content_policy_violation" => ErrorKind::ContentFilter,
        "invalid_api_key" | "authentication_error" => ErrorKind::Auth,
        "permission_error" => ErrorKind::Permission,
        "model_not_found" | "not_found_error" => ErrorKind::NotFound,
        "rate_limit_exceeded" | "rate_limit_error" => ErrorKind::RateLimited,
        "overloaded_error" | "server_overloaded" => ErrorKind::Overloaded,
        _ => return None,
    })
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Auth,
        402 => ErrorKind::Billing,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout(TimeoutKind::FirstToken),
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        500.. => ErrorKind::Server,
        _ => ErrorKind::BadRequest,
    }
}

fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `retry-after-ms` in milliseconds, or `retry-after` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
    // A number too large to be a duration means never, not at once.
    let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Some(duration(milliseconds / 1e3));
    }
    let value = text("retry-after")?;
    if let Some(seconds) = number(value) {
        return Some(duration(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = u64::try_from(SystemClock.now().as_micros()).ok()?;
    Some(date.saturating_sub(Duration::from_micros(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn the_three_forms_of_retry_after_are_read() {
        assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(after("retry-after-ms", "150"), Some(Duration::from_millis(150)));
        assert_eq!(after("retry-after", "Mon, 01 Jan 2001 00:00:00 GMT"), Some(Duration::ZERO));
        assert!(
            after("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT")
                .is_some_and(|wait| wait.as_secs() > 1_000_000)
        );
        assert_eq!(after("retry-after", "1e300"), Some(Duration::MAX));
        for bad in ["soon", "-1", "nan"] {
            assert_eq!(after("retry-after", bad), None, "{bad}");
        }
    }

    #[test]
    fn statuses_and_codes_become_kinds_and_keys_are_scrubbed() {
        let model = ModelName::new("main").unwrap();
        let fail = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            refused(&model, status, &HeaderMap::new(), body, Some(&Secret::new("sk-secret")))
        };
        let quota = r#"{"error":{"message":"no money","code":"insufficient_quota"}}"#;
        assert_eq!(fail(429, quota).kind(), ErrorKind::Billing);
        assert!(!fail(429, quota).is_retryable());
        assert_eq!(fail(429, "{}").kind(), ErrorKind::RateLimited);
        assert_eq!(fail(529, "gateway says no").kind(), ErrorKind::Overloaded);
        let cut = format!(r#"{{"error":{{"message":"{}sk-secret"}}}}"#, "x".repeat(LONGEST - 5));
        assert!(!fail(400, &cut).to_string().contains("sk-"), "half a key is still half a secret");
        let leaky = fail(401, r#"{"error":{"message":"bad key sk-secret"}}"#);
        assert_eq!(leaky.kind(), ErrorKind::Auth);
        assert!(!format!("{leaky} {leaky:?}").contains("sk-secret"));
        let in_answer = |text: &str| in_answer(&model, &serde_json::from_str(text).unwrap(), None).kind();
        assert_eq!(in_answer(r#"{"code":"insufficient_quota"}"#), ErrorKind::Billing);
        assert_eq!(in_answer(r#"{"code":429,"message":"slow down"}"#), ErrorKind::RateLimited);
        assert_eq!(in_answer(r#"{"type":"server_error"}"#), ErrorKind::Server);
        assert_eq!(in_answer(r#""out of memory""#), ErrorKind::Server);
        assert_eq!(
            fail(400, r#"{"error":{"code":"context_length_exceeded"}}"#).kind(),
            ErrorKind::ContextLength
        );
    }
}
