use std::collections::VecDeque;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::script::Reply;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The `authorization` header.
    pub authorization: Option<String>,
    /// What stood behind the question mark.
    pub query: Option<String>,
    /// The body.
    pub body: Value,
}

/// A local server that speaks OpenAI chat completions as its script says; at the end of the script it repeats
/// the last reply. It ends when it is dropped.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
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
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            received: Mutex::new(Vec::new()),
        });
        let app = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&shared));
        let serve = axum::serve(listener, app).into_future();
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is kept, and ends the task when it is dropped"
        )]
        let serving = tokio::spawn(async move { drop(serve.await) });
        Ok(Self { address, shared, serving })
    }

    /// What clients use as the base URL.
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

async fn answer(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response<Body> {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(Received {
        authorization,
        query,
        body,
    });
    let reply = {
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    };
    reply.unwrap_or_else(|| Reply::Answer("Hello.".to_owned())).respond(streamed).await
}
