//! The JSON Schema of the configuration: for editors, and for whoever makes one with a program.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::sections::HelmConfig;

impl HelmConfig {
    /// The JSON Schema (draft 2020-12) of `helm.toml`. What it accepts can still contradict itself: names that do not exist,
    /// and whatever [`HelmConfig::builder`] checks. Parameters of policies are left open, since policies of your own have their
    /// own.
    #[must_use]
    pub fn schema() -> Value {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Self>();
        schema.insert("title".to_owned(), "helm.toml".into());
        schema.to_value()
    }
}

/// A policy: the table of a kind, and of that kind's parameters.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its names are of use")]
pub(super) struct PolicyTable {
    /// Which kind. Default: `auto`.
    kind: Option<String>,
    /// Its parameters.
    #[schemars(flatten)]
    parameters: Map<String, Value>,
}

/// What is recalled before the model is called.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its names are of use")]
pub(super) struct RetrievalTable {
    /// How many memories of the user. Default: none.
    memories: Option<u32>,
}
