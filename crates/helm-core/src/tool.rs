use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which of an answer's tool calls: the provider's word, opaque, kept so that the result can be matched to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolCallId(String);

impl ToolCallId {
    /// The id that a provider gave. Any text is one.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ToolCallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A tool that the model wants to be called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ToolCall {
    /// Which call, so that its result can be matched to it.
    pub id: ToolCallId,
    /// The tool, as the model wrote it; there need not be such a tool.
    pub name: String,
    /// The arguments as the model wrote them: JSON, unless it erred. Kept to the letter, for a provider that
    /// gets another text back finds nothing in its prompt cache.
    pub arguments: String,
}

impl ToolCall {
    /// A call.
    #[must_use]
    pub fn new(id: ToolCallId, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { id, name: name.into(), arguments: arguments.into() }
    }

    /// The arguments as a JSON value. No text at all means no arguments: `{}`.
    ///
    /// # Errors
    ///
    /// Fails when the model did not write JSON; the error says where.
    pub fn parsed_arguments(&self) -> Result<Value, serde_json::Error> {
        match self.arguments.trim() {
            "" => Ok(Value::Object(serde_json::Map::new())),
            text => serde_json::from_str(text),
        }
    }
}

/// What came of a tool call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call it belongs to.
    pub id: ToolCallId,
    /// What the model is told.
    pub content: String,
    /// Whether the call failed. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

impl ToolResult {
    /// The result of a call that succeeded.
    #[must_use]
    pub fn new(id: ToolCallId, content: impl Into<String>) -> Self {
        Self { id, content: content.into(), is_error: false }
    }

    /// The result of a call that failed.
    #[must_use]
    pub fn error(id: ToolCallId, content: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::new(id, content) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_arguments_are_an_empty_object() {
        let call = |arguments: &str| ToolCall::new(ToolCallId::new("1"), "add", arguments);
        assert_eq!(call(" ").parsed_arguments().unwrap(), serde_json::json!({}));
        assert_eq!(call("{\"a\":1}").parsed_arguments().unwrap(), serde_json::json!({ "a": 1 }));
        assert!(call("{\"a\":").parsed_arguments().is_err());
    }
}
