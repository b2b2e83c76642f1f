use std::collections::{BTreeMap, VecDeque};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::script::Reply;
use crate::wire::Wire;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path.
    pub path: String,
    /// The headers that are text.
    pub headers: BTreeMap<String, String>,
    /// The `authorization` header.
    pub authorization: Option<String>,
    /// What stood behind the question mark.
    pub query: Option<String>,
    /// The body.
    pub body: Value,
}

/// A local server that speaks all wire formats as its script says; at the end of the script it repeats the last
/// reply. It ends when it is dropped.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

type Choose = dyn Fn(&Value) -> Option<Reply> + Send + Sync;

struct Shared {
    choose: Option<Box<Choose>>,
    script: Mutex<VecDeque<Reply>>,
    received: Mutex<Vec<Received>>,
}

impl ModelServer {
    /// Begins to serve this script on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Fails when no port can be had.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> std::io::Result<Self> {
        Self::serve(script.into_iter().collect(), None).await
    }

    /// Begins to serve what `choose` makes of each request's body.
    ///
    /// # Errors
    ///
    /// Fails when no port can be had.
    pub async fn choosing(choose: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::serve(VecDeque::new(), Some(Box::new(move |body| Some(choose(body))))).await
    }

    async fn serve(script: VecDeque<Reply>, choose: Option<Box<Choose>>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { choose, script: Mutex::new(script), received: Mutex::new(Vec::new()) });
        let app = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/responses", post(responses))
            .route("/v1/messages", post(anthropic))
            .route("/api/chat", post(ollama))
            .route("/v1/embeddings", post(embeddings))
            .with_state(Arc::clone(&shared));
        // Without this the pieces of a stream would wait for acknowledgements, which nobody shall measure by mistake.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let serve = axum::serve(listener, app).into_future();
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is kept, and ends the task when it is dropped"
        )]
        let serving = tokio::spawn(async move { drop(serve.await) });
        Ok(Self { address, shared, serving })
    }

    /// What Ollama's clients use as the base URL.
    #[must_use]
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What all other clients use as the base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What has been asked so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A request as axum takes it apart.
type Parts = (State<Arc<Shared>>, Uri, RawQuery, HeaderMap);

async fn chat(parts: Parts, body: Json<Value>) -> Response<Body> {
    answer(Wire::Chat, parts, body).await
}

async fn responses(parts: Parts, body: Json<Value>) -> Response<Body> {
    answer(Wire::Responses, parts, body).await
}

async fn anthropic(parts: Parts, body: Json<Value>) -> Response<Body> {
    answer(Wire::Anthropic, parts, body).await
}

async fn ollama(parts: Parts, body: Json<Value>) -> Response<Body> {
    answer(Wire::Ollama, parts, body).await
}

async fn embeddings(parts: Parts, body: Json<Value>) -> Response<Body> {
    answer(Wire::Embeddings, parts, body).await
}

async fn answer(
    wire: Wire,
    (State(shared), uri, RawQuery(query), headers): Parts,
    Json(body): Json<Value>,
) -> Response<Body> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let named = headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(Received {
        path: uri.path().to_owned(),
        authorization: headers.get("authorization").and_then(text),
        headers: named.collect(),
        query,
        body: body.clone(),
    });
    let chosen = shared.choose.as_ref().and_then(|choose| choose(&body));
    let reply = chosen.or_else(|| {
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    });
    reply.unwrap_or_else(|| Reply::Answer("Hello.".to_owned())).respond(wire, &body).await
}
