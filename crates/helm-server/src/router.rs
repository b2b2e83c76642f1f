use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use helm_core::{Clock, DecisionId, SystemClock};
use helm_orchestrator::Helm;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::problem::Problem;
use crate::request::BodyLimit;
use crate::{chat, feedback, status, view};

/// How the API behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The largest request body in bytes. Default: 2 MiB.
    pub max_body_bytes: usize,
    /// How long running turns may take to end when the server stops. Default: 20 s.
    pub drain: Duration,
    /// What `/metrics` shows. Default: nothing, and the path is not there.
    pub metrics: Option<PrometheusHandle>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { max_body_bytes: 2 << 20, drain: Duration::from_secs(20), metrics: None }
    }
}

impl ServerOptions {
    /// Sets the largest request body.
    #[must_use]
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Sets how long running turns may take to end.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Shows metrics.
    #[must_use]
    pub fn with_metrics(mut self, handle: PrometheusHandle) -> Self {
        self.metrics = Some(handle);
        self
    }
}

/// Helm's API.
pub fn router(helm: Helm, options: ServerOptions) -> Router {
    let mut routes = Router::new()
        .route("/chat", post(chat::chat))
        .route("/feedback", post(feedback::feedback))
        .route("/health", get(status::health))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/helm/v1/tasks", get(view::tasks))
        .route("/helm/v1/tasks/{task}/report", get(view::report))
        .route("/helm/v1/decisions/{id}", get(view::decision));
    if let Some(metrics) = options.metrics {
        let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        routes = routes.route("/metrics", get(move || async move { (text, metrics.render()) }));
    }
    routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(options.max_body_bytes))
        .layer(Extension(BodyLimit(options.max_body_bytes)))
        .layer(from_fn(identify))
        .with_state(helm)
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let detail = "something went wrong inside; the log has the details under this request id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that is being answered.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives every request an id, the caller's where it is one. Everything is logged under it, and every refusal
/// names it.
async fn identify(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).filter(|id| is_id(id)).and_then(|id| id.to_str().ok());
    let id = given.map_or_else(|| DecisionId::generate(SystemClock.now()).to_string(), str::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request_id = %id, method = %request.method(), path = request.uri().path());
    let respond = async {
        let response = next.run(request).await;
        tracing::info!(status = response.status().as_u16(), "request");
        response
    };
    let mut response = named(respond.instrument(span).await, &id);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A problem with the id of its request; any other response as it is.
fn named(mut response: Response, id: &str) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            // What the layers in between have added stays, but for the length of the body.
            let (headers, mut named) =
                (response.headers().clone(), problem.with_request_id(id).into_response());
            let kept = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
            let own = named.headers().clone();
            let kept = kept.filter(|(name, _)| name != header::CONTENT_LENGTH && !own.contains_key(name));
            named.headers_mut().extend(kept);
            named
        }
        None => response,
    }
}

fn is_id(value: &HeaderValue) -> bool {
    !value.is_empty() && value.len() <= 128 && value.as_bytes().iter().all(u8::is_ascii_graphic)
}
