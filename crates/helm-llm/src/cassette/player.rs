use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::difference;
use super::scrub::Scrubber;
use super::tape::{Cassette, Exchange, RecordedReply, RecordedRequest};
use crate::error::ErrorKind;
use crate::http::{HttpReply, HttpRequest, Transport, TransportError};

/// Answers requests from a cassette, each recorded exchange once.
#[derive(Debug)]
pub struct Player {
    exchanges: Vec<Exchange>,
    played: Mutex<Vec<usize>>,
}

impl Player {
    /// Plays this cassette.
    #[must_use]
    pub fn new(cassette: Cassette) -> Self {
        Self { exchanges: cassette.exchanges, played: Mutex::new(Vec::new()) }
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
        path: request.url.path().to_owned(),
        body: scrubber.value(body),
    }
}

#[async_trait]
impl Transport for Player {
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let asked = recorded(&request, &Scrubber::of(&request.headers));
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
