//! The API's document: what is checked in is what the handlers say, and what it says is served.

use std::path::Path;

use axum::body::Body;
use axum::http::{Method, Request};
use helm_orchestrator::{Helm, Task};
use helm_server::{ServerOptions, openapi, router};
use serde_json::Value;
use tower::ServiceExt;

#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = format!("{}\n", openapi());
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if made == kept {
        return;
    }
    let update = std::env::var_os("HELM_UPDATE_OPENAPI").is_some();
    if update {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(
        !update,
        "docs/openapi.json was brought up to date; look at the difference and run the test again"
    );
    let line = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept);
    let line = line.unwrap_or_else(|| made.lines().count().min(kept.lines().count())) + 1;
    assert!(
        made == kept,
        "the API is no longer what docs/openapi.json says, from line {line} on; HELM_UPDATE_OPENAPI=1 updates it"
    );
}

#[tokio::test]
async fn everything_in_the_document_is_served() {
    let task = Task::new("support").unwrap().strategy("concise", "Answer in at most two sentences.").unwrap();
    let api = router(Helm::builder().task(task).build().await.unwrap(), ServerOptions::default());
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 15);
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let uri: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { "/x" } else { part })
                .collect::<Vec<_>>()
                .join("/")
                .replace("//", "/");
            let request = Request::builder().method(&method).uri(&uri).body(Body::empty()).unwrap();
            let response = api.clone().oneshot(request).await.unwrap();
            let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            assert!(
                !text.contains("there is nothing at") && !text.contains("does not take"),
                "{method} {path}: {text}"
            );
        }
    }
}
