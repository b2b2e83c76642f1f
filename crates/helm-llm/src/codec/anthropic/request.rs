use helm_core::{Image, Message, Part, Role, TokenCount};
use serde_json::{Value, json};

use super::FORMAT;
use crate::codec::json::Body;
use crate::request::{ChatRequest, OutputSchema, Tool, ToolChoice};

pub(super) fn body(model: &str, max_tokens: u64, request: &ChatRequest, streamed: bool) -> Body {
    let mut body = Body::new();
    body.set("model", model);
    body.set("max_tokens", request.max_output_tokens.map_or(max_tokens, TokenCount::get));
    body.set_some("system", system(request));
    body.set("messages", messages(request));
    body.set_some("temperature", request.sampling.temperature);
    body.set_some("top_p", request.sampling.top_p);
    body.set_list("stop_sequences", request.stop.iter().map(|stop| json!(stop)).collect());
    let mut output = Body::new();
    output.set_some("effort", request.sampling.effort.as_deref());
    let form = |output: &OutputSchema| Body::new().with("type", "json_schema").with("schema", &output.schema);
    output.set_some("format", request.output.as_ref().map(form));
    body.set_object("output_config", output);
    if !request.tools.is_empty() {
        body.set_list("tools", request.tools.iter().map(tool).collect());
        body.set_some("tool_choice", choice(request));
    }
    body.set_some("stream", streamed.then_some(true));
    body
}

/// Instructions stand beside the conversation, wherever in it they were.
fn system(request: &ChatRequest) -> Option<String> {
    let said = request.messages.iter().filter(|message| message.role == Role::System);
    let texts: Vec<_> = said.map(Message::joined_text).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// The conversation, in which user and assistant take turns: what follows in the same role is one message.
fn messages(request: &ChatRequest) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in request.messages.iter().filter(|message| message.role != Role::System) {
        let role = if message.role == Role::Assistant { "assistant" } else { "user" };
        let blocks: Vec<_> = message.parts.iter().filter_map(block).collect();
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, content)) if *last == role => content.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

/// A part as a block. Texts without words are refused by the provider.
fn block(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text } | Part::Refusal { text } if text.trim().is_empty() => return None,
        Part::Text { text } | Part::Refusal { text } => json!({ "type": "text", "text": text }),
        Part::Image(image) => json!({ "type": "image", "source": source(image)? }),
        Part::ToolCall(call) => {
            // The provider wants an object. What the model wrote otherwise was told to it as a failure.
            let input = call.parsed_arguments().ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
            json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
        }
        Part::ToolResult(result) => {
            let mut body = Body::new();
            body.set("type", "tool_result");
            body.set("tool_use_id", result.id.as_str());
            body.set("content", result.content.as_str());
            body.set_some("is_error", result.is_error.then_some(true));
            body.into_value()
        }
        Part::Provider(block) if block.format == FORMAT => block.block.clone(),
        _ => return None,
    })
}

fn source(image: &Image) -> Option<Value> {
    Some(match image {
        Image::Url { url } => json!({ "type": "url", "url": url }),
        Image::Inline { media_type, data } => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
        _ => return None,
    })
}

fn tool(tool: &Tool) -> Body {
    let mut body = Body::new();
    body.set("name", tool.name.as_str());
    body.set("description", tool.description.as_str());
    body.set("input_schema", &tool.parameters);
    body.set_some("strict", tool.strict.then_some(true));
    body
}

/// The choice, of which calling one tool at a time is a part.
fn choice(request: &ChatRequest) -> Option<Value> {
    let single = request.parallel_tool_calls == Some(false);
    let choice = match &request.tool_choice {
        None if !single => return None,
        other => other.as_ref().unwrap_or(&ToolChoice::Auto),
    };
    let mut body = Body::new();
    body.set("type", word(choice));
    if let ToolChoice::Named(name) = choice {
        body.set("name", name.as_str());
    }
    let bounded = single && *choice != ToolChoice::None;
    body.set_some("disable_parallel_tool_use", bounded.then_some(true));
    Some(body.into_value())
}

fn word(choice: &ToolChoice) -> &'static str {
    match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Required => "any",
        ToolChoice::Named(_) => "tool",
    }
}
