use helm_core::{Image, Message, Part, ProviderBlock, Role, ToolCall, ToolCallId, ToolResult};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::picture;
use crate::problem::Problem;
use crate::schemas;
use crate::wire::{TextOr, Unknown};

/// A text, or the blocks of something.
pub(super) type Content = TextOr<Vec<WireBlock>>;

fn roles() -> Object {
    schemas::words(&["user", "assistant"])
}

fn kinds() -> Object {
    schemas::words(&["text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"])
}

fn sources() -> Object {
    schemas::words(&["url", "base64"])
}

/// A message of the user or of the assistant.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a message: an object with role and content")]
#[schema(as = Message)]
pub(super) struct WireMessage {
    #[schema(schema_with = roles)]
    role: String,
    #[schema(inline)]
    content: Content,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Unknown,
}

/// A block of any type: which fields belong to which is checked with the type at hand, so that mistakes are told with
/// their place.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a content block: an object with type")]
#[schema(as = ContentBlock)]
pub(super) struct WireBlock {
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: String,
    /// Of a `text`.
    #[serde(default)]
    text: Option<String>,
    /// Of an `image`.
    #[serde(default)]
    source: Option<WireSource>,
    /// Of a `tool_use`.
    #[serde(default)]
    id: Option<String>,
    /// Of a `tool_use`.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = schemas::object)]
    input: Option<Value>,
    /// Of a `tool_result`.
    #[serde(default)]
    tool_use_id: Option<String>,
    /// Of a `tool_result`: texts.
    #[serde(default)]
    #[schema(inline, no_recursion)]
    content: Option<Content>,
    /// Of a `tool_result`.
    #[serde(default)]
    is_error: Option<bool>,
    /// Of `thinking`.
    #[serde(default)]
    thinking: Option<String>,
    /// Of `thinking`.
    #[serde(default)]
    signature: Option<String>,
    /// Of `redacted_thinking`.
    #[serde(default)]
    data: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with type, and url or media_type and data")]
#[schema(as = ImageSource)]
struct WireSource {
    #[serde(rename = "type")]
    #[schema(schema_with = sources)]
    kind: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
    /// In base64.
    #[serde(default)]
    data: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

/// The format that the provider's own blocks are marked with.
const FORMAT: &str = "anthropic";

impl WireMessage {
    /// The message, the `index`th of the conversation. What tools answered stands in messages of the user here, and
    /// becomes a message of its own before what the user says.
    pub(super) fn messages(self, index: usize) -> Result<Vec<Message>, Problem> {
        let place = format!("messages[{index}]");
        let parts = parts(self.content, &place)?;
        if parts.is_empty() {
            return Err(Problem::wrong(format!("{place}.content"), "the message is empty"));
        }
        match self.role.as_str() {
            "user" => of_user(parts, &place),
            "assistant" => of_assistant(parts, &place),
            other => {
                let detail = format!(
                    "there is no role {other:?}; there are user and assistant, and system is a field of its own"
                );
                Err(Problem::wrong(format!("{place}.role"), detail))
            }
        }
    }
}

fn of_user(parts: Vec<Part>, place: &str) -> Result<Vec<Message>, Problem> {
    let own = |part: &Part| matches!(part, Part::Text { .. } | Part::Image(_) | Part::ToolResult(_));
    if !parts.iter().all(own) {
        let detail = "messages of the user hold text, image and tool_result";
        return Err(Problem::wrong(format!("{place}.content"), detail));
    }
    let (results, said): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part, Part::ToolResult(_)));
    let of = |role, parts: Vec<Part>| (!parts.is_empty()).then(|| Message::new(role, parts));
    Ok(of(Role::Tool, results).into_iter().chain(of(Role::User, said)).collect())
}

fn of_assistant(parts: Vec<Part>, place: &str) -> Result<Vec<Message>, Problem> {
    let own = |part: &Part| matches!(part, Part::Text { .. } | Part::ToolCall(_) | Part::Provider(_));
    match parts.iter().all(own) {
        true => Ok(vec![Message::new(Role::Assistant, parts)]),
        false => {
            let detail = "messages of the assistant hold text, tool_use and thinking";
            Err(Problem::wrong(format!("{place}.content"), detail))
        }
    }
}

fn parts(content: Content, place: &str) -> Result<Vec<Part>, Problem> {
    match content {
        TextOr::Text(text) => Ok(vec![Part::Text { text }]),
        TextOr::Other(blocks) => {
            let blocks = blocks.into_iter().enumerate();
            blocks.map(|(index, block)| block.part(&format!("{place}.content[{index}]"))).collect()
        }
    }
}

/// The instructions, which are a field of their own here.
pub(super) fn system(content: Content) -> Result<Option<Message>, Problem> {
    let parts = match content {
        TextOr::Text(text) => vec![Part::Text { text }],
        TextOr::Other(blocks) => {
            let blocks = blocks.into_iter().enumerate();
            blocks.map(|(index, block)| block.part(&format!("system[{index}]"))).collect::<Result<_, _>>()?
        }
    };
    if !parts.iter().all(|part| matches!(part, Part::Text { .. })) {
        return Err(Problem::wrong("system", "the instructions hold texts only"));
    }
    let message = Message::new(Role::System, parts);
    Ok((!message.joined_text().trim().is_empty()).then_some(message))
}

impl WireBlock {
    fn part(self, place: &str) -> Result<Part, Problem> {
        match self.kind.as_str() {
            "text" => Ok(Part::Text { text: needed(self.text, place, "text")? }),
            "image" => needed(self.source, place, "source")?.picture(place).map(Part::Image),
            "tool_use" => self.call(place),
            "tool_result" => self.result(place),
            "thinking" | "redacted_thinking" => Ok(self.own_block()),
            other => {
                let known = "text, image, tool_use, tool_result and thinking";
                let detail = format!("blocks of type {other:?} are not supported; there are {known}");
                Err(Problem::wrong(format!("{place}.type"), detail))
            }
        }
    }

    fn call(self, place: &str) -> Result<Part, Problem> {
        let id = ToolCallId::new(needed(self.id, place, "id")?);
        let input = needed(self.input, place, "input")?;
        if !input.is_object() {
            return Err(Problem::wrong(format!("{place}.input"), "the arguments are an object"));
        }
        Ok(Part::ToolCall(ToolCall::new(id, needed(self.name, place, "name")?, input.to_string())))
    }

    fn result(self, place: &str) -> Result<Part, Problem> {
        let id = ToolCallId::new(needed(self.tool_use_id, place, "tool_use_id")?);
        let said = self.content.map(|content| parts(content, place)).transpose()?.unwrap_or_default();
        if !said.iter().all(|part| matches!(part, Part::Text { .. })) {
            return Err(Problem::wrong(format!("{place}.content"), "results of tools hold texts only"));
        }
        let text = Message::new(Role::Tool, said).joined_text();
        Ok(Part::ToolResult(match self.is_error.unwrap_or(false) {
            true => ToolResult::error(id, text),
            false => ToolResult::new(id, text),
        }))
    }

    /// What the provider wants back as it was.
    fn own_block(self) -> Part {
        let block = match self.kind.as_str() {
            "thinking" => {
                json!({ "type": self.kind, "thinking": self.thinking, "signature": self.signature })
            }
            _ => json!({ "type": self.kind, "data": self.data }),
        };
        Part::Provider(ProviderBlock { format: FORMAT.to_owned(), block })
    }
}

fn needed<T>(value: Option<T>, place: &str, field: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::wrong(format!("{place}.{field}"), "is missing"))
}

impl WireSource {
    fn picture(self, place: &str) -> Result<Image, Problem> {
        let wrong = |detail: &str| Problem::wrong(format!("{place}.source"), detail);
        match (self.kind.as_str(), self.url, self.media_type, self.data) {
            ("url", Some(url), ..) => picture::at(&url).map_err(wrong),
            ("base64", _, Some(media_type), Some(data)) => picture::inline(&media_type, &data).map_err(wrong),
            _ => Err(wrong("write {type: url, url} or {type: base64, media_type, data}")),
        }
    }
}
