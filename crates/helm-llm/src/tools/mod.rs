//! Tools that are called here, in the process, on a model's behalf.

mod function;
mod handler;
mod http;

pub use function::{FnTool, ToolSetupError};
pub use handler::{ToolContext, ToolFailure, ToolHandler};
pub use http::HttpTool;
