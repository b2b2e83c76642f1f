//! What the requests of chat APIs have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use axum::http::HeaderMap;
use helm_core::{Message, Part, Role, ToolCallId, ToolName};
use helm_orchestrator::llm::{OrderedValue, Schema, Tool};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// The fields that nobody asked for, by name.
pub(crate) type Unknown = BTreeMap<String, IgnoredAny>;

/// A text, or something else in its place.
#[derive(Debug)]
pub(crate) enum TextOr<T> {
    Text(String),
    Other(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or what may stand in its place")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(items)).map(TextOr::Other)
    }
}

/// What a request may hold at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RequestLimits {
    /// Messages of a conversation. Default: 2,048.
    pub messages: usize,
    /// Tools. Default: 128.
    pub tools: usize,
    /// Bytes of the tools' descriptions and schemas together. Default: 512 KiB.
    pub tool_bytes: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { messages: 2_048, tools: 128, tool_bytes: 512 << 10 }
    }
}

impl RequestLimits {
    /// Sets how many messages a conversation may have.
    #[must_use]
    pub fn with_messages(mut self, most: usize) -> Self {
        self.messages = most;
        self
    }

    /// Sets how many tools there may be, and of how many bytes together.
    #[must_use]
    pub fn with_tools(mut self, most: usize, bytes: usize) -> Self {
        (self.tools, self.tool_bytes) = (most, bytes);
        self
    }

    pub(crate) fn check_messages(self, count: usize) -> Result<(), Problem> {
        match count {
            0 => Err(Problem::wrong("messages", "send at least one message of the role user")),
            count if count > self.messages => {
                let most = self.messages;
                let detail =
                    format!("the conversation has {count} messages, more than the {most} that are accepted");
                Err(Problem::wrong("messages", detail))
            }
            _ => Ok(()),
        }
    }

    /// Refuses too many tools, too large ones, and two of one name.
    pub(crate) fn check_tools(self, tools: &[Tool]) -> Result<(), Problem> {
        if tools.len() > self.tools {
            let detail =
                format!("there are {} tools, more than the {} that are accepted", tools.len(), self.tools);
            return Err(Problem::wrong("tools", detail));
        }
        let bytes: usize = tools.iter().map(size).sum();
        if bytes > self.tool_bytes {
            let most = self.tool_bytes;
            let detail =
                format!("the tools have {bytes} bytes together, more than the {most} that are accepted");
            return Err(Problem::wrong("tools", detail));
        }
        let mut names = BTreeSet::new();
        match tools.iter().find(|tool| !names.insert(tool.name.as_str())) {
            Some(tool) => Err(Problem::wrong("tools", format!("two tools are called {}", tool.name))),
            None => Ok(()),
        }
    }
}

fn size(tool: &Tool) -> usize {
    tool.description.len() + tool.parameters.value().to_string().len()
}

/// Refuses what would be ignored, when the caller wants that: with the header `Helm-Strict: 1`.
pub(crate) fn check_strict<'a>(
    headers: &HeaderMap,
    unknown: impl IntoIterator<Item = (String, &'a Unknown)>,
) -> Result<(), Problem> {
    if headers.get("helm-strict").is_none_or(|value| value != "1") {
        return Ok(());
    }
    let first = unknown.into_iter().find_map(|(place, unknown)| Some((place, unknown.keys().next()?)));
    let Some((place, name)) = first else { return Ok(()) };
    let param = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
    let detail =
        format!("{name} is not known here and would be ignored, and Helm-Strict asks that nothing is");
    Err(Problem::wrong(param, detail).with_code("unknown_parameter"))
}

/// The value of a parameter within its bounds.
pub(crate) fn within(name: &str, value: Option<f64>, least: f64, most: f64) -> Result<Option<f64>, Problem> {
    match value {
        Some(given) if !(least..=most).contains(&given) => {
            Err(Problem::wrong(name, format!("{name} must be from {least} to {most}, got {given}")))
        }
        value => Ok(value),
    }
}

/// Refuses texts to stop at that cannot be met or are too many.
pub(crate) fn check_stop(name: &str, stop: Vec<String>, most: usize) -> Result<Vec<String>, Problem> {
    if stop.len() > most {
        return Err(Problem::wrong(
            name,
            format!("give at most {most} texts to stop at, not {}", stop.len()),
        ));
    }
    match stop.iter().any(String::is_empty) {
        true => Err(Problem::wrong(name, "a text to stop at must not be empty")),
        false => Ok(stop),
    }
}

/// A schema that can be used; `param` says where it stands.
pub(crate) fn schema(param: &str, value: Option<OrderedValue>) -> Result<Schema, Problem> {
    let value = value.unwrap_or_else(|| serde_json::json!({ "type": "object", "properties": {} }).into());
    Schema::new(value).map_err(|error| Problem::wrong(param, error.to_string()).with_code("invalid_schema"))
}

/// The name of a tool.
pub(crate) fn tool_name(param: &str, name: &str) -> Result<ToolName, Problem> {
    ToolName::new(name).map_err(|error| Problem::wrong(param, error.to_string()))
}

/// A tool that the caller has brought along.
pub(crate) fn known_tool(param: &str, tools: &[Tool], name: &str) -> Result<ToolName, Problem> {
    let found = tools.iter().find(|tool| tool.name.as_str() == name);
    found
        .map(|tool| tool.name.clone())
        .ok_or_else(|| Problem::wrong(param, format!("there is no tool {name:?} in tools")))
}

/// Joins the results of one answer's calls, and refuses a conversation that no provider would take: results without
/// their calls, calls without their results, and a conversation without a user.
pub(crate) fn conversation(messages: Vec<Message>) -> Result<Vec<Message>, Problem> {
    let mut joined: Vec<Message> = Vec::with_capacity(messages.len());
    let mut open: Vec<ToolCallId> = Vec::new();
    for (index, message) in messages.into_iter().enumerate() {
        let param = || format!("messages[{index}]");
        if message.role == Role::Tool {
            for part in &message.parts {
                close(&mut open, part).map_err(|detail| Problem::wrong(param(), detail))?;
            }
            match joined.last_mut().filter(|last| last.role == Role::Tool) {
                Some(last) => last.parts.extend(message.parts),
                None => joined.push(message),
            }
            continue;
        }
        unanswered(&open).map_err(|detail| Problem::wrong(param(), detail))?;
        open.extend(message.tool_calls().map(|call| call.id.clone()));
        joined.push(message);
    }
    unanswered(&open).map_err(|detail| Problem::wrong("messages", detail))?;
    match joined.iter().any(|message| message.role == Role::User) {
        true => Ok(joined),
        false => Err(Problem::wrong("messages", "send at least one message of the role user")),
    }
}

fn close(open: &mut Vec<ToolCallId>, part: &Part) -> Result<(), String> {
    let Part::ToolResult(result) = part else { return Ok(()) };
    match open.iter().position(|id| *id == result.id) {
        Some(place) => {
            open.remove(place);
            Ok(())
        }
        None => {
            Err(format!("there is no open call {} in the message before, to have this result", result.id))
        }
    }
}

fn unanswered(open: &[ToolCallId]) -> Result<(), String> {
    match open.first() {
        Some(id) => {
            Err(format!("the call {id} has no result; every call needs one before the conversation goes on"))
        }
        None => Ok(()),
    }
}
