//! OpenAI chat completions, and whatever is compatible with them.

mod body;
mod client;
mod config;
mod failure;
mod reader;
mod wire;

pub use client::OpenAiChat;
pub use config::{OpenAiChatConfig, Timeouts};
