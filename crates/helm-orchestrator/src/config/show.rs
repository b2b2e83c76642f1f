use serde_json::{Map, Value};

use super::sections::HelmConfig;
use crate::error::{Error, Result};

impl HelmConfig {
    /// What holds in the end, as JSON: for people and programs to look at, with the defaults of what nobody has said. Addresses
    /// are shown without users, passwords and queries; what has no value is left out, and so are two defaults that
    /// depend on who reads it: `log.level` and `store.connections`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn shown(&self) -> Result<Value> {
        let value = serde_json::to_value(self.filled()?);
        Ok(without_nulls(value.map_err(|error| Error::config("config", error.to_string()))?))
    }

    /// As [`HelmConfig::shown`], as TOML.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn shown_as_toml(&self) -> Result<String> {
        toml::to_string_pretty(&self.shown()?).map_err(|error| Error::config("config", error.to_string()))
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}
