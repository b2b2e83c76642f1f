use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// How the server answers one request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// A good answer, whole or streamed as the request wishes.
    Answer(String),
    /// An error status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// A success whose body is this text.
    Raw(String),
    /// Streams this many words of the text and closes the connection.
    Cut(String, usize),
    /// Streams this many words of the text and then an error event.
    ErrorEvent(String, usize),
    /// Streams this many words of the text and then nothing more.
    Stall(String, usize),
    /// Accepts the request and says nothing.
    Silent,
}

impl Reply {
    /// An error status without headers, with OpenAI's error body.
    #[must_use]
    pub fn status(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "error": { "message": message, "type": code, "param": null, "code": code } });
        Self::Status(status, Vec::new(), body.to_string())
    }

    pub(crate) async fn respond(self, streamed: bool) -> Response<Body> {
        match self {
            Self::Answer(text) if streamed => {
                let last = [finished(), usage(), "data: [DONE]\n\n".to_owned()];
                events(chunks(&text, usize::MAX).into_iter().chain(last).collect(), Tail::Close)
            }
            Self::Answer(text) => body(StatusCode::OK, whole(&text).to_string()),
            Self::Status(status, headers, text) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
                let mut response = body(status, text);
                for (name, value) in headers {
                    if let Ok(value) = value.parse() {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
            Self::Raw(text) => body(StatusCode::OK, text),
            Self::Cut(text, words) => events(chunks(&text, words), Tail::Close),
            Self::ErrorEvent(text, words) => {
                let error = json!({ "error": { "message": "the engine fell over", "type": "server_error" } });
                let error = format!("data: {error}\n\n");
                events(chunks(&text, words).into_iter().chain([error]).collect(), Tail::Close)
            }
            Self::Stall(text, words) => events(chunks(&text, words), Tail::Stall),
            Self::Silent => {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                body(StatusCode::OK, String::new())
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Close,
    Stall,
}

fn body(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn events(events: Vec<String>, tail: Tail) -> Response<Body> {
    let events = stream::iter(events).map(Ok::<_, std::io::Error>);
    let stalls = stream::pending().take(usize::from(tail == Tail::Stall));
    let mut response = Response::new(Body::from_stream(events.chain(stalls)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    response
}

fn whole(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "scripted-1",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text, "refusal": null }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 },
    })
}

fn chunk(delta: &Value, finish: &Value, usage: &Value, choices: bool) -> String {
    let choices =
        if choices { json!([{ "index": 0, "delta": delta, "finish_reason": finish }]) } else { json!([]) };
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted-1",
        "choices": choices, "usage": usage,
    });
    format!("data: {chunk}\n\n")
}

fn chunks(text: &str, most: usize) -> Vec<String> {
    let null = Value::Null;
    let first = chunk(&json!({ "role": "assistant", "content": "" }), &null, &null, true);
    let words = text.split_inclusive(' ').take(most);
    let words = words.map(|word| chunk(&json!({ "content": word }), &null, &null, true));
    [first, ": keep-alive\n\n".to_owned()].into_iter().chain(words).collect()
}

fn finished() -> String {
    chunk(&json!({}), &json!("stop"), &Value::Null, true)
}

fn usage() -> String {
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
    chunk(&json!({}), &Value::Null, &usage, false)
}
