//! Whatever the arguments of a tool call are: spans lie in them, and what is JSON is JSON of the same shape afterwards.

use std::sync::LazyLock;

use helm_orchestrator::guardrails::GuardrailEngine;
use helm_orchestrator::guardrails::core::Stage;
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

/// Reads these bytes.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
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
}
