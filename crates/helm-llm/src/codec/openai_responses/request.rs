use helm_core::{Message, Part, Role, TokenCount};
use serde_json::{Value, json};

use super::FORMAT;
use crate::codec::json::Body;
use crate::request::{ChatRequest, OutputSchema, Tool, ToolChoice};

pub(super) fn body(model: &str, developer_role: bool, request: &ChatRequest, streamed: bool) -> Body {
    let mut body = Body::new();
    body.set("model", model);
    body.set(
        "input",
        request.messages.iter().flat_map(|said| items(said, developer_role)).collect::<Vec<_>>(),
    );
    body.set("store", false);
    body.set_some("temperature", request.sampling.temperature);
    body.set_some("top_p", request.sampling.top_p);
    if let Some(effort) = &request.sampling.effort {
        body.set("reasoning", json!({ "effort": effort }));
        body.set("include", json!(["reasoning.encrypted_content"]));
    }
    body.set_some("max_output_tokens", request.max_output_tokens.map(TokenCount::get));
    body.set_some("text", request.output.as_ref().map(form));
    if !request.tools.is_empty() {
        body.set_list("tools", request.tools.iter().map(tool).collect());
        body.set_some("tool_choice", request.tool_choice.as_ref().map(choice));
        body.set_some("parallel_tool_calls", request.parallel_tool_calls);
    }
    body.set_some("stream", streamed.then_some(true));
    body
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "name": name }),
    }
}

/// Strictness is always said: here its default is yes.
fn tool(tool: &Tool) -> Body {
    let named = Body::new().with("type", "function").with("name", tool.name.as_str());
    let described = named.with("description", tool.description.as_str());
    described.with("parameters", &tool.parameters).with("strict", tool.strict)
}

fn form(output: &OutputSchema) -> Body {
    let named = Body::new().with("type", "json_schema").with("name", output.name.as_str());
    Body::new().with("format", named.with("schema", &output.schema).with("strict", output.strict))
}

/// A message as items, in the order of its parts: neighbouring texts and pictures are one item.
fn items(message: &Message, developer_role: bool) -> Vec<Value> {
    let role = match message.role {
        Role::System if developer_role => "developer",
        role => role.as_str(),
    };
    let (mut items, mut content) = (Vec::new(), Vec::new());
    for part in &message.parts {
        if let Some(value) = content_of(part, message.role) {
            content.push(value);
        } else if let Some(value) = item(part) {
            flush(&mut items, &mut content, role);
            items.push(value);
        }
    }
    flush(&mut items, &mut content, role);
    items
}

fn flush(items: &mut Vec<Value>, content: &mut Vec<Value>, role: &str) {
    if !content.is_empty() {
        items.push(json!({ "type": "message", "role": role, "content": std::mem::take(content) }));
    }
}

/// What is part of a message.
fn content_of(part: &Part, role: Role) -> Option<Value> {
    Some(match part {
        Part::Text { text } if role == Role::Assistant => json!({ "type": "output_text", "text": text }),
        Part::Text { text } => json!({ "type": "input_text", "text": text }),
        Part::Refusal { text } => json!({ "type": "refusal", "refusal": text }),
        Part::Image(image) => json!({ "type": "input_image", "image_url": image.as_url() }),
        _ => return None,
    })
}

/// What is an item of its own.
fn item(part: &Part) -> Option<Value> {
    Some(match part {
        Part::ToolCall(call) => json!({
            "type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments,
        }),
        Part::ToolResult(result) => json!({
            "type": "function_call_output", "call_id": result.id, "output": result.content,
        }),
        Part::Provider(block) if block.format == FORMAT => block.block.clone(),
        _ => return None,
    })
}
