use std::fmt;
use std::sync::Arc;

use crate::answer::ChatResponse;
use crate::capabilities::{Capabilities, Unsupported};
use crate::request::ChatRequest;

use super::decoder::Decoder;
use super::fault::Fault;

/// A wire format, for one model of a provider.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// The provider, as OpenTelemetry names it.
    fn provider(&self) -> &'static str;

    /// What the provider calls the model.
    fn model(&self) -> &str;

    /// The segments behind the base address that requests are posted to.
    fn path(&self) -> &'static [&'static str];

    /// Headers that every request needs. Default: none.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// How a key is sent. Default: as a bearer token.
    fn authorization(&self) -> Authorization {
        Authorization::Bearer
    }

    /// What the wire format can say at all; a model may do less. Default: everything.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// The body of a request for a whole or a streamed answer.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when the wire format has no word for something that is asked.
    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported>;

    /// The answer in the body of a whole one.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it is none, or reports a failure.
    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault>;

    /// A reader of one streamed answer.
    fn decoder(&self) -> Decoder;
}

impl<C: Codec + ?Sized> Codec for Arc<C> {
    fn provider(&self) -> &'static str {
        (**self).provider()
    }

    fn model(&self) -> &str {
        (**self).model()
    }

    fn path(&self) -> &'static [&'static str] {
        (**self).path()
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        (**self).headers()
    }

    fn authorization(&self) -> Authorization {
        (**self).authorization()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported> {
        (**self).encode(request, streamed)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault> {
        (**self).decode(body)
    }

    fn decoder(&self) -> Decoder {
        (**self).decoder()
    }
}

/// How a key is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Authorization {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    ApiKey,
}
