//! A scripted model server with faults, for Helm's own tests. Not published.
//!
//! [`ModelServer`] listens on loopback, answers `POST /v1/chat/completions` as its script says, and keeps what it
//! was asked.

mod script;
mod server;

pub use script::{End, Reply};
pub use server::{ModelServer, Received};
