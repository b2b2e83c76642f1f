//! The API's document: what is checked in is what the handlers say, and what it says is served.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use helm_core::{ToolCall, ToolCallId};
use helm_orchestrator::llm::{
    AnswerPart, ChatResponse, Finish, FinishReason, RequestedCall, Schema, Scripted, ScriptedModel,
};
use helm_orchestrator::{Helm, Task};
use helm_server::{ServerOptions, openapi, router};
use serde_json::{Value, json};
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

/// What the document says of a component, or of what a path takes (`None`) or answers with a status, in one content type.
fn described(document: &Value, path: &str, status: Option<&str>, kind: &str) -> Schema {
    let methods = document["paths"][path].as_object().unwrap();
    let operation = methods.values().next().unwrap();
    let content = match status {
        None => &operation["requestBody"]["content"],
        Some(status) => &operation["responses"][status]["content"],
    };
    let own = content[kind]["schema"].clone();
    assert!(own.is_object(), "{path} {status:?} {kind}: {content}");
    let form = json!({ "type": "object", "allOf": [own], "components": document["components"] });
    Schema::new(form).unwrap()
}

fn fits(schema: &Schema, value: &Value) {
    schema.check(value).unwrap_or_else(|wrong| panic!("{wrong}: {value}"));
}

async fn call(api: &Router, path: &str, body: Option<&Value>) -> (String, String) {
    let request = Request::builder().uri(path).header("content-type", "application/json");
    let request = match body {
        Some(body) => request.method(Method::POST).body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let response = api.clone().oneshot(request.unwrap()).await.unwrap();
    let status = format!("{}", response.status().as_u16());
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// An API whose model says something and calls a tool.
async fn calling() -> Router {
    let mut answer = ChatResponse::new("Adding.".to_owned(), Finish::new(FinishReason::ToolCalls));
    let call = ToolCall::new(ToolCallId::new("c1"), "add", "{\"a\":1}");
    answer.parts.push(AnswerPart::Call(RequestedCall::new(call)));
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [Scripted::Respond(Box::new(answer))]));
    let task = Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let helm = Helm::builder().model(model).task(task.remembering()).build().await.unwrap();
    router(helm, ServerOptions::default())
}

fn form() -> Value {
    json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] })
}

/// A request to each path under `/v1`, as full as it can be.
fn requests() -> [(&'static str, Value); 4] {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let call = json!({ "id": "x", "type": "function", "function": { "name": "add", "arguments": "{}" } });
    let function = json!({ "name": "add", "description": "Adds.", "parameters": form(), "strict": false });
    let said = json!([
        { "role": "system", "content": "Be kind." },
        { "role": "user", "content": [{ "type": "text", "text": "What is it?" }, image] },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "x", "content": "A cat." },
    ]);
    let chat = json!({
        "model": "helm/support", "messages": said, "tools": [{ "type": "function", "function": function }],
        "tool_choice": { "type": "function", "function": { "name": "add" } }, "stop": ["x"], "seed": 1, "user": "ana",
        "temperature": 0.5, "reasoning_effort": "low", "max_completion_tokens": 99, "metadata": { "own": "x" },
        "helm": { "segment": "pro" }, "of_tomorrow": true,
    });
    let blocks = json!([
        { "role": "user", "content": "What is it?" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "x", "name": "add", "input": { "a": 1 } }] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "x", "content": [{ "type": "text", "text": "A cat." }] },
            { "type": "text", "text": "And?" },
        ] },
    ]);
    let tools = json!([{ "name": "add", "input_schema": form() }]);
    let message = json!({
        "model": "helm/support", "max_tokens": 99, "system": [{ "type": "text", "text": "Be kind." }], "messages": blocks,
        "tools": tools, "tool_choice": { "type": "any", "disable_parallel_tool_use": true }, "stop_sequences": ["x"],
        "output_config": { "effort": "low" }, "metadata": { "user_id": "ana" }, "thinking": { "type": "adaptive" },
    });
    let count = json!({ "model": "helm/support", "messages": blocks, "tools": tools });
    let embed = json!({ "model": "hashing", "input": ["a", "b"], "encoding_format": "base64" });
    [
        ("/v1/chat/completions", chat),
        ("/v1/messages", message),
        ("/v1/messages/count_tokens", count),
        ("/v1/embeddings", embed),
    ]
}

const JSON: &str = "application/json";

#[tokio::test]
async fn what_clients_of_other_apis_send_and_get_is_as_the_document_says() {
    let (api, document) = (calling().await, serde_json::from_str::<Value>(&openapi()).unwrap());
    for (path, request) in requests() {
        fits(&described(&document, path, None, JSON), &request);
        let (status, answer) = call(&api, path, Some(&request)).await;
        assert_eq!(status, "200", "{path}: {answer}");
        fits(&described(&document, path, Some("200"), JSON), &serde_json::from_str(&answer).unwrap());
        let mut wrong = request.clone();
        wrong["model"] = json!("nobody");
        let (status, problem) = call(&api, path, Some(&wrong)).await;
        assert_eq!(status, "404", "{path}: {problem}");
        fits(&described(&document, path, Some("4XX"), JSON), &serde_json::from_str(&problem).unwrap());
        wrong["model"] = json!(7);
        let refused = described(&document, path, None, JSON).check(&wrong);
        assert!(refused.unwrap_err().to_string().contains("/model"), "{path}");
    }
    for path in ["/v1/models", "/v1/models/{id}"] {
        let (status, answer) = call(&api, &path.replace("{id}", "helm/support"), None).await;
        assert_eq!(status, "200", "{path}: {answer}");
        fits(&described(&document, path, Some("200"), JSON), &serde_json::from_str(&answer).unwrap());
    }
}

#[tokio::test]
async fn events_of_streams_are_as_the_document_says() {
    let (api, document) = (calling().await, serde_json::from_str::<Value>(&openapi()).unwrap());
    for (path, mut request) in requests().into_iter().take(2) {
        let event = described(&document, path, Some("200"), "text/event-stream");
        request["stream"] = json!(true);
        if path.starts_with("/v1/chat") {
            request["stream_options"] = json!({ "include_usage": true });
        }
        let (status, text) = call(&api, path, Some(&request)).await;
        assert_eq!(status, "200", "{path}: {text}");
        let events: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert!(events.len() >= 6 && text.contains("add"), "{text}");
        for data in events.into_iter().filter(|data| *data != "[DONE]") {
            fits(&event, &serde_json::from_str(data).unwrap());
        }
    }
}

#[test]
fn whatever_the_document_refers_to_is_in_it() {
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut count = 0;
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}
