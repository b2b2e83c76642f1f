use serde_json::{Value, json};

use super::{Pieces, data, halves};
use crate::answer::Answer;

pub(super) fn whole(answer: &Answer) -> Value {
    let calls = answer.calls.iter().enumerate().map(|(index, (name, arguments))| {
        let function = json!({ "name": name, "arguments": arguments.to_string() });
        json!({ "id": format!("call_{index}"), "type": "function", "function": function })
    });
    let calls: Vec<_> = calls.collect();
    let content = if answer.text.is_empty() { Value::Null } else { json!(answer.text) };
    let mut message = json!({ "role": "assistant", "content": content, "refusal": answer.refusal });
    if let (Some(message), false) = (message.as_object_mut(), calls.is_empty()) {
        message.insert("tool_calls".to_owned(), json!(calls));
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "scripted-1",
        "choices": [{ "index": 0, "message": message, "finish_reason": reason(answer) }],
        "usage": usage(),
    })
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let first = chunk(&json!({ "role": "assistant", "content": "" }), &Value::Null, &Value::Null);
    let piece = |delta: Value| chunk(&delta, &Value::Null, &Value::Null);
    let words = answer.words().map(|word| piece(json!({ "content": word })));
    let refusal = answer.refusal.iter().map(|refusal| piece(json!({ "refusal": refusal })));
    let calls = answer.calls.iter().enumerate().flat_map(|(index, (name, arguments))| {
        let id = format!("call_{index}");
        let function = json!({ "name": name, "arguments": "" });
        let begin = json!({ "index": index, "id": id, "type": "function", "function": function });
        let text = arguments.to_string();
        let more = halves(&text).map(|half| json!({ "index": index, "function": { "arguments": half } }));
        let all: Vec<_> = [begin].into_iter().chain(more).collect();
        all.iter().map(piece_of_call).collect::<Vec<_>>()
    });
    let end = chunk(&json!({}), &json!(reason(answer)), &Value::Null);
    let last = data(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted-1",
        "choices": [], "usage": usage(),
    }));
    Pieces {
        head: vec![first, ": keep-alive\n\n".to_owned()],
        content: words.chain(refusal).chain(calls).collect(),
        tail: vec![end, last, "data: [DONE]\n\n".to_owned()],
    }
}

fn piece_of_call(call: &Value) -> String {
    chunk(&json!({ "tool_calls": [call] }), &Value::Null, &Value::Null)
}

fn chunk(delta: &Value, finish: &Value, usage: &Value) -> String {
    data(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted-1",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }], "usage": usage,
    }))
}

fn reason(answer: &Answer) -> &'static str {
    match (answer.is_cut, answer.calls.is_empty()) {
        (true, _) => "length",
        (_, false) => "tool_calls",
        _ => "stop",
    }
}

fn usage() -> Value {
    json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 })
}
