use helm_core::{Image, Message, Part, Role, ToolCall, ToolCallId, ToolResult};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::problem::Problem;
use crate::schemas;
use crate::wire::{TextOr, Unknown};

/// What a message says.
type Content = TextOr<Vec<WirePart>>;

fn roles() -> Object {
    schemas::words(&["developer", "system", "user", "assistant", "tool"])
}

fn kinds() -> Object {
    schemas::words(&["text", "image_url", "refusal"])
}

/// A message, as any role may write it: which fields belong to which role is checked with the role at hand, so that
/// mistakes are told with their place.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a message: an object with role and content")]
#[schema(as = ChatMessage)]
pub(super) struct WireMessage {
    #[schema(schema_with = roles)]
    role: String,
    /// A text or its parts; null beside the assistant's refusal or calls.
    #[serde(default)]
    #[schema(inline)]
    content: Option<Content>,
    /// Of the assistant.
    #[serde(default)]
    refusal: Option<String>,
    /// Of the assistant.
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
    /// Which call a message of a tool answers.
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a part of a message: an object with type")]
#[schema(as = ChatPart)]
struct WirePart {
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    image_url: Option<WireImage>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with url")]
#[schema(as = ChatImage)]
struct WireImage {
    /// An address, or `data:MEDIA/TYPE;base64,DATA`.
    url: String,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a tool call: an object with id, type and function")]
#[schema(as = ChatToolCall)]
struct WireCall {
    id: String,
    #[serde(rename = "type", default)]
    #[schema(schema_with = super::tools::function)]
    kind: Option<String>,
    function: WireFunction,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with name and arguments")]
#[schema(as = ChatFunctionCall)]
struct WireFunction {
    name: String,
    /// JSON as a text.
    arguments: String,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

impl WireMessage {
    /// The message, the `index`th of the conversation.
    pub(super) fn message(self, index: usize) -> Result<Message, Problem> {
        let place = format!("messages[{index}]");
        match self.role.as_str() {
            "system" | "developer" => self.texts(Role::System, &place),
            "user" => self.of_user(&place),
            "assistant" => self.of_assistant(&place),
            "tool" => self.of_tool(&place),
            "function" => {
                Err(wrong(&place, "role", "the role function is gone; use tool calls and the role tool"))
            }
            other => {
                let detail = format!(
                    "there is no role {other:?}; there are developer, system, user, assistant and tool"
                );
                Err(wrong(&place, "role", &detail))
            }
        }
    }

    fn parts(content: Option<Content>, place: &str) -> Result<Vec<Part>, Problem> {
        match content {
            None => Ok(Vec::new()),
            Some(TextOr::Text(text)) => Ok(vec![Part::Text { text }]),
            Some(TextOr::Other(parts)) => parts
                .into_iter()
                .enumerate()
                .map(|(index, part)| part.part(&format!("{place}.content[{index}]")))
                .collect(),
        }
    }

    fn texts(self, role: Role, place: &str) -> Result<Message, Problem> {
        self.refuse_calls(place)?;
        let parts = required(Self::parts(self.content, place)?, place)?;
        match parts.iter().all(|part| matches!(part, Part::Text { .. })) {
            true => Ok(Message::new(role, parts)),
            false => Err(wrong(place, "content", "messages of this role hold texts only")),
        }
    }

    fn of_user(self, place: &str) -> Result<Message, Problem> {
        self.refuse_calls(place)?;
        let parts = required(Self::parts(self.content, place)?, place)?;
        match parts.iter().any(|part| matches!(part, Part::Refusal { .. })) {
            true => Err(wrong(place, "content", "only the assistant refuses")),
            false => Ok(Message::new(Role::User, parts)),
        }
    }

    fn of_assistant(self, place: &str) -> Result<Message, Problem> {
        let mut parts = Self::parts(self.content, place)?;
        if parts.iter().any(|part| matches!(part, Part::Image(_))) {
            return Err(wrong(place, "content", "messages of the assistant hold texts and refusals only"));
        }
        parts.extend(self.refusal.map(|text| Part::Refusal { text }));
        for (index, call) in self.tool_calls.unwrap_or_default().into_iter().enumerate() {
            parts.push(call.part(&format!("{place}.tool_calls[{index}]"))?);
        }
        Ok(Message::new(Role::Assistant, required(parts, place)?))
    }

    fn of_tool(self, place: &str) -> Result<Message, Problem> {
        let Some(id) = &self.tool_call_id else {
            return Err(wrong(place, "tool_call_id", "a message of a tool says which call it answers"));
        };
        let id = ToolCallId::new(id);
        let said = self.texts(Role::Tool, place)?;
        Ok(Message::tool_results([ToolResult::new(id, said.joined_text())]))
    }

    fn refuse_calls(&self, place: &str) -> Result<(), Problem> {
        match self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty()) {
            true => Err(wrong(place, "tool_calls", "only the assistant calls tools")),
            false => Ok(()),
        }
    }
}

fn required(parts: Vec<Part>, place: &str) -> Result<Vec<Part>, Problem> {
    match parts.is_empty() {
        true => Err(wrong(place, "content", "the message is empty")),
        false => Ok(parts),
    }
}

fn wrong(place: &str, field: &str, detail: &str) -> Problem {
    Problem::wrong(format!("{place}.{field}"), detail)
}

impl WirePart {
    fn part(self, place: &str) -> Result<Part, Problem> {
        let missing = |field: &str| wrong(place, field, "is missing");
        match self.kind.as_str() {
            "text" => self.text.map(|text| Part::Text { text }).ok_or_else(|| missing("text")),
            "refusal" => self.refusal.map(|text| Part::Refusal { text }).ok_or_else(|| missing("refusal")),
            "image_url" => {
                let image = self.image_url.ok_or_else(|| missing("image_url"))?;
                picture(&image.url).map(Part::Image).map_err(|detail| wrong(place, "image_url.url", detail))
            }
            other => {
                let detail = format!(
                    "parts of type {other:?} are not supported; there are text, image_url and refusal"
                );
                Err(wrong(place, "type", &detail))
            }
        }
    }
}

/// A picture by its address, or in it.
fn picture(url: &str) -> Result<Image, &'static str> {
    if let Some(rest) = url.strip_prefix("data:") {
        let (media_type, data) = rest.split_once(";base64,").ok_or("write data:MEDIA/TYPE;base64,DATA")?;
        return crate::picture::inline(media_type, data);
    }
    crate::picture::at(url)
}

impl WireCall {
    fn part(self, place: &str) -> Result<Part, Problem> {
        if self.kind.as_deref().is_some_and(|kind| kind != "function") {
            return Err(wrong(place, "type", "only calls of type function are supported"));
        }
        let WireFunction { name, arguments, .. } = self.function;
        Ok(Part::ToolCall(ToolCall::new(ToolCallId::new(self.id), name, arguments)))
    }
}
