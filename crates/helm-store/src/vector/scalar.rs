//! What a filter compares: where it looks, and with which value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a value is in metadata: names of members, from the outermost object inwards. It leads through objects
/// only, never into arrays; without names it is the metadata itself.
///
/// Made from a name, or an array or vector of names.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetadataPath(Vec<String>);

/// A value to compare with. Values of two types are never equal.
///
/// Integers are compared exactly with integers; an integer and another number in double precision. Texts are equal
/// when their characters are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scalar {
    /// JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; finite.
    Number(f64),
    /// A text.
    Text(String),
}

impl MetadataPath {
    /// The names of the members.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The value that is there.
    #[must_use]
    pub fn of<'v>(&self, metadata: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(metadata, |value, name| value.as_object()?.get(name))
    }
}

impl From<&str> for MetadataPath {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl<const N: usize> From<[&str; N]> for MetadataPath {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).into())
    }
}

impl From<Vec<String>> for MetadataPath {
    fn from(names: Vec<String>) -> Self {
        Self(names)
    }
}

impl Scalar {
    /// Whether this is the value.
    #[must_use]
    pub fn is(&self, found: &Value) -> bool {
        match (self, found) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(own), Value::Bool(found)) => own == found,
            (Self::Text(own), Value::String(found)) => own == found,
            (Self::Integer(own), Value::Number(found)) if !found.is_f64() => found.as_i64() == Some(*own),
            (Self::Integer(own), Value::Number(found)) => found.as_f64() == Some(*own as f64),
            (Self::Number(own), Value::Number(found)) => found.as_f64() == Some(*own),
            _ => false,
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
