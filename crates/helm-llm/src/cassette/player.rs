use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::difference;
use super::tape::{Cassette, Exchange, RecordedReply, RecordedRequest};
use crate::error::ErrorKind;
use crate::http::{HttpReply, HttpRequest, Transport, TransportError};
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// Answers requests from a cassette, each recorded exchange once.
#[derive(Debug)]
pub struct Player {
    exchanges: Vec<Exchange>,
    secrets: Scrubber,
    played: Mutex<Vec<usize>>,
}

impl Player {
    /// Plays this cassette.
    #[must_use]
    pub fn new(cassette: Cassette) -> Self {
        Self { exchanges: cassette.exchanges, secrets: Scrubber::default(), played: Mutex::new(Vec::new()) }
    }

    /// Takes these secrets out of requests, too, before they are compared: those that the [recorder](super::Recorder)
    /// knew.
    #[must_use]
    pub fn knowing(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.secrets = Scrubber::knowing(&secrets.into_iter().collect::<Vec<_>>());
        self
    }

    /// How many recorded exchanges nobody has asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        self.exchanges.len() - played.len()
    }

    fn find(&self, asked: &RecordedRequest) -> Result<&RecordedReply, String> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.exchanges.iter().enumerate().filter(|(index, _)| !played.contains(index));
        match left.clone().find(|(_, exchange)| exchange.request == *asked) {
            Some((index, exchange)) => {
                played.push(index);
                Ok(&exchange.reply)
            }
            None => Err(difference::told(asked, &left.map(|(_, exchange)| exchange).collect::<Vec<_>>())),
        }
    }
}

/// A request as cassettes know it.
pub(super) fn recorded(request: &HttpRequest, scrubber: &Scrubber) -> RecordedRequest {
    let body = serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&request.body).into_owned().into());
    RecordedRequest {
        method: "POST".to_owned(),
        path: scrubber.text(request.url.path()),
        body: scrubber.value(body),
    }
}

/// All secrets of a request: what is known already, the credentials of its address, and its headers that are marked as
/// sensitive.
pub(super) fn secrets_of(request: &HttpRequest, known: &Scrubber) -> Scrubber {
    let sensitive = request.headers.values().filter(|value| value.is_sensitive());
    let texts = sensitive.filter_map(|value| value.to_str().ok());
    let keys = texts.map(|text| text.strip_prefix("Bearer ").unwrap_or(text).trim());
    keys.fold(known.clone().and_those_of(&request.url), Scrubber::and)
}

#[async_trait]
impl Transport for Player {
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let asked = recorded(&request, &secrets_of(&request, &self.secrets));
        let reply = self.find(&asked).map_err(|told| TransportError::new(ErrorKind::Unrecorded, told))?;
        let headers = reply.headers.iter().filter_map(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
        });
        let headers: HeaderMap = headers.collect();
        let broken = reply
            .is_broken
            .then(|| Err(TransportError::new(ErrorKind::Truncated, "the recorded connection broke here")));
        let body = [Ok(Bytes::from(reply.body.clone()))].into_iter().chain(broken);
        Ok(HttpReply::new(reply.status, headers, stream::iter(body).boxed()))
    }
}
