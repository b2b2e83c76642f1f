use serde_json::{Value, json};

use super::{Pieces, event, halves};
use crate::answer::Answer;

pub(super) fn whole(answer: &Answer) -> Value {
    let content = match &answer.refusal {
        Some(refusal) => vec![json!({ "type": "refusal", "refusal": refusal })],
        None if answer.text.is_empty() => Vec::new(),
        None => vec![json!({ "type": "output_text", "text": answer.text, "annotations": [] })],
    };
    let said = (!content.is_empty())
        .then(|| json!({ "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content }));
    let calls = answer
        .calls
        .iter()
        .enumerate()
        .map(|(index, (name, arguments))| call(index, name, &arguments.to_string()));
    let output: Vec<_> = said.into_iter().chain(calls).collect();
    let (status, details) = match answer.is_cut {
        true => ("incomplete", json!({ "reason": "max_output_tokens" })),
        false => ("completed", Value::Null),
    };
    json!({
        "id": "resp_1", "object": "response", "created_at": 0, "model": "scripted-1", "status": status,
        "incomplete_details": details, "error": null, "output": output,
        "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 },
    })
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let response = json!({ "id": "resp_1", "object": "response", "status": "in_progress", "output": [] });
    let place = |kind: &str, delta: &str| json!({ "type": kind, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": delta });
    let words = answer.words().map(|word| event(&place("response.output_text.delta", word)));
    let refusal = answer.refusal.iter().map(|words| event(&place("response.refusal.delta", words)));
    let first = usize::from(!answer.text.is_empty());
    let calls = answer.calls.iter().enumerate();
    let calls =
        calls.flat_map(|(index, (name, arguments))| call_events(index, first + index, name, arguments));
    let ended = if answer.is_cut { "response.incomplete" } else { "response.completed" };
    Pieces {
        head: vec![
            event(&json!({ "type": "response.created", "response": response })),
            event(&json!({ "type": "response.in_progress", "response": response })),
            ": keep-alive\n\n".to_owned(),
        ],
        content: words.chain(refusal).chain(calls).collect(),
        tail: vec![event(&json!({ "type": ended, "response": whole(answer) }))],
    }
}

pub(super) fn failed(code: &str, message: &str) -> String {
    let error = json!({ "code": code, "message": message });
    let response = json!({ "id": "resp_1", "status": "failed", "error": error, "output": [] });
    event(&json!({ "type": "response.failed", "response": response }))
}

fn call(index: usize, name: &str, arguments: &str) -> Value {
    json!({
        "id": format!("fc_{index}"), "type": "function_call", "call_id": format!("call_{index}"), "name": name,
        "arguments": arguments, "status": "completed",
    })
}

fn call_events(index: usize, place: usize, name: &str, arguments: &Value) -> Vec<String> {
    let text = arguments.to_string();
    let begin =
        json!({ "type": "response.output_item.added", "output_index": place, "item": call(index, name, "") });
    let kind = "response.function_call_arguments.delta";
    let more = halves(&text).map(|half| json!({ "type": kind, "output_index": place, "delta": half }));
    let end = json!({ "type": "response.output_item.done", "output_index": place, "item": call(index, name, &text) });
    [begin].iter().chain(&more).chain([&end]).map(event).collect()
}
