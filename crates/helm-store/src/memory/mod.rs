//! State that lives as long as the process: for tests, demonstrations, and as the model that other backends
//! are compared with.

mod activity;
mod api_keys;
mod forget;
mod jobs;
mod retain;
mod rows;
mod state;
mod store;
mod vectors;
mod views;

pub use store::MemoryStore;

/// The backend's name in errors.
const BACKEND: &str = "memory";
