//! Policies as they are written on a command line.

use serde_json::Value;

use crate::error::{Failure, Result};

/// A table in TOML or JSON, as the option `name` has it.
pub(super) fn table(name: &str, text: &str) -> Result<Value> {
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(json);
    }
    let wrong = |error: toml::de::Error| Failure::wrong(format!("{name} {text}: {}", error.message()));
    let mut document: Value = toml::from_str(&format!("policy = {text}")).map_err(wrong)?;
    Ok(document.get_mut("policy").map(Value::take).unwrap_or_default())
}
