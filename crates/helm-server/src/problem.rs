use std::time::Duration;

use axum::extract::path::ErrorKind as PathError;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use helm_core::{DecisionId, TurnStatus};
use helm_orchestrator::llm::ErrorKind as ModelError;
use helm_orchestrator::{Error, ErrorKind, TurnResponse};
use serde::Serialize;

/// What a [`Problem`] is sent as.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Why a request was not answered, as RFC 9457 writes it. Under `/v1` the router writes it anew, in the words of the
/// API that is asked there; the request id is added there, too.
#[derive(Clone, PartialEq, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says which kind of problem it is.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: AboutBlank,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong and what to do.
    #[schema(value_type = String)]
    pub(crate) detail: Box<str>,
    /// What programs branch on.
    pub(crate) code: &'static str,
    /// The part of the request that is wrong, as a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) param: Option<Box<str>>,
    /// The turn, when one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) decision_id: Option<DecisionId>,
    /// How that turn ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) turn_status: Option<TurnStatus>,
    /// The request, to be found in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) request_id: Option<Box<str>>,
    /// Whether sending the same again may help.
    #[serde(skip)]
    pub(crate) is_retryable: bool,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// The one kind of problem there is: the status says the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct AboutBlank;

impl Serialize for AboutBlank {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("about:blank")
    }
}

const INSIDE: &str = "something went wrong inside; the log has the details under this request id";

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: AboutBlank,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code: code_of(status),
            param: None,
            decision_id: None,
            turn_status: None,
            request_id: None,
            is_retryable: status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT),
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(Duration::from_secs(1)),
        }
    }

    /// A part of the request that is readable but wrong.
    pub(crate) fn wrong(param: impl Into<Box<str>>, detail: impl Into<Box<str>>) -> Self {
        let wrong = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        Self { param: Some(param.into()), ..wrong }
    }

    /// Something inside that the caller cannot know.
    pub(crate) fn inside() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, INSIDE)
    }

    /// Says what programs branch on.
    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Says which part of the request is wrong.
    pub(crate) fn with_param(mut self, param: impl Into<Box<str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the request that it answers.
    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.request_id = Some(id.into());
        self
    }

    fn final_unless(mut self, retryable: bool) -> Self {
        self.is_retryable &= retryable;
        self
    }

    /// Why [`Helm::turn`](helm_orchestrator::Helm::turn) refused what `POST /chat` sent, which calls the user otherwise than
    /// paths do.
    pub(crate) fn of_chat(error: Error) -> Self {
        let param = matches!(error, Error::ReservedUser { .. }).then_some("user_id");
        let problem = Self::from(error);
        match param {
            Some(param) => problem.with_param(param),
            None => problem,
        }
    }

    /// Names the part of the request that an error of each kind is about, where the error itself does not say.
    pub(crate) fn about(error: Error, params: &[(ErrorKind, &'static str)]) -> Self {
        let kind = error.kind();
        let problem = Self::from(error);
        match params.iter().find(|(of, _)| *of == kind) {
            Some((_, param)) if problem.param.is_none() => problem.with_param(*param),
            _ => problem,
        }
    }

    /// A turn that ended without an answer; `None` when it has one, or a guard took it away.
    pub(crate) fn of_turn(response: &TurnResponse) -> Option<Self> {
        let problem = match response.status {
            TurnStatus::UpstreamError => of_model(response),
            // What the provider said of it is for the log.
            TurnStatus::Timeout | TurnStatus::Cancelled if response.failure.is_some() => of_model(response),
            TurnStatus::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, told(response)),
            TurnStatus::Cancelled => Self::new(StatusCode::SERVICE_UNAVAILABLE, told(response)),
            // The database's words are for the log.
            TurnStatus::StorageError => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "state could not be read or written; try again later",
            ),
            _ => return None,
        };
        Some(Self { decision_id: Some(response.decision_id), turn_status: Some(response.status), ..problem })
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whole seconds after which to try again.
    pub(crate) fn retry_after(&self) -> Option<HeaderValue> {
        let wait = self.retry_after.filter(|_| self.is_retryable)?;
        Some(HeaderValue::from(u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)))
    }
}

fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "invalid_api_key",
        403 => "forbidden",
        404 => "not_found",
        408 => "request_timeout",
        405 => "method_not_allowed",
        409 => "conflict",
        413 => "request_too_large",
        415 => "unsupported_media_type",
        429 => "rate_limit_exceeded",
        502 => "upstream_error",
        503 => "unavailable",
        504 => "timeout",
        500.. => "internal_error",
        _ => "invalid_request",
    }
}

/// A failure of the model. The provider's own words stay in the log and in the turn's record: they may quote what is
/// nobody else's business.
fn of_model(response: &TurnResponse) -> Problem {
    let Some(kind) = response.failure else {
        return Problem::new(StatusCode::BAD_GATEWAY, told(response));
    };
    let (status, code) = match kind {
        ModelError::BadRequest => (StatusCode::BAD_REQUEST, "upstream_refused_request"),
        ModelError::ContextLength => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
        ModelError::ContentFilter => (StatusCode::BAD_REQUEST, "content_filter"),
        ModelError::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "upstream_rate_limited"),
        ModelError::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "upstream_overloaded"),
        ModelError::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        ModelError::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "cancelled"),
        _ => (StatusCode::BAD_GATEWAY, "upstream_error"),
    };
    let hopeless = kind.needs_a_person() || kind == ModelError::Unrecorded;
    let mut problem = Problem::new(status, kind.to_string()).with_code(code).final_unless(!hopeless);
    if kind == ModelError::RateLimited {
        problem.retry_after = Some(Duration::from_secs(1));
    }
    problem
}

fn told(response: &TurnResponse) -> String {
    response.error.clone().unwrap_or_else(|| response.status.as_str().to_owned())
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidRequest => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // What is refused because there is too much is counted: a line for each would be more work.
        if status.is_server_error() && !matches!(error, Error::Overloaded) {
            tracing::error!(error = %error.report(), "a request failed");
        }
        match &error {
            // What went wrong inside is for the log, not for the caller.
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => Self::inside(),
            Error::Embedding(_) => {
                let problem = Self::new(StatusCode::BAD_GATEWAY, error.to_string());
                problem.final_unless(matches!(&error, Error::Embedding(model) if model.is_retryable()))
            }
            // What is larger than the limit itself never fits.
            Error::RateLimited { retry_after, .. } => {
                let problem = Self { retry_after: *retry_after, ..Self::new(status, error.to_string()) };
                problem.final_unless(retry_after.is_some())
            }
            Error::UnknownTask { .. } => {
                Self::new(status, error.to_string()).with_code("model_not_found").with_param("task")
            }
            Error::UnknownStrategy { .. } => {
                Self::new(status, error.to_string()).with_code("model_not_found").with_param("strategy")
            }
            Error::Overloaded => Self::new(status, error.to_string()).with_code("overloaded"),
            // Whoever sends it again may have it carried out twice.
            Error::Unstored { id } => {
                Self { decision_id: Some(*id), ..Self::new(status, error.to_string()) }.final_unless(false)
            }
            Error::Unsupported { .. } => Self::new(status, error.to_string()).with_code("unsupported"),
            // What a store is called and what it was doing is for the log, too.
            Error::Store(store) if status.is_client_error() => Self::new(status, store.message()),
            Error::Store(_) => Self::new(status, format!("{error}; try again later")),
            _ => match param(&error) {
                Some(param) => Self::new(status, error.to_string()).with_param(param),
                None => Self::new(status, error.report()),
            },
        }
    }
}

/// The part of Helm's own requests that an error is about, if it is about one.
fn param(error: &Error) -> Option<String> {
    Some(match error {
        Error::InvalidMessage(_) => "message".to_owned(),
        Error::UnknownDecision { .. } => "decision_id".to_owned(),
        Error::UnknownExperiment { .. } => "key".to_owned(),
        Error::ReservedSource { .. } => "source".to_owned(),
        Error::ReservedUser { .. } => "user".to_owned(),
        Error::ReservedPreference { name } => format!("values.{name}"),
        _ => return None,
    })
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        let problem = Self::new(rejection.status(), rejection.body_text());
        match unreadable(&rejection) {
            Some(param) => problem.with_param(param),
            None => problem,
        }
    }
}

/// The part of the path that is no text.
fn unreadable(rejection: &PathRejection) -> Option<&str> {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else { return None };
    match failed.kind() {
        PathError::InvalidUtf8InPathParam { key } => Some(key),
        _ => None,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let kind = HeaderValue::from_static(PROBLEM);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        // The router writes it once more, with the request's id and in the words of the path.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_has_too_much_to_do_is_told_as_too_many_requests_are() {
        let told = Problem::from(Error::Overloaded);
        assert_eq!((told.status(), told.code), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
        assert_eq!(told.retry_after(), Some(HeaderValue::from(1)));
    }

    #[test]
    fn a_turn_that_may_be_stored_yet_is_named_and_not_to_be_sent_again() {
        let id = DecisionId::from_bytes([7; 16]);
        let told = Problem::from(Error::Unstored { id });
        assert_eq!((told.status(), told.decision_id), (StatusCode::SERVICE_UNAVAILABLE, Some(id)));
        assert_eq!((told.is_retryable, told.retry_after()), (false, None));
    }
}
