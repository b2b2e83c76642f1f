mod hashing;
mod http;
#[cfg(feature = "local-embeddings")]
mod local;
mod model;
mod wire;

pub use hashing::HashingEmbedder;
pub use http::{EmbedderConfig, HttpEmbedder};
#[cfg(feature = "local-embeddings")]
pub use local::{LocalEmbedder, LocalModelError};
pub use model::EmbeddingModel;
