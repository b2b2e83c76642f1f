use serde_json::{Value, json};

use super::{Pieces, line};
use crate::answer::Answer;

pub(super) fn whole(answer: &Answer) -> Value {
    // The format knows no refusals: a model that refuses just says so.
    let text = answer.refusal.as_ref().unwrap_or(&answer.text);
    let mut said = message(text, &calls(answer));
    end(&mut said, answer);
    said
}

pub(super) fn pieces(answer: &Answer) -> Pieces {
    let text = answer.refusal.as_ref().unwrap_or(&answer.text);
    let words = text.split_inclusive(' ').map(|word| line(&message(word, &[])));
    let calls = calls(answer);
    let calls = (!calls.is_empty()).then(|| line(&message("", &calls)));
    let mut last = message("", &[]);
    end(&mut last, answer);
    Pieces { head: vec!["\n".to_owned()], content: words.chain(calls).collect(), tail: vec![line(&last)] }
}

fn calls(answer: &Answer) -> Vec<Value> {
    let call =
        |(name, arguments): &(String, Value)| json!({ "function": { "name": name, "arguments": arguments } });
    answer.calls.iter().map(call).collect()
}

fn message(text: &str, calls: &[Value]) -> Value {
    let message = match calls {
        [] => json!({ "role": "assistant", "content": text }),
        calls => json!({ "role": "assistant", "content": text, "tool_calls": calls }),
    };
    json!({ "model": "scripted-1", "created_at": "2026-11-20T10:00:00Z", "message": message, "done": false })
}

fn end(said: &mut Value, answer: &Answer) {
    if let Some(fields) = said.as_object_mut() {
        let reason = if answer.is_cut { "length" } else { "stop" };
        let more = json!({ "done": true, "done_reason": reason, "prompt_eval_count": 10, "eval_count": 5 });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
}
