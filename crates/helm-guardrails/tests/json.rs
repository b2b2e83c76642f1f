//! JSON is looked at as it is meant, and stays JSON.

use helm_core::Stage;
use helm_guardrails::{GuardrailEngine, StreamStep};
use proptest::prelude::*;
use serde_json::Value;

fn passed(raw: &str) -> String {
    GuardrailEngine::standard().check_json(Stage::Output, raw).text(raw).to_owned()
}

#[test]
fn escapes_hide_nothing_and_the_rest_stays_as_it_was_written() {
    for (raw, expected) in [
        (r#"{"to":"ana\u0040example.com"}"#, r#"{"to":"[EMAIL]"}"#),
        (r#"{"to": "Ana <ana\u0040example.com>\n\u00e9"}"#, "{\"to\": \"Ana <[EMAIL]>\\né\"}"),
        (r#"["4111 1111\u00201111 1111", "\u00e9"]"#, r#"["[CREDIT_CARD]", "\u00e9"]"#),
        (r#"{"card": 4111111111111111, "n": 1}"#, r#"{"card": "[CREDIT_CARD]", "n": 1}"#),
        (r#"{"a\"b": "\\ \ud83d\ude00 \ud83d"}"#, r#"{"a\"b": "\\ \ud83d\ude00 \ud83d"}"#),
        (r#"{"to": "ana\u0040example.c"#, r#"{"to": "ana\u0040example.c"#),
        (r#"{"to": "ana\u0040example.com\"#, r#"{"to": "[EMAIL]\\"#),
        ("ana@example.com", "\"[EMAIL]\""),
        ("", ""),
    ] {
        assert_eq!(passed(raw), expected);
    }
}

#[test]
fn spans_are_places_of_what_was_written() {
    let raw = r#"{"to":"x ana\u0040example.com y"}"#;
    let result = GuardrailEngine::standard().check_json(Stage::Output, raw);
    let span = result.violations.first().unwrap().span.unwrap();
    assert_eq!(raw.get(span.start..span.end), Some(r"ana\u0040example.com"));
}

#[test]
fn arguments_in_pieces_are_held_back_to_their_end() {
    let raw = r#"{"to":"ana\u0040example.com"}"#;
    let mut guard = GuardrailEngine::standard().stream_json(Stage::Output);
    for piece in raw.split_inclusive('0') {
        assert_eq!(guard.push(piece), StreamStep::Emit(String::new()));
    }
    assert_eq!(guard.finish().0, r#"{"to":"[EMAIL]"}"#);
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,8}",
        Just("to ana@example.com\n".to_owned()),
        Just("4111 1111 1111 1111".to_owned())
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z\"\\\\é]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every character of every string escaped.
fn escaped(value: &Value) -> String {
    let string = |text: &str| {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{units}\"")
    };
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}:{}", string(key), escaped(value))).collect();
            format!("{{{}}}", entries.join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn white_space_that_is_none_of_json_ends_what_stands_before_it() {
    let raw = "{\u{c}\"to\":\u{c}1\u{c}\"ana@example.com\"";
    let result = GuardrailEngine::standard().check_json(Stage::Output, raw);
    assert_eq!(result.text(raw), raw.replace("ana@example.com", "[EMAIL]"));
}

proptest! {
    #[test]
    fn however_it_is_escaped_the_same_is_left(value in values()) {
        let (plain, hidden) = (value.to_string(), escaped(&value));
        let read = |raw: &str| {
            let result = GuardrailEngine::standard().check_json(Stage::Output, raw);
            (!result.is_blocked()).then(|| serde_json::from_str::<Value>(result.text(raw)))
        };
        // Chance spells insults too.
        let (Some(plain), hidden) = (read(&plain), read(&hidden)) else {
            prop_assert!(read(&hidden).is_none());
            return Ok(());
        };
        prop_assert!(plain.is_ok(), "{plain:?}");
        prop_assert_eq!(plain.unwrap(), hidden.unwrap().unwrap());
    }

    #[test]
    fn what_is_no_json_does_no_harm(raw in "[\"\\\\u0-9{}:a-f, é]{0,40}") {
        let result = GuardrailEngine::standard().check_json(Stage::Output, &raw);
        for violation in &result.violations {
            prop_assert!(violation.span.is_none_or(|span| raw.get(span.start..span.end).is_some()));
        }
    }
}
