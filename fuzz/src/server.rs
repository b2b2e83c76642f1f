//! A server that is asked whatever comes.

use std::cell::RefCell;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use helm_orchestrator::{Helm, Task};
use helm_server::{ServerOptions, router};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// After so many requests there is a new server: turns are kept in memory, and this looks for no leak.
const LIFE: u32 = 500;

/// A server with the built-in model, of this process alone.
struct Server {
    runtime: Runtime,
    api: Router,
    asked: u32,
}

impl Server {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let helm = runtime.block_on(async {
            let task = Task::new("support").expect("a name");
            let task = task.strategy("plain", "Answer in one sentence.").expect("a prompt");
            Helm::builder().task(task).build().await.expect("an installation")
        });
        Self { runtime, api: router(helm, ServerOptions::default()), asked: 0 }
    }

    fn ask(&mut self, path: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
        self.asked += 1;
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        let api = self.api.clone();
        self.runtime.block_on(async {
            let response = api.oneshot(request).await.expect("an answer");
            let status = response.status();
            (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec())
        })
    }
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

/// Posts this body.
///
/// # Panics
///
/// Panics when the answer is neither one nor a refusal that its clients understand.
pub(crate) fn ask(path: &str, body: &[u8]) {
    let (status, answer) = SERVER.with_borrow_mut(|server| {
        let kept = server.take().filter(|server| server.asked < LIFE);
        server.insert(kept.unwrap_or_else(Server::start)).ask(path, body)
    });
    let text = String::from_utf8(answer).expect("answers are text");
    if status.is_success() {
        let whole = serde_json::from_str::<Value>(&text).is_ok();
        assert!(whole || text.contains("data: "), "{text}");
        let ends = ["[DONE]", "message_stop", "event: done", "error"];
        assert!(whole || ends.iter().any(|end| text.contains(end)), "{text}");
        return;
    }
    assert!(status.is_client_error(), "{status}: {text}");
    let refusal: Value = serde_json::from_str(&text).expect("refusals are JSON");
    let told = [&refusal["error"]["message"], &refusal["detail"]];
    assert!(told.iter().any(|told| told.as_str().is_some_and(|told| !told.is_empty())), "{text}");
}
