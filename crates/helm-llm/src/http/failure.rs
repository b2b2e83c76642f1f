//! What went wrong, told without keys.

use std::time::Duration;

use helm_core::{Clock, ModelName, SystemClock};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::transport::TransportError;
use crate::codec::Fault;
use crate::error::Error;
use crate::scrub::Scrubber;

/// The most of an upstream message that is passed on.
const LONGEST: usize = 500;

/// About whom something is told, and what must not be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) model: &'a ModelName,
    pub(crate) secrets: &'a Scrubber,
}

/// An answer whose status is no success.
pub(crate) fn refused(told: Told<'_>, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let fault = Fault::refused(status, body);
    let line = StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string());
    let detail = match &fault.detail {
        Some(message) => format!("{line}: {}", clean(message, told.secrets)),
        None => line,
    };
    Error::new(fault.kind, told.model.clone())
        .with_status(status)
        .with_retry_after(retry_after(headers))
        .with_should_retry(should_retry(headers))
        .with_request_id(request_id(headers))
        .with_detail(detail)
}

/// A fault in an answer that has the status of a success.
pub(crate) fn within(told: Told<'_>, fault: Fault, headers: &HeaderMap) -> Error {
    let failed = Error::new(fault.kind, told.model.clone()).with_request_id(request_id(headers));
    match fault.detail {
        Some(message) => failed.with_detail(clean(&message, told.secrets)),
        None => failed,
    }
}

/// A request without an answer, or without all of it.
pub(crate) fn transport(model: &ModelName, error: TransportError) -> Error {
    let (kind, source) = error.into_parts();
    let failed = Error::new(kind, model.clone());
    match source {
        Some(source) => failed.with_source(source),
        None => failed,
    }
}

/// What the provider calls the request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = ["x-request-id", "request-id"].iter().find_map(|name| headers.get(*name))?.to_str().ok()?;
    Some(id.chars().take(LONGEST_ID).collect())
}

/// The most characters of a request's id.
const LONGEST_ID: usize = 128;

/// The provider's message. Secrets are taken out before the rest is cut: half a key is still half a secret.
fn clean(message: &str, secrets: &Scrubber) -> String {
    secrets.text(message).chars().take(LONGEST).collect()
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
    use crate::error::ErrorKind;
    use crate::secret::Secret;

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
    fn keys_are_scrubbed_and_requests_named() {
        let (model, key) = (ModelName::new("main").unwrap(), Secret::new("sk-secret"));
        let url = url::Url::parse("https://helm:hunter2@host/v1?code=of-the-gateway").unwrap();
        let secrets = Scrubber::knowing([&key]).and_those_of(&url);
        let told = Told { model: &model, secrets: &secrets };
        let mut headers = HeaderMap::new();
        headers.insert("request-id", "req_7".parse().unwrap());
        let fail = |status: u16, body: &str| refused(told, status, &headers, body.as_bytes());
        let cut = format!(r#"{{"error":{{"message":"{}sk-secret"}}}}"#, "x".repeat(LONGEST - 5));
        assert!(!fail(400, &cut).to_string().contains("sk-"), "half a key is still half a secret");
        let leaky = fail(401, r#"{"error":{"message":"bad key sk-secret"}}"#);
        assert_eq!((leaky.kind(), leaky.request_id()), (ErrorKind::Auth, Some("req_7")));
        assert!(!format!("{leaky} {leaky:?}").contains("sk-secret"));
        let quoting = "POST https://helm:hunter2@host/v1/chat?code=of-the-gateway, of-the-gateway, key sk-0123456789abc";
        let quoting = fail(502, &serde_json::json!({ "error": { "message": quoting } }).to_string());
        for secret in ["hunter2", "of-the-gateway", "0123456789abc"] {
            assert!(!format!("{quoting} {quoting:?}").contains(secret), "{quoting}");
        }
        assert!(quoting.to_string().contains("@host/v1/chat?code=…"), "{quoting}");
        let inside = within(told, Fault::decode("no JSON: sk-secret"), &headers);
        assert!(!format!("{inside} {inside:?}").contains("sk-secret"));
    }
}
