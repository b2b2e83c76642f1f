//! Tools behind addresses, as the configuration writes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use helm_core::ToolName;
use helm_llm::{HttpTool, RedactedUrl, Schema, Tool, ToolHandler};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keys::{KeyPlaces, key};
use super::models::Place;
use crate::error::Result;

/// A tool behind an address: its arguments are posted there as a JSON object, and what comes back is its result.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ToolSection {
    /// What it does and when to call it, for the model to read.
    pub description: String,
    /// Where calls are posted to.
    #[schemars(with = "String")]
    pub url: RedactedUrl,
    /// What its arguments must look like, as a JSON Schema of an object. Default: it takes none.
    #[serde(default)]
    pub parameters: Option<Value>,
    /// The environment variable that holds the key, sent as a bearer token. Default: no key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds the key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// How long one call may take, in seconds. Default: 10.
    #[serde(default)]
    pub timeout_seconds: Option<f64>,
}

/// How long one call may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The tool of a section. Nothing is sent.
pub(super) fn tool(
    name: &ToolName,
    section: &ToolSection,
    place: &Place<'_>,
) -> Result<Arc<dyn ToolHandler>> {
    let nothing = || serde_json::json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let parameters = Schema::new(section.parameters.clone().unwrap_or_else(nothing));
    let parameters = parameters.map_err(|error| place.wrong_at("parameters", error.to_string()))?;
    let keys = KeyPlaces { env: section.key_env.as_deref(), file: section.key_file.as_deref() };
    let key = key(&keys, &section.url, place)?;
    let timeout = place.seconds("timeout_seconds", section.timeout_seconds, TIMEOUT)?;
    let tool = Tool::new(name.clone(), section.description.clone(), parameters);
    let handler = HttpTool::new(tool, &section.url, key.as_ref(), timeout);
    Ok(Arc::new(handler.map_err(|error| place.wrong_at("url", error.replace("base_url", "url")))?))
}
