use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use helm_core::{DecisionId, TurnStatus};
use serde::Serialize;
use utoipa::ToSchema;

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
            Self::Anthropic => serde_json::to_string(&anthropic(&problem)),
            _ => serde_json::to_string(&openai(&problem)),
        };
        // Such a value always has a JSON form.
        let mut response = (self.status(&problem), body.unwrap_or_default()).into_response();
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
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiError {
    error: OpenAiErrorTold,
    /// The turn, where one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    helm: Option<FailedTurn>,
}

#[derive(Serialize, ToSchema)]
struct OpenAiErrorTold {
    message: Box<str>,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The part of the request that is wrong, as a path.
    param: Option<Box<str>>,
    /// What programs branch on.
    code: &'static str,
}

/// An error as Anthropic writes it; also the last event of a stream that failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AnthropicError {
    #[serde(rename = "type")]
    kind: &'static str,
    error: AnthropicErrorTold,
    request_id: Option<Box<str>>,
    /// The turn, where one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    helm: Option<FailedTurn>,
}

#[derive(Serialize, ToSchema)]
struct AnthropicErrorTold {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
}

/// A turn that brought no answer, so that what became of it can be looked up.
#[derive(Serialize, ToSchema)]
struct FailedTurn {
    #[schema(value_type = String)]
    decision_id: DecisionId,
    #[schema(value_type = Option<String>)]
    status: Option<TurnStatus>,
}

impl FailedTurn {
    fn of(problem: &Problem) -> Option<Self> {
        Some(Self { decision_id: problem.decision_id?, status: problem.turn_status })
    }
}

/// What the wrong part of a turn is called in chat APIs.
fn param_of(problem: &Problem) -> Option<Box<str>> {
    let param = problem.param.as_deref()?;
    Some(match param {
        "message" => "messages".into(),
        // A path names the model by its id.
        "task" | "strategy" | "id" => "model".into(),
        param => param.into(),
    })
}

/// The problem in `OpenAI`'s words.
pub(crate) fn openai(problem: &Problem) -> OpenAiError {
    let error = OpenAiErrorTold {
        message: problem.detail.clone(),
        kind: openai_type(problem),
        param: param_of(problem),
        code: problem.code,
    };
    OpenAiError { error, helm: FailedTurn::of(problem) }
}

fn openai_type(problem: &Problem) -> &'static str {
    match problem.status {
        429 => "rate_limit_error",
        403 => "permission_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// The problem in Anthropic's words.
pub(crate) fn anthropic(problem: &Problem) -> AnthropicError {
    let error = AnthropicErrorTold { kind: anthropic_type(problem), message: anthropic_message(problem) };
    let request_id = problem.request_id.clone();
    AnthropicError { kind: "error", error, request_id, helm: FailedTurn::of(problem) }
}

/// This API has no field for the part that is wrong.
fn anthropic_message(problem: &Problem) -> String {
    match param_of(problem) {
        Some(param) if !problem.detail.starts_with(&format!("{param}: ")) => {
            format!("{param}: {}", problem.detail)
        }
        _ => problem.detail.to_string(),
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
