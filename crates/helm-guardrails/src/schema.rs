use std::fmt;
use std::sync::Arc;

use helm_core::{Category, PolicyHash, Severity};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::view::TextView;

/// Finds texts that are not JSON (`NOT_JSON`) or do not fit a JSON Schema (`SCHEMA`).
///
/// White space around the JSON is fine, anything else, such as a fence, is not: whoever reads the text as JSON would fail,
/// too. Patterns are matched in linear time, so they have no look-around and no back-references. What is not a format that
/// the schema's draft asserts is not checked.
#[derive(Clone)]
pub struct SchemaFilter {
    validator: Arc<Validator>,
    hash: PolicyHash,
}

impl SchemaFilter {
    /// Checks a schema, which must not refer to anything outside itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSchema`] when it is none.
    pub fn new(schema: &Value) -> Result<Self> {
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator =
            options.build(schema).map_err(|error| Error::InvalidSchema { why: error.to_string() })?;
        Ok(Self { validator: Arc::new(validator), hash: PolicyHash::of(&schema.to_string()) })
    }
}

impl fmt::Debug for SchemaFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SchemaFilter").field(&self.hash).finish()
    }
}

impl Detector for SchemaFilter {
    fn id(&self) -> &'static str {
        "schema"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Schema]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["NOT_JSON", "SCHEMA"]
    }

    fn reach(&self) -> Reach {
        Reach::WholeText
    }

    fn settings(&self) -> String {
        self.hash.to_string()
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let entity = match serde_json::from_str::<Value>(view.text()) {
            Err(_) => "NOT_JSON",
            Ok(value) if !self.validator.is_valid(&value) => "SCHEMA",
            Ok(_) => return,
        };
        findings.push(Finding::new(Category::Schema, entity, None, Severity::Medium));
    }
}
