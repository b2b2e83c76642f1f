use helm_core::{Image, Message, Part, TokenCount, ToolCall, ToolCallId};
use serde_json::{Value, json};

use crate::codec::json::Body;
use crate::request::{ChatRequest, Tool, ToolChoice};

pub(super) fn body(model: &str, request: &ChatRequest, streamed: bool) -> Body {
    let mut body = Body::new();
    body.set("model", model);
    body.set("messages", messages(request));
    // Here streaming is the default.
    body.set("stream", streamed);
    body.set_some("format", request.output.as_ref().map(|output| &output.schema));
    body.set_some("think", request.sampling.effort.as_deref().map(think));
    if request.tool_choice != Some(ToolChoice::None) {
        body.set_list("tools", request.tools.iter().map(tool).collect());
    }
    let mut options = Body::new();
    options.set_some("temperature", request.sampling.temperature);
    options.set_some("top_p", request.sampling.top_p);
    options.set_some("num_predict", request.max_output_tokens.map(TokenCount::get));
    options.set_some("seed", request.seed);
    options.set_list("stop", request.stop.iter().map(|stop| json!(stop)).collect());
    body.set_object("options", options);
    body
}

/// Some models know levels of thought, others only whether to think.
fn think(effort: &str) -> Value {
    match effort {
        "none" | "off" | "false" => json!(false),
        "on" | "true" => json!(true),
        level => json!(level),
    }
}

fn tool(tool: &Tool) -> Body {
    let function =
        Body::new().with("name", tool.name.as_str()).with("description", tool.description.as_str());
    Body::new().with("type", "function").with("function", function.with("parameters", &tool.parameters))
}

fn messages(request: &ChatRequest) -> Vec<Value> {
    let said = &request.messages;
    said.iter().enumerate().flat_map(|(at, one)| message(one, said.get(..at).unwrap_or_default())).collect()
}

/// A message, or one for each tool result in it.
fn message(message: &Message, before: &[Message]) -> Vec<Value> {
    let results: Vec<_> = message.parts.iter().filter_map(|part| result(part, before)).collect();
    if !results.is_empty() {
        return results;
    }
    let mut body = Body::new();
    body.set("role", message.role.as_str());
    body.set("content", message.joined_text());
    body.set_list("images", message.parts.iter().filter_map(picture).collect());
    body.set_list("tool_calls", message.tool_calls().map(call).collect());
    vec![body.into_value()]
}

/// A result, with the tool's name: not every version of the server knows ids.
fn result(part: &Part, before: &[Message]) -> Option<Value> {
    let Part::ToolResult(result) = part else { return None };
    let mut body = Body::new();
    body.set("role", "tool");
    body.set("content", result.content.as_str());
    body.set("tool_call_id", result.id.as_str());
    body.set_some("tool_name", name_of(&result.id, before));
    Some(body.into_value())
}

/// The tool that was called last under this id.
fn name_of<'a>(id: &ToolCallId, before: &'a [Message]) -> Option<&'a str> {
    let calls = before.iter().rev().flat_map(Message::tool_calls);
    calls.filter(|call| call.id == *id).map(|call| call.name.as_str()).next()
}

fn picture(part: &Part) -> Option<Value> {
    match part {
        Part::Image(Image::Inline { data, .. }) => Some(json!(data)),
        _ => None,
    }
}

fn call(call: &ToolCall) -> Value {
    let arguments = call.parsed_arguments().ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
    json!({ "id": call.id, "function": { "name": call.name, "arguments": arguments } })
}
