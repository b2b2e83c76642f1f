#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! [`ChatModel`] answers whole or streamed; [`Breaker`] rests what keeps failing, [`Retry`] is the one retry loop and
//! [`Observed`] the one span and metric of an attempt, each a layer around any model;
//! [`EmbeddingModel`] turns texts into vectors. [Codecs](codec) are pure functions between requests, bytes and
//! events, and [`HttpModel`] carries any of them over HTTP.
//!
//! # TLS
//!
//! TLS needs a crypto provider, which a binary installs once, for example
//! `rustls::crypto::ring::default_provider().install_default()`. This crate never does; without one,
//! [`HttpModel::new`] says so.

mod answer;
mod breaker;
mod builtin;
mod capabilities;
pub mod cassette;
pub mod codec;
mod embedding;
mod error;
mod http;
mod model;
mod observed;
mod ordered;
mod prices;
mod redacted;
mod request;
mod retry;
mod schema;
mod scripted;
mod scrub;
mod secret;
mod tools;

pub use answer::{
    AnswerPart, AnswerParts, CallDelta, CallProblem, ChatEvent, ChatResponse, Finish, FinishReason,
    RequestedCall, TokenChoice,
};
pub use breaker::{Breaker, BreakerPolicy};
pub use builtin::BuiltinModel;
pub use capabilities::{Capabilities, Unsupported};
pub use embedding::{EmbedderConfig, EmbeddingModel, HashingEmbedder, HttpEmbedder};
#[cfg(feature = "local-embeddings")]
pub use embedding::{LocalEmbedder, LocalModelError};
pub use error::{Error, ErrorKind, Result, TimeoutKind};
pub use http::{
    EndpointError, HttpConfig, HttpModel, HttpReply, HttpRequest, HttpTransport, JsonEndpoint, Timeouts,
    TraceHeaders, Transport, TransportError,
};
pub use model::{Call, ChatModel, ChatStream};
pub use observed::Observed;
pub use ordered::OrderedValue;
pub use prices::{InvalidPrices, PriceSource, PriceTable, Prices};
pub use redacted::RedactedUrl;
pub use request::{ChatRequest, OutputSchema, Tool, ToolChoice};
pub use retry::{Retry, RetryPolicy};
pub use schema::{InvalidSchema, Mismatch, Schema};
pub use scripted::{Scripted, ScriptedModel};
pub use secret::Secret;
pub use tools::{FnTool, HttpTool, ToolContext, ToolFailure, ToolHandler, ToolSetupError};
#[cfg(feature = "mcp")]
pub use tools::{McpConfig, McpError, McpPlace, McpServer};
