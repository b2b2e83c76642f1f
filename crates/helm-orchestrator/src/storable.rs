//! What is stored holds no NUL, which PostgreSQL refuses: U+FFFD, the character for what cannot be shown, stands for
//! it. This is the one place where that is done, for every store alike, so that an answer that was paid for is kept
//! and an installation can move. What is guarded, embedded, sent to a model and answered stays as it was.

use helm_store::{PreferenceChange, TurnRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const NUL: char = '\0';
const INSTEAD: &str = "\u{fffd}";

/// A turn's record as every store can take it.
pub(crate) fn turn(mut record: TurnRecord) -> TurnRecord {
    replace(&mut record.input);
    record.output.iter_mut().for_each(replace);
    parts(&mut record.outcome);
    parts(&mut record.messages);
    record.preferences = changes(&record.preferences);
    for memory in &mut record.memories {
        replace(&mut memory.text);
        values(&mut memory.metadata);
    }
    record.jobs.iter_mut().for_each(|job| values(&mut job.body));
    record
}

/// Changes of preferences as every store can take them. Names are left to the store, which takes no control character
/// in them.
pub(crate) fn changes(changes: &[PreferenceChange]) -> Vec<PreferenceChange> {
    let mut changes = changes.to_vec();
    for change in &mut changes {
        if let PreferenceChange::Set { value, .. } = change {
            values(value);
        }
    }
    changes
}

/// A text as every store can take it.
pub(crate) fn text(mut text: String) -> String {
    replace(&mut text);
    text
}

fn replace(text: &mut String) {
    if text.contains(NUL) {
        *text = text.replace(NUL, INSTEAD);
    }
}

/// Replaces in all texts of a value, names included.
fn values(value: &mut Value) {
    match value {
        Value::String(text) => replace(text),
        Value::Array(items) => items.iter_mut().for_each(values),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains(NUL)) {
                let renamed = std::mem::take(fields).into_iter();
                *fields = renamed.map(|(name, value)| (name.replace(NUL, INSTEAD), value)).collect();
            }
            fields.values_mut().for_each(values);
        }
        _ => {}
    }
}

/// Replaces in all texts of what is stored as JSON. What cannot be written as JSON is for the store to refuse.
fn parts<T: Serialize + DeserializeOwned>(part: &mut T) {
    let holds_nul = serde_json::to_string(part).is_ok_and(|json| json.contains("\\u0000"));
    if !holds_nul {
        return;
    }
    let cleaned = serde_json::to_value(&*part).and_then(|mut value| {
        values(&mut value);
        serde_json::from_value(value)
    });
    if let Ok(cleaned) = cleaned {
        *part = cleaned;
    }
}

#[cfg(test)]
mod tests {
    use helm_core::{DecisionId, Message, Outcome, Role, Timestamp, TurnStatus};
    use helm_store::{Memory, MemoryId, NewJob};
    use serde_json::json;

    use super::*;

    fn record(nul: &str) -> TurnRecord {
        let at = Timestamp::from_micros(1);
        let id = DecisionId::from_bytes([1; 16]);
        let text = format!("a{nul}b");
        let mut outcome = Outcome::new(TurnStatus::Completed, at);
        outcome.error = Some(text.clone());
        TurnRecord {
            id,
            tenant: helm_core::TenantId::single(),
            user: "ana".parse().unwrap(),
            task: "t".parse().unwrap(),
            conversation: None,
            input: text.clone(),
            output: Some(text.clone()),
            outcome,
            began: at,
            messages: vec![Message::text(Role::User, &*text)],
            preferences: vec![PreferenceChange::Set { name: "n".to_owned(), value: json!([text]) }],
            memories: vec![Memory {
                id: MemoryId { turn: id, index: 0 },
                collection: "m".to_owned(),
                text: text.clone(),
                embedding: vec![1.0],
                metadata: json!({ text.clone(): [{ "deep": text }] }),
                at,
            }],
            jobs: vec![NewJob {
                kind: "k".to_owned(),
                dedupe: "d".to_owned(),
                body: json!({ "said": text }),
                run_at: at,
                max_attempts: 1,
            }],
        }
    }

    #[test]
    fn nul_is_replaced_wherever_text_is_stored() {
        let cleaned = turn(record("\0"));
        assert_eq!(format!("{cleaned:?}"), format!("{:?}", record("\u{fffd}")));
        // What looks like an escape is none.
        let looks = "\\u0000";
        assert_eq!(format!("{:?}", turn(record(looks))), format!("{:?}", record(looks)));
    }
}
