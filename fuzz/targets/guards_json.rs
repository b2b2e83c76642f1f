//! Whatever the arguments of a tool call are: spans lie in them, and what is JSON is JSON of the same shape afterwards.
#![no_main]

use std::sync::LazyLock;

use helm_guardrails::GuardrailEngine;
use helm_guardrails::core::Stage;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static GUARD: LazyLock<GuardrailEngine> = LazyLock::new(GuardrailEngine::standard);

/// Whether two values differ in their strings alone.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_alike(one, other))
        }
        // Two keys may have become one.
        (Value::Object(one), Value::Object(other)) => other.len() <= one.len(),
        (Value::String(_), Value::String(_)) => true,
        _ => one == other,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let result = GUARD.check_json(Stage::Input, raw);
    for violation in &result.violations {
        assert!(violation.span.is_none_or(|span| raw.get(span.start..span.end).is_some()), "{violation:?}");
    }
    if let Ok(before) = serde_json::from_str::<Value>(raw)
        && !result.is_blocked()
    {
        let after = serde_json::from_str(result.text(raw)).expect("JSON stays JSON");
        assert!(is_alike(&before, &after), "{after}");
    }
});
