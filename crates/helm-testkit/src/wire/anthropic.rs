use serde_json::{Value, json};

use super::{Pieces, event, halves};
use crate::answer::Answer;

pub(super) fn whole(answer: &Answer) -> Value {
    let text = (!answer.text.is_empty()).then(|| json!({ "type": "text", "text": answer.text }));
    let calls = answer.calls.iter().enumerate().map(|(index, (name, arguments))| {
        json!({ "type": "tool_use", "id": format!("call_{index}"), "name": name, "input": arguments })
    });
    let content: Vec<_> = text.into_iter().chain(calls).collect();
    let details = answer.refusal.as_ref().map(|words| json!({ "type": "refusal", "explanation": words }));
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": content,
        "stop_reason": reason(answer), "stop_sequence": null, "stop_details": details,
        "usage": { "input_tokens": 10, "output_tokens": 5 },
    })
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted-1", "content": [],
        "usage": { "input_tokens": 10, "output_tokens": 1 },
    });
    let mut content = Vec::new();
    if !answer.text.is_empty() {
        content.extend(answer.words().map(|word| delta(0, &json!({ "type": "text_delta", "text": word }))));
        content.push(stop(0));
    }
    let first = usize::from(!answer.text.is_empty());
    for (index, (name, arguments)) in answer.calls.iter().enumerate() {
        let id = format!("call_{index}");
        let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
        content.push(begin(first + index, &block));
        let text = arguments.to_string();
        let half = |half| delta(first + index, &json!({ "type": "input_json_delta", "partial_json": half }));
        content.extend(halves(&text).map(half));
        content.push(stop(first + index));
    }
    let mut head = vec![
        event(&json!({ "type": "message_start", "message": message })),
        event(&json!({ "type": "ping" })),
    ];
    if !answer.text.is_empty() {
        head.push(begin(0, &json!({ "type": "text", "text": "" })));
    }
    let details = answer.refusal.as_ref().map(|words| json!({ "type": "refusal", "explanation": words }));
    let end = json!({ "stop_reason": reason(answer), "stop_sequence": null, "stop_details": details });
    let usage = json!({ "output_tokens": 5 });
    Pieces {
        head,
        content,
        tail: vec![
            event(&json!({ "type": "message_delta", "delta": end, "usage": usage })),
            event(&json!({ "type": "message_stop" })),
        ],
    }
}

fn begin(index: usize, block: &Value) -> String {
    event(&json!({ "type": "content_block_start", "index": index, "content_block": block }))
}

fn delta(index: usize, delta: &Value) -> String {
    event(&json!({ "type": "content_block_delta", "index": index, "delta": delta }))
}

fn stop(index: usize) -> String {
    event(&json!({ "type": "content_block_stop", "index": index }))
}

fn reason(answer: &Answer) -> &'static str {
    match (answer.is_cut, answer.calls.is_empty(), &answer.refusal) {
        (true, ..) => "max_tokens",
        (_, false, _) => "tool_use",
        (.., Some(_)) => "refusal",
        _ => "end_turn",
    }
}
