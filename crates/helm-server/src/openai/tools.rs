use helm_orchestrator::llm::{OrderedValue, Tool, ToolChoice};
use serde::Deserialize;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;
use crate::schemas;
use crate::wire::{TextOr, Unknown, known_tool, schema, tool_name};

/// The one type of tools, and of their calls.
pub(super) fn function() -> Object {
    schemas::words(&["function"])
}

fn parameters() -> Schema {
    schemas::or_null(schemas::object())
}

fn kinds() -> Object {
    schemas::words(&["function", "allowed_tools"])
}

fn modes() -> Object {
    schemas::words(&["auto", "none", "required"])
}

/// A word for all tools, or what names some.
pub(super) type Choice = TextOr<WireChoice>;

impl PartialSchema for Choice {
    fn schema() -> RefOr<Schema> {
        let some = Ref::from_schema_name(WireChoice::name());
        schemas::one_of([modes().into(), some.into()]).into()
    }
}

impl ToSchema for Choice {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((WireChoice::name().into_owned(), WireChoice::schema()));
        WireChoice::schemas(schemas);
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a tool: an object with type and function")]
#[schema(as = ChatTool)]
pub(super) struct WireTool {
    #[serde(rename = "type")]
    #[schema(schema_with = function)]
    kind: String,
    #[serde(default)]
    function: Option<WireFunction>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a function: an object with name, description and parameters")]
#[schema(as = ChatFunction)]
struct WireFunction {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    #[schema(schema_with = parameters)]
    parameters: Option<OrderedValue>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

impl WireTool {
    pub(super) fn tool(self, index: usize) -> Result<Tool, Problem> {
        let place = format!("tools[{index}]");
        let function = match (self.kind.as_str(), self.function) {
            ("function", Some(function)) => function,
            ("function", None) => return Err(Problem::wrong(format!("{place}.function"), "is missing")),
            (other, _) => {
                let detail = format!("tools of type {other:?} are not supported; there is function");
                return Err(Problem::wrong(format!("{place}.type"), detail));
            }
        };
        let name = tool_name(&format!("{place}.function.name"), &function.name)?;
        let parameters = schema(&format!("{place}.function.parameters"), function.parameters)?;
        let tool = Tool::new(name, function.description.unwrap_or_default(), parameters);
        Ok(tool.with_strict(function.strict.unwrap_or(false)))
    }
}

/// Which tools may be called, when it is not just one word.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "auto, none, required, or an object with type")]
#[schema(as = ChatToolChoice)]
pub(super) struct WireChoice {
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: String,
    #[serde(default)]
    function: Option<Named>,
    #[serde(default)]
    allowed_tools: Option<Allowed>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with name")]
#[schema(as = ChatNamedFunction)]
struct Named {
    name: String,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with mode and tools")]
#[schema(as = ChatAllowedTools)]
struct Allowed {
    #[schema(schema_with = modes)]
    mode: String,
    tools: Vec<AllowedTool>,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with type and function")]
#[schema(as = ChatAllowedTool)]
struct AllowedTool {
    function: Named,
    #[serde(flatten)]
    #[schema(ignore)]
    _unknown: Unknown,
}

/// The choice; those tools that may not be called are taken away.
pub(super) fn choice(wire: Option<Choice>, tools: &mut Vec<Tool>) -> Result<Option<ToolChoice>, Problem> {
    let choice = match wire {
        None => return Ok(None),
        Some(TextOr::Text(word)) => word_of("tool_choice", &word)?,
        Some(TextOr::Other(wire)) => wire.choice(tools)?,
    };
    match choice == ToolChoice::Required && tools.is_empty() {
        true => Err(Problem::wrong("tool_choice", "a tool must be called, but there is none in tools")),
        false => Ok(Some(choice)),
    }
}

fn word_of(param: &str, word: &str) -> Result<ToolChoice, Problem> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => Err(Problem::wrong(
            param,
            format!("there is no choice {other:?}; there are auto, none and required"),
        )),
    }
}

impl WireChoice {
    fn choice(self, tools: &mut Vec<Tool>) -> Result<ToolChoice, Problem> {
        match (self.kind.as_str(), self.function, self.allowed_tools) {
            ("function", Some(function), _) => {
                known_tool("tool_choice.function.name", tools, &function.name).map(ToolChoice::Named)
            }
            ("allowed_tools", _, Some(allowed)) => allowed.choice(tools),
            (kind @ ("function" | "allowed_tools"), ..) => {
                Err(Problem::wrong(format!("tool_choice.{kind}"), "is missing"))
            }
            (other, ..) => {
                let detail = format!(
                    "choices of type {other:?} are not supported; there are function and allowed_tools"
                );
                Err(Problem::wrong("tool_choice.type", detail))
            }
        }
    }
}

impl Allowed {
    fn choice(self, tools: &mut Vec<Tool>) -> Result<ToolChoice, Problem> {
        let mut allowed = Vec::with_capacity(self.tools.len());
        for tool in &self.tools {
            allowed.push(known_tool("tool_choice.allowed_tools.tools", tools, &tool.function.name)?);
        }
        tools.retain(|tool| allowed.contains(&tool.name));
        word_of("tool_choice.allowed_tools.mode", &self.mode)
    }
}
