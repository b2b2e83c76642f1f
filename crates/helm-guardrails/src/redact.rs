use helm_core::{GuardAction, Span, Violation};

/// Replaces the spans of redacting violations by their entity in brackets. Overlapping spans become one, named
/// after the surest of them, then the longest.
pub(crate) fn redact(text: &str, violations: &[Violation]) -> Option<String> {
    let mut spans: Vec<(Span, &Violation)> = violations
        .iter()
        .filter(|violation| violation.action == GuardAction::Redact)
        .filter_map(|violation| violation.span.map(|span| (span, violation)))
        .collect();
    spans.sort_by_key(|(span, _)| (span.start, span.end));
    let mut merged: Vec<(Span, &Violation)> = Vec::with_capacity(spans.len());
    for (span, violation) in spans {
        match merged.last_mut() {
            Some((last, named)) if span.start < last.end => {
                last.end = last.end.max(span.end);
                if rank(violation) > rank(named) {
                    *named = violation;
                }
            }
            _ => merged.push((span, violation)),
        }
    }
    if merged.is_empty() {
        return None;
    }
    let mut redacted = String::with_capacity(text.len());
    let mut from = 0;
    for (span, violation) in merged {
        redacted.push_str(text.get(from..span.start).unwrap_or_default());
        redacted.push('[');
        redacted.push_str(&violation.entity);
        redacted.push(']');
        from = span.end;
    }
    redacted.push_str(text.get(from..).unwrap_or_default());
    Some(redacted)
}

fn rank(violation: &Violation) -> (u64, usize) {
    let length = violation.span.map_or(0, |span| span.end - span.start);
    // Scores are from 0 to 1, where the order of the bits is the order of the numbers.
    (violation.score.get().to_bits(), length)
}
