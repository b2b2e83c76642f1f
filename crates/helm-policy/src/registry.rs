use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::catalog::CATALOG;
use crate::config::PolicyConfig;
use crate::error::{Error, Result};
use crate::policy::Policy;

/// Makes a policy from its parameters: a JSON object that also holds `kind`.
pub type Constructor = Arc<dyn Fn(&Value) -> Result<Arc<dyn Policy>> + Send + Sync>;

/// Policies by name, built in or yours.
#[derive(Clone)]
pub struct Registry {
    constructors: BTreeMap<String, Constructor>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}

impl Registry {
    /// The built-in policies.
    #[must_use]
    pub fn standard() -> Self {
        let constructor: Constructor = Arc::new(builtin);
        let built_in = CATALOG.iter().map(|info| (info.kind.to_owned(), Arc::clone(&constructor)));
        Self { constructors: built_in.collect() }
    }

    /// Adds a policy of your own under `kind`.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateKind`] when the name is taken.
    pub fn register(
        &mut self,
        kind: impl Into<String>,
        constructor: impl Fn(&Value) -> Result<Arc<dyn Policy>> + Send + Sync + 'static,
    ) -> Result<()> {
        let kind = kind.into();
        if self.constructors.contains_key(&kind) {
            return Err(Error::DuplicateKind { kind });
        }
        self.constructors.insert(kind, Arc::new(constructor));
        Ok(())
    }

    /// The registered names, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.constructors.keys().map(String::as_str)
    }

    /// Makes the policy that `config` describes: an object with `kind` and that kind's parameters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when it is no such object or a parameter is unknown, [`Error::UnknownKind`]
    /// when nothing is registered under its kind, and whatever the constructor refuses.
    pub fn build(&self, config: &Value) -> Result<Arc<dyn Policy>> {
        let kind = config.get("kind").and_then(Value::as_str).ok_or_else(|| Error::InvalidConfig {
            message: "a policy is a table with `kind`, for example { kind = \"auto\" }".to_owned(),
        })?;
        let constructor = self.constructors.get(kind).ok_or_else(|| Error::UnknownKind {
            kind: kind.to_owned(),
            known: self.kinds().collect::<Vec<_>>().join(", "),
        })?;
        constructor(config)
    }
}

fn builtin(config: &Value) -> Result<Arc<dyn Policy>> {
    let config: PolicyConfig = serde_json::from_value(config.clone())
        .map_err(|error| Error::InvalidConfig { message: error.to_string() })?;
    config.build()
}
