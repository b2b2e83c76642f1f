//! OpenAI chat completions, and whatever is compatible with them.

mod client;
mod config;
mod failure;
mod wire;

pub use client::OpenAiChat;
pub use config::{OpenAiChatConfig, Timeouts};
