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
    let (code, message) = (code(error), message(error, key));
    let error = Error::new(kind(status, code.as_deref()), model.clone())
        .with_status(status.as_u16())
        .with_retry_after(retry_after(headers))
        .with_should_retry(should_retry(headers));
    match message {
        Some(message) => error.with_detail(format!("{status}: {message}")),
        None => error.with_detail(status.to_string()),
    }
}

/// An error object inside a stream.
pub(super) fn in_stream(model: &ModelName, error: &Value, key: Option<&Secret>) -> Error {
    let kind = match code(error).as_deref() {
        Some("rate_limit_exceeded") => ErrorKind::RateLimited,
        Some("content_filter") => ErrorKind::ContentFilter,
        _ => ErrorKind::Server,
    };
    let failed = Error::new(kind, model.clone());
    match message(error, key) {
        Some(message) => failed.with_detail(message),
        None => failed,
    }
}

/// An error of the connection.
pub(super) fn transport(model: &ModelName, error: reqwest::Error) -> Error {
    let kind = match () {
        () if error.is_connect() && error.is_timeout() => ErrorKind::Timeout(TimeoutKind::Connect),
        () if error.is_decode() => ErrorKind::Decode,
        () => ErrorKind::Transport,
    };
    // The address may hold a key in its query.
    Error::new(kind, model.clone()).with_source(error.without_url())
}

fn code(error: &Value) -> Option<String> {
    let code = error.get("code").filter(|code| code.is_string()).or_else(|| error.get("type"));
    code.and_then(Value::as_str).map(str::to_owned)
}

fn message(error: &Value, key: Option<&Secret>) -> Option<String> {
    let message = error.as_str().or_else(|| error.get("message")?.as_str())?;
    let short: String = message.chars().take(LONGEST).collect();
    Some(key.map_or_else(|| short.clone(), |key| key.scrub(&short)))
}

fn kind(status: StatusCode, code: Option<&str>) -> ErrorKind {
    match (status.as_u16(), code) {
        (_, Some("insufficient_quota")) | (402, _) => ErrorKind::Billing,
        (_, Some("context_length_exceeded")) => ErrorKind::ContextLength,
        (_, Some("content_filter" | "content_policy_violation")) => ErrorKind::ContentFilter,
        (401, _) => ErrorKind::Auth,
        (403, _) => ErrorKind::Permission,
        (404, _) => ErrorKind::NotFound,
        (408, _) => ErrorKind::Timeout(TimeoutKind::FirstToken),
        (409, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::RateLimited,
        (503 | 529, _) => ErrorKind::Overloaded,
        (500.., _) => ErrorKind::Server,
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
    let seconds = |text: &str| text.trim().parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
    if let Some(milliseconds) = text("retry-after-ms").and_then(seconds) {
        return Duration::try_from_secs_f64(milliseconds / 1e3).ok();
    }
    let value = text("retry-after")?;
    if let Some(seconds) = seconds(value) {
        return Duration::try_from_secs_f64(seconds).ok();
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
        for bad in ["soon", "-1", "nan", "1e300"] {
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
        let leaky = fail(401, r#"{"error":{"message":"bad key sk-secret"}}"#);
        assert_eq!(leaky.kind(), ErrorKind::Auth);
        assert!(!format!("{leaky} {leaky:?}").contains("sk-secret"));
        assert_eq!(
            fail(400, r#"{"error":{"code":"context_length_exceeded"}}"#).kind(),
            ErrorKind::ContextLength
        );
    }
}
