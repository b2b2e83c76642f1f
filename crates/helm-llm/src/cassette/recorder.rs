use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::header::HeaderMap;

use super::player::{recorded, secrets_of};
use super::tape::{Cassette, CassetteError, Exchange, RecordedReply, RecordedRequest};
use crate::http::{HttpReply, HttpRequest, Transport, TransportError};
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// The headers of answers that the client reads.
const KEPT: [&str; 6] =
    ["content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "request-id"];
/// The most bytes of a body that are kept.
const MOST: usize = 16 << 20;

/// Passes requests on and keeps what was said.
///
/// An exchange is kept when its body has been read to its end, or as far as it was read when it is dropped before.
#[derive(Clone, Debug)]
pub struct Recorder {
    inner: Arc<dyn Transport>,
    secrets: Scrubber,
    tape: Arc<Mutex<Cassette>>,
}

impl Recorder {
    /// Records what goes through this transport.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, secrets: Scrubber::default(), tape: Arc::default() }
    }

    /// Takes these secrets out of requests and answers, too: those of the installation that no request carries itself.
    #[must_use]
    pub fn knowing(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.secrets = Scrubber::knowing(&secrets.into_iter().collect::<Vec<_>>());
        self
    }

    /// What has been recorded so far.
    #[must_use]
    pub fn cassette(&self) -> Cassette {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what has been recorded so far.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), CassetteError> {
        self.cassette().save(path)
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let scrubber = secrets_of(&request, &self.secrets);
        let asked = recorded(&request, &scrubber);
        let HttpReply { status, headers, body } = self.inner.post(request).await?;
        let tee = Tee {
            body,
            kept: Vec::new(),
            exchange: Some((asked, kept(status, &headers, &scrubber))),
            scrubber,
            tape: Arc::clone(&self.tape),
        };
        Ok(HttpReply::new(status, headers, tee.boxed()))
    }
}

fn kept(status: u16, headers: &HeaderMap, scrubber: &Scrubber) -> RecordedReply {
    let kept = KEPT.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), scrubber.text(value)))
    });
    RecordedReply { status, headers: kept.collect(), body: String::new(), is_broken: false }
}

/// A body that is kept while it is read.
struct Tee {
    body: BoxStream<'static, Result<Bytes, TransportError>>,
    kept: Vec<u8>,
    exchange: Option<(RecordedRequest, RecordedReply)>,
    scrubber: Scrubber,
    tape: Arc<Mutex<Cassette>>,
}

impl Stream for Tee {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.poll_next_unpin(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                let room = MOST.saturating_sub(self.kept.len());
                self.kept.extend(bytes.iter().take(room));
            }
            Poll::Ready(None) => self.keep(false),
            Poll::Ready(Some(Err(_))) => self.keep(true),
            Poll::Pending => {}
        }
        polled
    }
}

impl Tee {
    fn keep(&mut self, is_broken: bool) {
        let Some((request, mut reply)) = self.exchange.take() else { return };
        reply.body = self.scrubber.text(&String::from_utf8_lossy(&self.kept));
        reply.is_broken = is_broken;
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(Exchange { request, reply });
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.keep(false);
    }
}
