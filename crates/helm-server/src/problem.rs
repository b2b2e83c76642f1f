use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use helm_core::{DecisionId, TurnStatus};
use helm_orchestrator::{Error, ErrorKind, TurnResponse};
use serde::Serialize;

/// An error as RFC 9457 writes it. The request id is added by the router, which knows it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_status: Option<TurnStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            decision_id: None,
            turn_status: None,
            request_id: None,
        }
    }

    /// Names the request that it answers.
    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    /// A turn that ended without an answer through no fault of the request.
    pub(crate) fn of_turn(response: &TurnResponse) -> Option<Self> {
        let status = match response.status {
            TurnStatus::UpstreamError => StatusCode::BAD_GATEWAY,
            TurnStatus::Timeout => StatusCode::GATEWAY_TIMEOUT,
            TurnStatus::Cancelled | TurnStatus::StorageError => StatusCode::SERVICE_UNAVAILABLE,
            _ => return None,
        };
        let detail = response.error.clone().unwrap_or_else(|| response.status.as_str().to_owned());
        Some(Self {
            decision_id: Some(response.decision_id),
            turn_status: Some(response.status),
            ..Self::new(status, detail)
        })
    }
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
        if status.is_server_error() {
            tracing::error!(error = %error.report(), "a request failed");
        }
        // What went wrong inside is for the log, not for the caller.
        let detail = if status == StatusCode::INTERNAL_SERVER_ERROR {
            "something went wrong inside; the log has the details under this request id".to_owned()
        } else {
            error.report()
        };
        Self::new(status, detail)
    }
}

impl From<helm_core::Error> for Problem {
    fn from(error: helm_core::Error) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // The router writes it once more, with the request's id.
        response.extensions_mut().insert(self);
        response
    }
}
