//! Tools that are called here, in the process, on a model's behalf.

mod function;
mod handler;

pub use function::{FnTool, ToolSetupError};
pub use handler::{ToolContext, ToolFailure, ToolHandler};
