//! Wire formats: requests to bytes, bytes to events. Nothing here does I/O, so all of it can be tested from files.
//!
//! | codec | path | streams |
//! |---|---|---|
//! | [`OpenAiChat`] | `chat/completions` | server-sent events |
//! | [`OpenAiResponses`] | `responses` | server-sent events |
//! | [`Anthropic`] | `messages` | server-sent events |
//! | [`Ollama`] | `api/chat` | JSON lines |
//!
//! [`HttpModel`](crate::HttpModel) carries any of them over HTTP. A server that calls itself compatible is an
//! [`OpenAiChat`] with [`ChatQuirks`].
//!
//! ```
//! use helm_core::{Message, Role};
//! use helm_llm::codec::{Codec, OpenAiChat};
//! use helm_llm::{ChatEvent, ChatRequest};
//!
//! let codec = OpenAiChat::new("gpt-5-mini");
//! let request = ChatRequest::new(vec![Message::text(Role::User, "Hello")]);
//! assert!(codec.encode(&request, true)?.starts_with(b"{\"messages\":"));
//!
//! let mut decoder = codec.decoder();
//! let events = decoder.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n");
//! assert!(matches!(events.as_slice(), [Ok(ChatEvent::Delta(text))] if text == "Hi"));
//! // What ends without the protocol's mark is no answer.
//! assert!(matches!(decoder.close().as_slice(), [Err(_)]));
//! # Ok::<(), helm_llm::Unsupported>(())
//! ```

mod anthropic;
mod calls;
mod contract;
mod decoder;
mod fault;
mod json;
mod lines;
mod ollama;
mod openai_chat;
mod openai_responses;
mod sse;

pub use anthropic::{Anthropic, AnthropicVersion};
pub use contract::{Authorization, Codec};
pub use decoder::{Decoder, Framing, Protocol};
pub use fault::Fault;
pub use ollama::Ollama;
pub use openai_chat::{ChatQuirks, OpenAiChat};
pub use openai_responses::OpenAiResponses;
