use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Image, ToolCall, ToolResult};

/// Who said a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The application's instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

impl Role {
    /// The lower-case name that wire formats and stores use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// A piece of a message.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture; in messages of the user.
    Image(Image),
    /// A tool that the model wants to be called; in messages of the assistant.
    ToolCall(ToolCall),
    /// What came of a tool call; in messages of tools.
    ToolResult(ToolResult),
    /// The model's refusal to answer; in messages of the assistant.
    Refusal {
        /// What it said.
        text: String,
    },
    /// Something of the provider's own that it wants back unchanged; in messages of the assistant.
    Provider(ProviderBlock),
}

/// A provider's own piece of an answer, such as signed reasoning, without which it does not go on after a tool call.
///
/// Only the wire format that it came by can read it; the others leave it out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProviderBlock {
    /// The wire format, for example `anthropic`.
    pub format: String,
    /// The piece as it came.
    pub block: Value,
}

/// One message of a conversation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of these parts.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts }
    }

    /// A message of one text part.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self::new(role, vec![Part::Text { text: text.into() }])
    }

    /// The message with one more part.
    #[must_use]
    pub fn with_part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// What tools answered to the calls of one answer.
    #[must_use]
    pub fn tool_results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self::new(Role::Tool, results.into_iter().map(Part::ToolResult).collect())
    }

    /// All texts, one after the other; what a refusal says and what a tool answered are texts, too.
    #[must_use]
    pub fn joined_text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tools that are to be called.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

impl Part {
    /// What a person would read of it; `None` of pictures, calls and what is the provider's own.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } | Self::Refusal { text } => Some(text),
            Self::ToolResult(result) => Some(&result.content),
            Self::Image(_) | Self::ToolCall(_) | Self::Provider(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolCallId;

    /// What stands in databases must stay readable as it is.
    #[test]
    fn stored_messages_keep_their_form() {
        let id = ToolCallId::new("call_1");
        let block =
            ProviderBlock { format: "anthropic".to_owned(), block: serde_json::json!({ "type": "x" }) };
        for (message, stored) in [
            (Message::text(Role::User, "Hi"), r#"{"role":"user","parts":[{"type":"text","text":"Hi"}]}"#),
            (
                Message::new(Role::User, vec![Part::Image(Image::url("https://h/a.png"))]),
                r#"{"role":"user","parts":[{"type":"image","source":"url","url":"https://h/a.png"}]}"#,
            ),
            (
                Message::new(Role::User, vec![Part::Image(Image::bytes("image/png", b"ab"))]),
                r#"{"role":"user","parts":[{"type":"image","source":"inline","media_type":"image/png","data":"YWI="}]}"#,
            ),
            (
                Message::new(
                    Role::Assistant,
                    vec![Part::ToolCall(ToolCall::new(id.clone(), "add", "{\"a\":1}"))],
                ),
                r#"{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"add","arguments":"{\"a\":1}"}]}"#,
            ),
            (
                Message::tool_results([ToolResult::new(id.clone(), "2"), ToolResult::error(id, "no")]),
                r#"{"role":"tool","parts":[{"type":"tool_result","id":"call_1","content":"2"},{"type":"tool_result","id":"call_1","content":"no","is_error":true}]}"#,
            ),
            (
                Message::new(
                    Role::Assistant,
                    vec![Part::Refusal { text: "No.".to_owned() }, Part::Provider(block)],
                ),
                r#"{"role":"assistant","parts":[{"type":"refusal","text":"No."},{"type":"provider","format":"anthropic","block":{"type":"x"}}]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Message>(stored).unwrap(), message);
        }
    }

    #[test]
    fn usage_of_before_is_still_read() {
        let old = r#"{"input":3,"output":2,"estimated":false}"#;
        let usage: crate::Usage = serde_json::from_str(old).unwrap();
        assert_eq!((usage.cached, usage.reasoning), (None, None));
        assert_eq!(serde_json::to_string(&usage).unwrap(), old);
    }
}
