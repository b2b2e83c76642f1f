use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::timeout;

use crate::problem::Problem;

/// The largest body that is taken, for the message that refuses a larger one.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON object as the request's body, whose refusal is a problem that says where it is wrong.
///
/// The content type must say so: it keeps the pages of other origins from sending one without being asked.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send JSON, with the header content-type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let limit = request.extensions().get::<BodyLimit>().copied();
        let bytes = timeout(PATIENCE, Bytes::from_request(request, state)).await.map_err(|_| late())?;
        let bytes = bytes.map_err(|rejection| unread(rejection.status(), rejection.body_text(), limit))?;
        read(&bytes).map(Self)
    }
}

/// Whoever sends slowly holds a place that others wait for.
fn late() -> Problem {
    let detail = format!("the body did not come within {} s; send it again", PATIENCE.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unread(status: StatusCode, text: String, limit: Option<BodyLimit>) -> Problem {
    match (status, limit) {
        (StatusCode::PAYLOAD_TOO_LARGE, Some(BodyLimit(limit))) => Problem::new(
            status,
            format!(
                "the body has more than the {limit} bytes that are accepted; shorten the message, or raise server.max_body_bytes"
            ),
        ),
        _ => Problem::new(status, text),
    }
}

/// Reads a JSON object and nothing else: where an object belongs, an array is refused, though its items would be
/// in the order of the fields.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // Where the text itself breaks off there is no place to name.
        misread(error.inner(), (path != "." && path != "?").then_some(path))
    })?;
    reader.end().map_err(|error| misread(&error, None))?;
    Ok(body)
}

fn misread(error: &serde_json::Error, path: Option<String>) -> Problem {
    let (status, code) = match error.classify() {
        Category::Data => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
        _ => (StatusCode::BAD_REQUEST, "invalid_json"),
    };
    let path = named(&error.to_string(), path);
    let detail = match &path {
        Some(path) => format!("{path}: {error}"),
        None => error.to_string(),
    };
    let problem = Problem::new(status, detail).with_code(code);
    match path {
        Some(path) => problem.with_param(path),
        None => problem,
    }
}

/// The place of what is wrong: the parser says of a field that is not there, not known or there twice only in whose place.
fn named(why: &str, path: Option<String>) -> Option<String> {
    let field = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|begin| why.strip_prefix(begin));
    let Some(field) = field.and_then(|rest| rest.split('`').next()) else { return path };
    match path {
        Some(path) if path == field || path.ends_with(&format!(".{field}")) => Some(path),
        Some(path) => Some(format!("{path}.{field}")),
        None => Some(field.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    struct Thing {
        #[serde(default)]
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        number: u8,
    }

    #[test]
    fn what_is_no_object_or_not_as_expected_is_told_with_its_place() {
        for (text, status, said, param) in [
            ("[\"a\",[]]", 400, "object", None),
            ("", 400, "EOF", None),
            ("{", 400, "EOF", None),
            ("{\"name\":\"a\"} x", 400, "trailing", None),
            ("{\"name\":", 400, "EOF", Some("name")),
            ("{\"name\":1}", 422, "invalid type", Some("name")),
            ("{\"name\":\"a\",\"name\":\"b\"}", 422, "duplicate field", Some("name")),
            ("{\"inner\":[{\"number\":1,\"number\":2}]}", 422, "duplicate field", Some("inner[0].number")),
            ("{\"inner\":[{\"number\":1},{\"number\":\"x\"}]}", 422, "invalid type", Some("inner[1].number")),
            ("{\"inner\":[{}]}", 422, "missing field", Some("inner[0].number")),
            ("{\"inner\":[{\"number\":1,\"odd\":2}]}", 422, "unknown field", Some("inner[0].odd")),
        ] {
            let problem = read::<Thing>(text.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.status, problem.param.as_deref()),
                (status, param),
                "{text}: {}",
                problem.detail
            );
            assert!(problem.detail.contains(said), "{text}: {}", problem.detail);
        }
        let read: Thing = read(b" {\"name\":\"a\",\"inner\":[{\"number\":7}]} ").unwrap();
        assert_eq!((read.name.as_str(), read.inner.first().map(|inner| inner.number)), ("a", Some(7)));
    }
}
