//! Tools behind addresses.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{TenantId, UserId};
use helm_llm::{
    HttpReply, HttpRequest, HttpTool, Schema, Secret, Tool, ToolContext, ToolHandler, Transport,
    TransportError,
};
use serde_json::json;

/// Answers every request with this, and keeps the last one.
#[derive(Debug)]
struct Answering {
    status: u16,
    body: String,
    slow: bool,
    asked: Mutex<Option<HttpRequest>>,
}

#[async_trait]
impl Transport for Answering {
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        *self.asked.lock().unwrap() = Some(request);
        if self.slow {
            std::future::pending::<()>().await;
        }
        let body = self.body.clone().into_bytes();
        Ok(HttpReply::new(self.status, Default::default(), stream::iter([Ok(body.into())]).boxed()))
    }
}

fn answering(status: u16, body: &str, slow: bool) -> (Arc<Answering>, HttpTool) {
    let transport = Answering { status, body: body.to_owned(), slow, asked: Mutex::new(None) };
    let transport = Arc::new(transport);
    let parameters = Schema::new(json!({ "type": "object" })).unwrap();
    let tool = Tool::new("orders".parse().unwrap(), "Says where an order is.", parameters);
    let url = "http://orders.example/find?shop=7".into();
    let key = Some(Secret::new("sk-very-secret"));
    let handler =
        HttpTool::over(tool, &url, key.as_ref(), Duration::from_millis(200), Arc::clone(&transport) as _);
    (transport, handler.unwrap())
}

async fn call(tool: &HttpTool) -> Result<String, String> {
    let context = ToolContext::new(TenantId::single(), UserId::new("ana").unwrap());
    tool.call(json!({ "number": 7 }), &context).await.map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn arguments_are_posted_and_the_body_is_the_result() {
    let (transport, tool) = answering(200, r#"{"where":"on its way"}"#, false);
    assert_eq!(call(&tool).await, Ok(r#"{"where":"on its way"}"#.to_owned()));
    let asked = transport.asked.lock().unwrap().clone().unwrap();
    assert_eq!(asked.url.as_str(), "http://orders.example/find?shop=7");
    assert_eq!(asked.body, r#"{"number":7}"#);
    assert_eq!(asked.headers["authorization"], "Bearer sk-very-secret");
    assert!(!format!("{asked:?}{tool:?}").contains("secret") && !format!("{asked:?}").contains("shop"));
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_key() {
    let (_, refusing) = answering(404, "no order 7 for sk-very-secret", false);
    let told = call(&refusing).await.unwrap_err();
    assert!(told.contains("404") && told.contains("no order 7") && !told.contains("secret"), "{told}");
    let (_, moved) = answering(302, "", false);
    assert!(call(&moved).await.unwrap_err().contains("302"), "no redirect is followed");
    let (_, huge) = answering(200, &"x".repeat(300 << 10), false);
    assert!(call(&huge).await.unwrap_err().contains("more than"));
    let (_, slow) = answering(200, "", true);
    assert!(call(&slow).await.unwrap_err().contains("0.2 s"));
}
