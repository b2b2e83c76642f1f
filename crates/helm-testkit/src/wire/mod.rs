//! What the server says in each wire format. Written anew, not with the codecs that it tests.

mod anthropic;
mod chat;
mod embeddings;
mod ollama;
mod responses;

use serde_json::{Value, json};

use crate::answer::Answer;

/// A wire format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    Chat,
    Responses,
    Anthropic,
    Ollama,
    Embeddings,
}

/// A streamed answer: what comes before content, the content in pieces, and what ends it.
pub(crate) struct Pieces {
    pub(crate) head: Vec<String>,
    pub(crate) content: Vec<String>,
    pub(crate) tail: Vec<String>,
}

impl Wire {
    /// The content type of a streamed answer.
    pub(crate) fn stream_type(self) -> &'static str {
        if self == Self::Ollama { "application/x-ndjson" } else { "text/event-stream" }
    }

    pub(crate) fn is_streamed(self, request: &Value) -> bool {
        let streams = request.get("stream").and_then(Value::as_bool);
        // Here streaming is the default.
        streams.unwrap_or(self == Self::Ollama)
    }

    /// A whole answer.
    pub(crate) fn whole(self, answer: &Answer, request: &Value) -> Value {
        match self {
            Self::Chat => chat::whole(answer),
            Self::Responses => responses::whole(answer),
            Self::Anthropic => anthropic::whole(answer),
            Self::Ollama => ollama::whole(answer),
            Self::Embeddings => embeddings::whole(request),
        }
    }

    /// A streamed answer.
    pub(crate) fn pieces(self, answer: &Answer) -> Pieces {
        match self {
            Self::Chat => chat::pieces(answer),
            Self::Responses => responses::pieces(answer),
            Self::Anthropic => anthropic::pieces(answer),
            Self::Ollama => ollama::pieces(answer),
            Self::Embeddings => Pieces { head: Vec::new(), content: Vec::new(), tail: Vec::new() },
        }
    }

    /// The body of a failure.
    pub(crate) fn error(self, code: &str, message: &str) -> Value {
        match self {
            Self::Anthropic => json!({ "type": "error", "error": { "type": code, "message": message } }),
            Self::Ollama => json!({ "error": message }),
            _ => json!({ "error": { "message": message, "type": code, "param": null, "code": code } }),
        }
    }

    /// A failure in a stream that began well.
    pub(crate) fn error_frame(self, code: &str, message: &str) -> String {
        match self {
            Self::Responses => responses::failed(code, message),
            Self::Anthropic => event(&self.error(code, message)),
            Self::Ollama => line(&self.error(code, message)),
            _ => data(&self.error(code, message)),
        }
    }

    /// A frame that cannot be read.
    pub(crate) fn malformed_frame(self) -> String {
        if self == Self::Ollama { "{\"message\":\n".to_owned() } else { "data: {\"choices\":\n\n".to_owned() }
    }
}

/// An event without a name.
fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event that is named after its type.
fn event(value: &Value) -> String {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {value}\n\n")
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// A text in two pieces, as arguments come.
fn halves(text: &str) -> [&str; 2] {
    let (head, tail) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [head, tail]
}
