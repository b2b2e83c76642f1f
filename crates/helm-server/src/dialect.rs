use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// In whose words a path answers what goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// RFC 9457.
    Problem,
    /// `OpenAI`'s API: everything under `/v1` but what follows.
    OpenAi,
    /// Anthropic's API: `/v1/messages`, and whatever names a version of that API.
    Anthropic,
}

/// Tells the SDKs of both APIs not to send the same again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

impl Dialect {
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.uri().path();
        if !path.starts_with("/v1/") && path != "/v1" {
            return Self::Problem;
        }
        if path.starts_with("/v1/messages") || request.headers().contains_key("anthropic-version") {
            return Self::Anthropic;
        }
        Self::OpenAi
    }

    /// The problem in these words.
    pub(crate) fn response(self, problem: Problem) -> Response {
        if self == Self::Problem {
            return problem.into_response();
        }
        let body = match self {
            Self::Anthropic => anthropic(&problem),
            _ => openai(&problem),
        };
        let mut response = (self.status(&problem), body.to_string()).into_response();
        self.headers(&problem, response.headers_mut());
        response
    }

    fn status(self, problem: &Problem) -> StatusCode {
        match (self, problem.status()) {
            // Neither API tells what cannot be read from what cannot be right.
            (_, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE) => {
                StatusCode::BAD_REQUEST
            }
            (Self::Anthropic, StatusCode::SERVICE_UNAVAILABLE) => {
                StatusCode::from_u16(529).unwrap_or_default()
            }
            (_, status) => status,
        }
    }

    fn headers(self, problem: &Problem, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = problem.retry_after() {
            headers.insert(header::RETRY_AFTER, wait);
        }
        if !problem.is_retryable {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
    }
}

/// An error as `OpenAI` writes it; also the last event of a stream that failed.
pub(crate) fn openai(problem: &Problem) -> Value {
    let error = json!({
        "message": problem.detail, "type": openai_type(problem), "param": problem.param, "code": problem.code,
    });
    with_turn(problem, json!({ "error": error }))
}

fn openai_type(problem: &Problem) -> &'static str {
    match problem.status {
        429 => "rate_limit_error",
        403 => "permission_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// An error as Anthropic writes it; also the last event of a stream that failed.
pub(crate) fn anthropic(problem: &Problem) -> Value {
    let error = json!({ "type": anthropic_type(problem), "message": anthropic_message(problem) });
    with_turn(problem, json!({ "type": "error", "error": error, "request_id": problem.request_id }))
}

/// This API has no field for the part that is wrong.
fn anthropic_message(problem: &Problem) -> String {
    match &problem.param {
        Some(param) => format!("{param}: {}", problem.detail),
        None => problem.detail.to_string(),
    }
}

fn anthropic_type(problem: &Problem) -> &'static str {
    match problem.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Names the turn, so that what became of it can be looked up.
fn with_turn(problem: &Problem, mut body: Value) -> Value {
    if let (Some(id), Some(body)) = (problem.decision_id, body.as_object_mut()) {
        let turn = [("decision_id".to_owned(), json!(id)), ("status".to_owned(), json!(problem.turn_status))];
        body.insert("helm".to_owned(), Value::Object(Map::from_iter(turn)));
    }
    body
}
