use helm_orchestrator::llm::{OrderedValue, OutputSchema};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::schemas;
use crate::wire::{Unknown, schema, tool_name};

/// The form that the answer must have.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with type")]
#[schema(as = ChatResponseFormat)]
pub(super) struct WireFormat {
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: String,
    #[serde(default)]
    json_schema: Option<WireSchema>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with name and schema")]
#[schema(as = ChatJsonSchema)]
struct WireSchema {
    name: String,
    #[serde(default)]
    #[schema(schema_with = schemas::object)]
    schema: Option<OrderedValue>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

fn kinds() -> utoipa::openapi::schema::Object {
    schemas::words(&["text", "json_object", "json_schema"])
}

impl WireFormat {
    pub(super) fn output(self) -> Result<Option<OutputSchema>, Problem> {
        match (self.kind.as_str(), self.json_schema) {
            ("text", _) => Ok(None),
            ("json_object", _) => {
                let name = tool_name("response_format", "answer")?;
                let any = schema("response_format", Some(json!({ "type": "object" }).into()))?;
                Ok(Some(OutputSchema::new(name, any).with_strict(false)))
            }
            ("json_schema", Some(wire)) => {
                let name = tool_name("response_format.json_schema.name", &wire.name)?;
                let schema = schema("response_format.json_schema.schema", wire.schema)?;
                Ok(Some(OutputSchema::new(name, schema).with_strict(wire.strict.unwrap_or(false))))
            }
            ("json_schema", None) => Err(Problem::wrong("response_format.json_schema", "is missing")),
            (other, _) => {
                let detail =
                    format!("there is no format {other:?}; there are text, json_object and json_schema");
                Err(Problem::wrong("response_format.type", detail))
            }
        }
    }
}
