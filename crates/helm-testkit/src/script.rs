use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// How the server answers one request. What streams breaks off in the middle of a JSON text when the request asks
/// for a whole answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// A good answer, whole or streamed as the request wishes.
    Answer(String),
    /// A good answer after this long.
    Slow(Duration, String),
    /// An error status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// A success whose body is this text, said to be JSON.
    Raw(String),
    /// A success of this content type with this body.
    Typed(&'static str, String),
    /// Streams these data, whatever was asked, and ends like this.
    Events(Vec<String>, End),
    /// Streams this many words of the text and ends the response in good order.
    Cut(String, usize),
    /// Streams this many words of the text and then an error event; whole, the error with a good status.
    ErrorEvent(String, usize),
    /// Streams this many words of the text and then nothing more.
    Stall(String, usize),
    /// Streams this many words of the text and breaks the connection.
    Abort(String, usize),
    /// Accepts the request and says nothing.
    Silent,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// In good order.
    Close,
    /// Never.
    Stall,
    /// With the connection broken.
    Abort,
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
            Self::Answer(text) => answer(&text, streamed),
            Self::Slow(pause, text) => {
                tokio::time::sleep(pause).await;
                answer(&text, streamed)
            }
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
            Self::Typed(kind, text) => typed(kind, Body::from(text)),
            Self::Events(data, end) => {
                let data = data.into_iter().map(|data| format!("data: {data}\n\n"));
                typed(EVENTS, pieces(data.collect(), end))
            }
            Self::Cut(text, words) => broken(&text, words, End::Close, streamed),
            Self::ErrorEvent(text, words) => failing(&text, words, streamed),
            Self::Stall(text, words) => broken(&text, words, End::Stall, streamed),
            Self::Abort(text, words) => broken(&text, words, End::Abort, streamed),
            Self::Silent => {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                body(StatusCode::OK, String::new())
            }
        }
    }
}

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

fn answer(text: &str, streamed: bool) -> Response<Body> {
    if !streamed {
        return body(StatusCode::OK, whole(text).to_string());
    }
    let last = [finished(), usage(), "data: [DONE]\n\n".to_owned()];
    typed(EVENTS, pieces(chunks(text, usize::MAX).into_iter().chain(last).collect(), End::Close))
}

/// The first words, and an end that is none.
fn broken(text: &str, words: usize, end: End, streamed: bool) -> Response<Body> {
    if streamed {
        return typed(EVENTS, pieces(chunks(text, words), end));
    }
    let mut text = whole(text).to_string();
    text.truncate(20);
    // A body without its end is broken JSON, unless the connection breaks first.
    typed(JSON, pieces(vec![text], if end == End::Close { End::Abort } else { end }))
}

fn failing(text: &str, words: usize, streamed: bool) -> Response<Body> {
    let error = json!({ "error": { "message": "the engine fell over", "type": "server_error" } });
    if !streamed {
        return body(StatusCode::OK, error.to_string());
    }
    let error = format!("data: {error}\n\n");
    typed(EVENTS, pieces(chunks(text, words).into_iter().chain([error]).collect(), End::Close))
}

fn body(status: StatusCode, text: String) -> Response<Body> {
    let mut response = typed(JSON, Body::from(text));
    *response.status_mut() = status;
    response
}

fn typed(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn pieces(pieces: Vec<String>, end: End) -> Body {
    let pieces = stream::iter(pieces).map(Ok::<_, std::io::Error>);
    match end {
        End::Close => Body::from_stream(pieces),
        End::Stall => Body::from_stream(pieces.chain(stream::pending())),
        // What was written must have left before the connection breaks.
        End::Abort => Body::from_stream(pieces.chain(stream::once(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(std::io::Error::other("the script breaks the connection here"))
        }))),
    }
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
