//! Speaking to models: the built-in one, and whatever understands OpenAI chat completions.
//!
//! [`ChatModel`] answers whole or streamed; [`Retry`] is the one retry loop and [`Observed`] the one span and metric
//! of an attempt, each a layer around any model;
//! [`EmbeddingModel`] turns texts into vectors. Codecs are pure functions between requests, bytes and events.
//!
//! ```
//! use helm_core::{Message, Role, TenantId};
//! use helm_llm::{BuiltinModel, Call, ChatModel, ChatRequest};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = BuiltinModel::new("main".parse()?);
//! let request = ChatRequest::new(vec![Message::text(Role::User, "How do I reset my password?")]);
//! let response = model.generate(&request, &Call::new(TenantId::single())).await?;
//! assert!(model.capabilities().simulated && !response.text.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! TLS needs a crypto provider, which a binary installs once, for example
//! `rustls::crypto::ring::default_provider().install_default()`. This crate never does; without one,
//! [`OpenAiChat::new`] says so.
//!
//! It is not for: choosing a model.

mod builtin;
mod capabilities;
mod embedding;
mod error;
mod model;
mod observed;
mod openai;
mod prices;
mod redacted;
mod retry;
mod scripted;
mod secret;
mod sse;

pub use builtin::BuiltinModel;
pub use capabilities::{Capabilities, Unsupported};
pub use embedding::{EmbeddingModel, HashingEmbedder};
pub use error::{Error, ErrorKind, Result, TimeoutKind};
pub use model::{Call, ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, Finish, FinishReason};
pub use observed::Observed;
pub use openai::{OpenAiChat, OpenAiChatConfig, Timeouts};
pub use prices::Prices;
pub use redacted::RedactedUrl;
pub use retry::{Retry, RetryPolicy};
pub use scripted::{Scripted, ScriptedModel};
pub use secret::Secret;
