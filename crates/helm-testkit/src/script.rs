use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::answer::Answer;
use crate::wire::Wire;

/// How the server answers one request, in the wire format of its path. What streams breaks off in the middle of a
/// JSON text when the request asks for a whole answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// A good answer of text, whole or streamed as the request wishes.
    Answer(String),
    /// A good answer of any kind.
    Says(Answer),
    /// A good answer after this long.
    Slow(Duration, String),
    /// The head at once, and the first content after this long.
    SlowContent(Duration, String),
    /// A failure with its status, code, message and headers.
    Failure(u16, String, String, Vec<(&'static str, String)>),
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
    /// Sends this many bytes of a good answer and ends the response in good order.
    CutAt(Answer, usize),
    /// Streams this many words of the text and then an error; whole, the error with a good status.
    ErrorEvent(String, usize),
    /// Streams this many words of the text and then something that cannot be read.
    Malformed(String, usize),
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
    /// An error status with the wire format's error body.
    #[must_use]
    pub fn status(status: u16, code: &str, message: &str) -> Self {
        Self::Failure(status, code.to_owned(), message.to_owned(), Vec::new())
    }

    /// 429 with this header: `retry-after` in seconds or as a date, or `retry-after-ms`.
    #[must_use]
    pub fn limited(header: &'static str, value: &str) -> Self {
        let headers = vec![(header, value.to_owned())];
        Self::Failure(429, "rate_limit_error".to_owned(), "slow down".to_owned(), headers)
    }

    pub(crate) async fn respond(self, wire: Wire, request: &Value) -> Response<Body> {
        let streamed = wire.is_streamed(request);
        let asked = Asked { wire, request, streamed };
        match self {
            Self::Answer(text) => asked.answer(&Answer::text(text)),
            Self::Says(answer) => asked.answer(&answer),
            Self::Slow(pause, text) => {
                tokio::time::sleep(pause).await;
                asked.answer(&Answer::text(text))
            }
            Self::SlowContent(pause, text) => asked.slow(pause, &Answer::text(text)),
            Self::Failure(status, code, message, headers) => {
                refusal(status, headers, wire.error(&code, &message).to_string())
            }
            Self::Status(status, headers, text) => refusal(status, headers, text),
            Self::Raw(text) => body(StatusCode::OK, text),
            Self::Typed(kind, text) => typed(kind, Body::from(text)),
            Self::Events(data, end) => {
                let data = data.into_iter().map(|data| format!("data: {data}\n\n"));
                typed("text/event-stream", pieces(data.collect(), end))
            }
            Self::Cut(text, words) => asked.broken(&text, words, End::Close),
            Self::CutAt(answer, bytes) => asked.cut(&answer, bytes),
            Self::ErrorEvent(text, words) => asked.failing(&text, words),
            Self::Malformed(text, words) => asked.malformed(&text, words),
            Self::Stall(text, words) => asked.broken(&text, words, End::Stall),
            Self::Abort(text, words) => asked.broken(&text, words, End::Abort),
            Self::Silent => {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                body(StatusCode::OK, String::new())
            }
        }
    }
}

const JSON: &str = "application/json";

/// What was asked, and in which words.
struct Asked<'a> {
    wire: Wire,
    request: &'a Value,
    streamed: bool,
}

impl Asked<'_> {
    fn answer(&self, answer: &Answer) -> Response<Body> {
        if !self.streamed {
            return body(StatusCode::OK, self.wire.whole(answer, self.request).to_string());
        }
        self.stream(self.all(answer), End::Close)
    }

    fn slow(&self, pause: Duration, answer: &Answer) -> Response<Body> {
        let (now, later) = match self.streamed {
            true => {
                let pieces = self.wire.pieces(answer);
                (pieces.head, pieces.content.into_iter().chain(pieces.tail).collect())
            }
            false => (Vec::new(), vec![self.wire.whole(answer, self.request).to_string()]),
        };
        let later = stream::once(tokio::time::sleep(pause)).flat_map(move |()| stream::iter(later.clone()));
        let all = stream::iter(now).chain(later).map(Ok::<_, std::io::Error>);
        typed(if self.streamed { self.wire.stream_type() } else { JSON }, Body::from_stream(all))
    }

    /// The first bytes.
    fn cut(&self, answer: &Answer, bytes: usize) -> Response<Body> {
        let mut all = match self.streamed {
            true => self.all(answer).concat().into_bytes(),
            false => self.wire.whole(answer, self.request).to_string().into_bytes(),
        };
        all.truncate(bytes);
        typed(if self.streamed { self.wire.stream_type() } else { JSON }, Body::from(all))
    }

    /// The first words, and an end that is none.
    fn broken(&self, text: &str, words: usize, end: End) -> Response<Body> {
        if self.streamed {
            return self.stream(self.begun(text, words), end);
        }
        let mut text = self.wire.whole(&Answer::text(text), self.request).to_string();
        text.truncate(20);
        // A body without its end is broken JSON, unless the connection breaks first.
        typed(JSON, pieces(vec![text], if end == End::Close { End::Abort } else { end }))
    }

    fn failing(&self, text: &str, words: usize) -> Response<Body> {
        let (code, message) = ("server_error", "the engine fell over");
        if !self.streamed {
            return body(StatusCode::OK, self.wire.error(code, message).to_string());
        }
        let error = self.wire.error_frame(code, message);
        self.stream(self.begun(text, words).into_iter().chain([error]).collect(), End::Close)
    }

    fn malformed(&self, text: &str, words: usize) -> Response<Body> {
        if !self.streamed {
            return body(StatusCode::OK, "{\"id\": nothing".to_owned());
        }
        let frame = self.wire.malformed_frame();
        self.stream(self.begun(text, words).into_iter().chain([frame]).collect(), End::Close)
    }

    fn stream(&self, all: Vec<String>, end: End) -> Response<Body> {
        typed(self.wire.stream_type(), pieces(all, end))
    }

    fn all(&self, answer: &Answer) -> Vec<String> {
        let pieces = self.wire.pieces(answer);
        [pieces.head, pieces.content, pieces.tail].concat()
    }

    fn begun(&self, text: &str, words: usize) -> Vec<String> {
        let pieces = self.wire.pieces(&Answer::text(text));
        pieces.head.into_iter().chain(pieces.content.into_iter().take(words)).collect()
    }
}

fn refusal(status: u16, headers: Vec<(&'static str, String)>, text: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let mut response = body(status, text);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
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
