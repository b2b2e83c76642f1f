//! Tools that are called here, in the process, on a model's behalf.

mod function;
mod handler;
mod http;
#[cfg(feature = "mcp")]
mod mcp;

pub use function::{FnTool, ToolSetupError};
pub use handler::{ToolContext, ToolFailure, ToolHandler};
pub use http::HttpTool;
#[cfg(feature = "mcp")]
pub use mcp::{McpConfig, McpError, McpPlace, McpServer};
