use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ordered::OrderedValue;

/// A JSON Schema that has been checked and is ready to check values.
///
/// References are followed within the schema only: nothing is fetched.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "OrderedValue")]
pub struct Schema {
    value: Arc<Value>,
    written: Arc<OrderedValue>,
    validator: Arc<Validator>,
}

/// Not a JSON Schema of an object.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no JSON Schema that can be used: {0}")]
pub struct InvalidSchema(String);

/// A value does not fit its schema.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

/// More mistakes than these are not told: a model mends them no better for knowing all.
const MOST_TOLD: usize = 3;
/// The most characters of one mistake; it repeats the value.
const LONGEST: usize = 300;

impl Schema {
    /// Checks a schema. Models are told of it in the order in which its fields are given here.
    ///
    /// # Errors
    ///
    /// [`InvalidSchema`] when it is none, refers to something outside itself, or does not describe an object
    /// (`"type": "object"`), which is all that providers accept.
    pub fn new(schema: impl Into<OrderedValue>) -> Result<Self, InvalidSchema> {
        let written = schema.into();
        let value = written.to_value();
        if value.get("type").and_then(Value::as_str) != Some("object") {
            return Err(InvalidSchema("it must say \"type\": \"object\" at its top".to_owned()));
        }
        let validator =
            jsonschema::validator_for(&value).map_err(|error| InvalidSchema(short(&error.to_string())))?;
        Ok(Self { value: Arc::new(value), written: Arc::new(written), validator: Arc::new(validator) })
    }

    /// The schema, its fields in the order of their names.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The schema with its fields in the order they were given in. This order is not stored with it.
    #[must_use]
    pub fn written(&self) -> &OrderedValue {
        &self.written
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] says where and why, in words that a model can act on.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        let told: Vec<_> =
            self.validator.iter_errors(value).take(MOST_TOLD).map(|error| told(&error)).collect();
        if told.is_empty() { Ok(()) } else { Err(Mismatch(told.join("; "))) }
    }

    /// Reads a text as JSON and checks it.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] when it is not JSON, or does not fit.
    pub fn parse(&self, text: &str) -> Result<Value, Mismatch> {
        let value =
            serde_json::from_str(text).map_err(|error| Mismatch(format!("it is not JSON: {error}")))?;
        self.check(&value).map(|()| value)
    }
}

fn told(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "/" } else { &place };
    format!("at {place}: {}", short(&error.to_string()))
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.value)
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        Arc::unwrap_or_clone(schema.value)
    }
}

impl TryFrom<OrderedValue> for Schema {
    type Error = InvalidSchema;

    fn try_from(value: OrderedValue) -> Result<Self, InvalidSchema> {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_checked_and_mistakes_told() {
        let schema =
            json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
        let schema = Schema::new(schema).unwrap();
        assert_eq!(schema.parse("{\"n\":1}").unwrap(), json!({ "n": 1 }));
        for (text, expected) in [("{\"n\":\"x\"}", "at /n"), ("{}", "\"n\""), ("{", "not JSON")] {
            let told = schema.parse(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for bad in [
            json!(true),
            json!({ "type": "string" }),
            json!({ "type": "object", "properties": 3 }),
            json!({ "type": "object", "$ref": "https://example.com/schema.json" }),
        ] {
            assert!(Schema::new(bad.clone()).is_err(), "{bad}");
        }
    }
}
