//! Anthropic's API, as its clients speak it: messages.

mod answer;
mod content;
pub(crate) mod count;
pub(crate) mod messages;
mod request;
mod stream;
mod tools;
