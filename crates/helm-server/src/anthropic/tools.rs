use helm_orchestrator::llm::{OrderedValue, OutputSchema, Tool, ToolChoice};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::Object;

use super::request::EFFORTS;
use crate::problem::Problem;
use crate::schemas;
use crate::wire::{Unknown, known_tool, schema, tool_name};

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a tool: an object with name, description and input_schema")]
#[schema(as = Tool)]
pub(super) struct WireTool {
    name: String,
    #[serde(rename = "type", default)]
    #[schema(schema_with = kinds)]
    kind: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    #[schema(schema_with = schemas::object)]
    input_schema: Option<OrderedValue>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

fn kinds() -> Object {
    schemas::words(&["custom"])
}

fn choices() -> Object {
    schemas::words(&["auto", "any", "tool", "none"])
}

fn formats() -> Object {
    schemas::words(&["json_schema"])
}

fn efforts() -> Schema {
    schemas::or_null(schemas::words(&EFFORTS))
}

impl WireTool {
    pub(super) fn tool(self, index: usize) -> Result<Tool, Problem> {
        let place = format!("tools[{index}]");
        if let Some(kind) = self.kind.filter(|kind| kind != "custom") {
            let detail =
                format!("tools of type {kind:?} run at the provider and are not supported; there is custom");
            return Err(Problem::wrong(format!("{place}.type"), detail));
        }
        let name = tool_name(&format!("{place}.name"), &self.name)?;
        let Some(input) = self.input_schema else {
            return Err(Problem::wrong(format!("{place}.input_schema"), "is missing"));
        };
        let parameters = schema(&format!("{place}.input_schema"), Some(input))?;
        let tool = Tool::new(name, self.description.unwrap_or_default(), parameters);
        Ok(tool.with_strict(self.strict.unwrap_or(false)))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with type")]
#[schema(as = ToolChoice)]
pub(super) struct WireChoice {
    #[serde(rename = "type")]
    #[schema(schema_with = choices)]
    kind: String,
    /// Of a `tool`.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    disable_parallel_tool_use: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

impl WireChoice {
    /// Whether several tools may be called at once, where that is said.
    pub(super) fn parallel(&self) -> Option<bool> {
        self.disable_parallel_tool_use.map(|disabled| !disabled)
    }

    pub(super) fn choice(self, tools: &[Tool]) -> Result<ToolChoice, Problem> {
        match (self.kind.as_str(), self.name) {
            ("auto", _) => Ok(ToolChoice::Auto),
            ("none", _) => Ok(ToolChoice::None),
            ("any", _) if tools.is_empty() => {
                Err(Problem::wrong("tool_choice", "a tool must be called, but there is none in tools"))
            }
            ("any", _) => Ok(ToolChoice::Required),
            ("tool", Some(name)) => known_tool("tool_choice.name", tools, &name).map(ToolChoice::Named),
            ("tool", None) => Err(Problem::wrong("tool_choice.name", "is missing")),
            (other, _) => {
                let detail = format!("there is no choice {other:?}; there are auto, any, tool and none");
                Err(Problem::wrong("tool_choice.type", detail))
            }
        }
    }
}

/// How the answer shall be: its form, and how hard the model shall think.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
#[schema(as = OutputConfig)]
pub(super) struct WireOutput {
    #[serde(default)]
    format: Option<WireFormat>,
    #[serde(default)]
    #[schema(schema_with = efforts)]
    pub(super) effort: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with type and schema")]
#[schema(as = OutputFormat)]
struct WireFormat {
    #[serde(rename = "type")]
    #[schema(schema_with = formats)]
    kind: String,
    #[serde(default)]
    #[schema(schema_with = schemas::object)]
    schema: Option<OrderedValue>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

impl WireOutput {
    pub(super) fn output(self) -> Result<Option<OutputSchema>, Problem> {
        let Some(format) = self.format else { return Ok(None) };
        if format.kind != "json_schema" {
            let detail = format!("there is no format {:?}; there is json_schema", format.kind);
            return Err(Problem::wrong("output_config.format.type", detail));
        }
        let Some(form) = format.schema else {
            return Err(Problem::wrong("output_config.format.schema", "is missing"));
        };
        let name = tool_name("output_config.format", "answer")?;
        Ok(Some(OutputSchema::new(name, schema("output_config.format.schema", Some(form))?)))
    }
}
