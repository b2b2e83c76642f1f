//! Sentence encoders of the BERT family from a folder, in plain Rust.

mod bert;
mod config;
mod embedder;
mod error;
mod weights;
mod wordpiece;

pub use embedder::LocalEmbedder;
pub use error::LocalModelError;
