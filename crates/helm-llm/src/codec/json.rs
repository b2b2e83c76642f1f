//! Looking at JSON that may leave out, null and rearrange anything.

use std::collections::BTreeMap;

use helm_core::{ModelName, TokenCount};
use serde::Serialize;
use serde_json::{Map, Value};

use super::fault::Fault;
use crate::capabilities::Unsupported;
use crate::ordered::OrderedValue;
use crate::schema::Schema;

/// The body of a whole answer. One that stops in the middle has lost its end on the way.
pub(super) fn body(bytes: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Err(error) if error.is_eof() => Err(Fault::truncated().with_detail(error.to_string())),
        _ => object(bytes),
    }
}

/// A JSON object.
pub(super) fn object(bytes: &[u8]) -> Result<Value, Fault> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Fault::decode(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(Fault::decode("it is JSON, but no object")) }
}

/// The text at this place, if there is one and it is not empty.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// The list at this place; without one, an empty one.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The number of tokens at this place.
pub(super) fn tokens(value: &Value, pointer: &str) -> Option<TokenCount> {
    value.pointer(pointer)?.as_u64().map(TokenCount::new)
}

/// The provider's name of the model, when it can be a name.
pub(super) fn model_name(value: &Value) -> Option<ModelName> {
    value.get("model")?.as_str().and_then(|model| ModelName::new(model).ok())
}

/// The text of arguments, which some servers send as the value itself.
pub(super) fn arguments(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A body under construction: its fields stand in the order of their names, but for what was written in another.
pub(super) struct Body(BTreeMap<String, Json>);

/// A part of a body.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Json {
    Value(Value),
    /// As somebody wrote it.
    Written(OrderedValue),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl<T: Into<Value>> From<T> for Json {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl From<&Schema> for Json {
    fn from(schema: &Schema) -> Self {
        Self::Written(schema.written().clone())
    }
}

impl From<Body> for Json {
    fn from(body: Body) -> Self {
        Self::Object(body.0)
    }
}

impl Body {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// With another field.
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a field.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Adds a field that has a value.
    pub(super) fn set_some(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Adds a list that is not empty.
    pub(super) fn set_list<T: Into<Json>>(&mut self, name: &str, values: Vec<T>) {
        if !values.is_empty() {
            let list = Json::List(values.into_iter().map(Into::into).collect());
            self.0.insert(name.to_owned(), list);
        }
    }

    /// Adds an object that is not empty.
    pub(super) fn set_object(&mut self, name: &str, object: Self) {
        if !object.0.is_empty() {
            self.set(name, object);
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, value)| (name, value.into_value())).collect())
    }

    /// The bytes, with what `extra` has beside it.
    pub(super) fn into_bytes(self, extra: &Map<String, Value>) -> Result<Vec<u8>, Unsupported> {
        let mut fields = self.0;
        complete(&mut fields, extra);
        serde_json::to_vec(&fields).map_err(|error| Unsupported::new("request", "a value", error.to_string()))
    }
}

impl Json {
    fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Written(written) => written.to_value(),
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(fields) => Body(fields).into_value(),
        }
    }
}

/// Adds what is only in `extra`, in objects within objects too. What is there stays as it is.
fn complete(fields: &mut BTreeMap<String, Json>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (fields.get_mut(name), value) {
            (None, value) => drop(fields.insert(name.clone(), value.clone().into())),
            (Some(Json::Object(inner)), Value::Object(more)) => complete(inner, more),
            (Some(Json::Value(Value::Object(inner))), Value::Object(more)) => complete_value(inner, more),
            (Some(_), _) => {}
        }
    }
}

fn complete_value(fields: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (fields.get_mut(name), value) {
            (None, value) => drop(fields.insert(name.clone(), value.clone())),
            (Some(Value::Object(inner)), Value::Object(more)) => complete_value(inner, more),
            (Some(_), _) => {}
        }
    }
}
