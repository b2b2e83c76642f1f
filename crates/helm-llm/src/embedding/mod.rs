mod hashing;
mod http;
mod model;
mod wire;

pub use hashing::HashingEmbedder;
pub use http::{EmbedderConfig, HttpEmbedder};
pub use model::EmbeddingModel;
