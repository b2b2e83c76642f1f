//! A scripted model server with faults, and what finds the servers that tests need, for Helm's own tests. Not
//! published.
//!
//! [`ModelServer`] listens on loopback, speaks four wire formats (and embeddings) as its script says, and keeps what
//! it was asked. The script is the same for all of them.
//!
//! | format | path |
//! |---|---|
//! | OpenAI chat completions | `/v1/chat/completions` |
//! | OpenAI responses | `/v1/responses` |
//! | Anthropic messages | `/v1/messages` |
//! | Ollama chat | `/api/chat` |
//! | OpenAI embeddings | `/v1/embeddings` |

mod answer;
#[cfg(doctest)]
mod book;
mod build;
mod script;
mod server;
mod services;
mod wire;

pub use answer::Answer;
pub use build::{build_all, without_environment, without_package};
pub use script::{End, Reply};
pub use server::{ModelServer, Received};
pub use services::{note, service, skip};
