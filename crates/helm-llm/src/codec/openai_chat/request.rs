use helm_core::{Image, Message, Part, Role, TokenCount, ToolCall};
use serde_json::{Value, json};

use super::ChatQuirks;
use crate::codec::json::Body;
use crate::request::{ChatRequest, OutputSchema, Tool, ToolChoice};

pub(super) fn body(model: &str, quirks: ChatQuirks, request: &ChatRequest, streamed: bool) -> Body {
    let mut body = Body::new();
    body.set("model", model);
    body.set("messages", messages(request, quirks));
    body.set_some("temperature", request.sampling.temperature);
    body.set_some("top_p", request.sampling.top_p);
    body.set_some("reasoning_effort", request.sampling.effort.as_deref());
    let limit = if quirks.legacy_max_tokens { "max_tokens" } else { "max_completion_tokens" };
    body.set_some(limit, request.max_output_tokens.map(TokenCount::get));
    body.set_list("stop", request.stop.iter().map(|stop| json!(stop)).collect());
    body.set_some("seed", request.seed);
    if let Some(alternatives) = request.alternatives.filter(|_| !streamed) {
        body.set("logprobs", true);
        body.set("top_logprobs", alternatives);
    }
    body.set_some("response_format", request.output.as_ref().map(|output| form(output, quirks)));
    add_tools(&mut body, request, quirks);
    if streamed {
        body.set("stream", true);
        body.set_some("stream_options", quirks.stream_usage.then(|| json!({ "include_usage": true })));
    }
    body
}

fn add_tools(body: &mut Body, request: &ChatRequest, quirks: ChatQuirks) {
    let (offered, choice) = match &request.tool_choice {
        Some(ToolChoice::Named(name)) if !quirks.named_tool_choice => {
            let only = request.tools.iter().filter(|tool| tool.name == *name).collect();
            (only, Some(json!("required")))
        }
        other => (request.tools.iter().collect::<Vec<_>>(), other.as_ref().map(choice)),
    };
    if offered.is_empty() {
        return;
    }
    body.set_list("tools", offered.into_iter().map(|offered| tool(offered, quirks)).collect());
    body.set_some("tool_choice", choice);
    let parallel = request.parallel_tool_calls.filter(|_| quirks.parallel_tool_calls);
    body.set_some("parallel_tool_calls", parallel);
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}

fn tool(tool: &Tool, quirks: ChatQuirks) -> Body {
    let mut function = Body::new();
    function.set("name", tool.name.as_str());
    function.set("description", tool.description.as_str());
    function.set("parameters", &tool.parameters);
    function.set_some("strict", (quirks.strict && tool.strict).then_some(true));
    Body::new().with("type", "function").with("function", function)
}

fn form(output: &OutputSchema, quirks: ChatQuirks) -> Body {
    let mut schema = Body::new();
    schema.set("name", output.name.as_str());
    schema.set("schema", &output.schema);
    schema.set_some("strict", quirks.strict.then_some(output.strict));
    Body::new().with("type", "json_schema").with("json_schema", schema)
}

fn messages(request: &ChatRequest, quirks: ChatQuirks) -> Vec<Value> {
    request.messages.iter().flat_map(|said| message(said, quirks)).collect()
}

/// A message, or one for each tool result in it.
fn message(message: &Message, quirks: ChatQuirks) -> Vec<Value> {
    let results: Vec<_> = message.parts.iter().filter_map(result).collect();
    if !results.is_empty() {
        return results;
    }
    vec![match message.role {
        Role::System if quirks.developer_role => {
            json!({ "role": "developer", "content": message.joined_text() })
        }
        Role::Assistant => assistant(message),
        role => json!({ "role": role.as_str(), "content": content(message) }),
    }]
}

fn result(part: &Part) -> Option<Value> {
    match part {
        Part::ToolResult(result) => {
            Some(json!({ "role": "tool", "tool_call_id": result.id, "content": result.content }))
        }
        _ => None,
    }
}

fn assistant(message: &Message) -> Value {
    let mut body = Body::new();
    body.set("role", "assistant");
    let text: String = message.parts.iter().filter_map(plain).collect();
    let calls: Vec<_> = message.tool_calls().map(call).collect();
    let refusal = message.parts.iter().find_map(|part| match part {
        Part::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    // The text may be missing only where something else stands for it.
    let silent = text.is_empty() && (refusal.is_some() || !calls.is_empty());
    body.set("content", if silent { Value::Null } else { json!(text) });
    body.set_some("refusal", refusal);
    body.set_list("tool_calls", calls);
    body.into_value()
}

fn plain(part: &Part) -> Option<&str> {
    match part {
        Part::Text { text } => Some(text),
        _ => None,
    }
}

fn call(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    json!({ "id": call.id, "type": "function", "function": function })
}

/// A text where that is all, for servers that know nothing else.
fn content(message: &Message) -> Value {
    if !message.parts.iter().any(|part| matches!(part, Part::Image(_))) {
        return json!(message.joined_text());
    }
    message.parts.iter().filter_map(part).collect()
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Image(image) => Some(picture(image)),
        other => other.as_text().map(|text| json!({ "type": "text", "text": text })),
    }
}

fn picture(image: &Image) -> Value {
    json!({ "type": "image_url", "image_url": { "url": image.as_url() } })
}
