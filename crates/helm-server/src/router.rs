use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use helm_core::{Clock, DecisionId, SystemClock};
use helm_orchestrator::Helm;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span};

use crate::body::BodyLimit;
use crate::dialect::Dialect;
use crate::keys::{ApiKeys, Gate, enter};
use crate::overload::{InFlight, Room, admit};
use crate::problem::Problem;
use crate::watch::Watchers;
use crate::wire::RequestLimits;
use crate::{
    anthropic, chat, experiments, feedback, memories, openai, openapi, status, ui, users, view, watch,
};

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
    /// What a chat API's request may hold.
    pub limits: RequestLimits,
    /// How much may be in flight at once; what goes beyond is refused with 503 and `Retry-After`, at once.
    pub in_flight: InFlight,
    /// Who may ask. Default: everybody who reaches it.
    pub keys: Option<ApiKeys>,
    /// What places a request's span below the caller's. Default: nothing, and each request begins a trace.
    pub parent: Option<TraceParent>,
}

/// What is told of each request's span and headers before anything is done, to make it a part of the trace that the headers
/// name. Libraries know no tracer; the binary that installs one does.
#[derive(Clone)]
pub struct TraceParent(Arc<Adopt>);

type Adopt = dyn Fn(&Span, &HeaderMap) + Send + Sync;

impl TraceParent {
    /// Told by this function, which takes no time to speak of.
    pub fn new(adopt: impl Fn(&Span, &HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(adopt))
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_body_bytes: 2 << 20,
            drain: Duration::from_secs(20),
            metrics: None,
            limits: RequestLimits::default(),
            in_flight: InFlight::default(),
            keys: None,
            parent: None,
        }
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

    /// Sets what a chat API's request may hold.
    #[must_use]
    pub fn with_limits(mut self, limits: RequestLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how much may be in flight at once.
    #[must_use]
    pub fn with_in_flight(mut self, most: InFlight) -> Self {
        self.in_flight = most;
        self
    }

    /// Lets in only those who have a key, and shows each the data of the key's tenant; as long as there has never been a
    /// key, everybody. `/livez`, `/readyz` and `/health` stay open. [`serve`](crate::serve) takes the store's keys every second; who mounts
    /// the router calls [`ApiKeys::refresh`].
    #[must_use]
    pub fn with_keys(mut self, keys: ApiKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Places requests' spans below those that their callers name.
    #[must_use]
    pub fn with_parent(mut self, parent: TraceParent) -> Self {
        self.parent = Some(parent);
        self
    }
}

/// Helm's API.
pub fn router(helm: Helm, options: ServerOptions) -> Router {
    let mut routes = own_routes().merge(watch_routes()).merge(chat_routes());
    if let Some(metrics) = options.metrics {
        let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        routes = routes.route("/metrics", get(move || async move { (text, metrics.render()) }));
    }
    let routes = routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(options.max_body_bytes))
        .layer(Extension(BodyLimit(options.max_body_bytes)))
        .layer(Extension(options.limits))
        .layer(Extension(Watchers::default()));
    let router = match options.keys {
        Some(keys) => Router::new().fallback(enter).with_state(Arc::new(Gate::new(keys, routes, helm))),
        None => routes.with_state(helm),
    };
    let room = Arc::new(Room::new(options.in_flight, options.max_body_bytes));
    let router = router.layer(from_fn_with_state(room, admit));
    // The pages hold no data and need no key; what they show comes from the paths above.
    router.merge(ui::routes()).layer(from_fn_with_state(options.parent, identify))
}

/// Helm's own words.
fn own_routes() -> Router<Helm> {
    Router::new()
        .route("/chat", post(chat::chat))
        .route("/feedback", post(feedback::feedback))
        .route("/health", get(status::health))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/helm/v1/openapi.json", get(openapi::document))
        .route("/helm/v1/tasks", get(view::tasks))
        .route("/helm/v1/tasks/{task}/report", get(view::report))
        .route("/helm/v1/decisions/{id}", get(view::decision))
        .route("/helm/v1/experiments", get(experiments::experiments))
        .route("/helm/v1/experiments/{key}", get(experiments::report))
        .route("/helm/v1/users/{user}", get(users::export).delete(users::forget))
        .route("/helm/v1/users/{user}/preferences", get(users::preferences).patch(users::change_preferences))
        .route("/helm/v1/users/{user}/conversations/{conversation}", get(users::conversation))
        .route("/helm/v1/users/{user}/memories", get(memories::memories).delete(memories::forget_memories))
        .route("/helm/v1/users/{user}/memories/search", post(memories::search_memories))
        .route("/helm/v1/users/{user}/memories/{memory}", delete(memories::forget_memory))
}

/// What a dashboard asks.
fn watch_routes() -> Router<Helm> {
    Router::new()
        .route("/helm/v1/overview", get(watch::overview::overview))
        .route("/helm/v1/decisions", get(watch::turns::turns))
        .route("/helm/v1/tasks/{task}/probabilities", get(watch::offers::probabilities))
        .route("/helm/v1/tasks/{task}/users", get(watch::people::users))
        .route("/helm/v1/tasks/{task}/users/{user}", get(watch::people::outlook))
        .route("/helm/v1/guardrails/findings", get(watch::guards::findings))
}

/// The words of others.
fn chat_routes() -> Router<Helm> {
    Router::new()
        .route("/v1/chat/completions", post(openai::chat::completions))
        .route("/v1/models", get(openai::models::models))
        // The ids have slashes, which some clients write as they are.
        .route("/v1/models/{*id}", get(openai::models::model))
        .route("/v1/embeddings", post(openai::embeddings::embeddings))
        .route("/v1/messages", post(anthropic::messages::messages))
        .route("/v1/messages/count_tokens", post(anthropic::count::count_tokens))
}

/// A path without the names of people and of what is theirs: it goes into logs and traces.
fn nobodys(path: &str) -> String {
    let mut named = false;
    let parts = path.split('/').map(|part| {
        let shown = if named && part != "search" { "*" } else { part };
        named = matches!(part, "users" | "conversations" | "memories");
        shown
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Problem::inside().into_response()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What Anthropic's clients look for.
const ANTHROPIC_ID: HeaderName = HeaderName::from_static("request-id");

/// The id of the request that is being answered.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives every request an id, the caller's where it is one. Everything is logged under it, and every refusal
/// names it.
async fn identify(State(parent): State<Option<TraceParent>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).filter(|id| is_id(id)).and_then(|id| id.to_str().ok());
    let id = given.map_or_else(|| DecisionId::generate(SystemClock.now()).to_string(), str::to_owned);
    let dialect = Dialect::of(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request_id = %id, method = %request.method(), path = %nobodys(request.uri().path()));
    if let Some(TraceParent(adopt)) = &parent {
        adopt(&span, request.headers());
    }
    let respond = async {
        // The status that the caller sees, which is that of its own API.
        let response = named(next.run(request).await, dialect, &id);
        tracing::info!(status = response.status().as_u16(), "request");
        response
    };
    let mut response = respond.instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        if dialect == Dialect::Anthropic {
            response.headers_mut().insert(ANTHROPIC_ID, id.clone());
        }
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A problem with the id of its request, in the words of its path; any other response as it is.
fn named(mut response: Response, dialect: Dialect, id: &str) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            // What the layers in between have added stays, but for the length of the body.
            let (headers, mut named) =
                (response.headers().clone(), dialect.response(problem.with_request_id(id)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_name_nobody() {
        for (path, shown) in [
            ("/helm/v1/users/ana", "/helm/v1/users/*"),
            ("/helm/v1/users/ana/memories/search", "/helm/v1/users/*/memories/search"),
            ("/helm/v1/users/ana/conversations/my-divorce", "/helm/v1/users/*/conversations/*"),
            ("/helm/v1/tasks/support/users/ana", "/helm/v1/tasks/support/users/*"),
            ("/v1/chat/completions", "/v1/chat/completions"),
        ] {
            assert_eq!(nobodys(path), shown);
        }
    }
}
