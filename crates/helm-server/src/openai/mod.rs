//! `OpenAI`'s API, as its clients speak it: chat completions, models and embeddings.

mod answer;
pub(crate) mod chat;
pub(crate) mod embeddings;
mod format;
mod message;
pub(crate) mod models;
mod request;
mod stream;
mod tools;
