use helm_core::{GuardAction, Span};

use crate::hit::Hit;
use crate::key::{PseudonymKey, hash};
use crate::policy::RedactStyle;

/// The text from byte `begin` on with the spans of redacting hits replaced. Overlapping spans become one, named after
/// the surest of them, then the first, then the longest. Of one that begins before `begin` the replacement has been given already.
/// `None` when there is nothing to replace.
pub(crate) fn redact(text: &str, begin: usize, hits: &[Hit], key: Option<&PseudonymKey>) -> Option<String> {
    redact_with(text, begin, hits, |redacted, hit, value| replace(redacted, hit, value, key))
}

/// The same, with a replacement of one's own.
pub(crate) fn redact_with(
    text: &str,
    begin: usize,
    hits: &[Hit],
    mut replace: impl FnMut(&mut String, &Hit, &str),
) -> Option<String> {
    let mut redacted = String::new();
    let mut from = begin;
    for (span, hit) in merged(hits).into_iter().filter(|(span, _)| span.end > begin) {
        if span.start >= begin {
            let (before, value) = (text.get(from..span.start), text.get(span.start..span.end));
            redacted.push_str(before.unwrap_or_default());
            replace(&mut redacted, hit, value.unwrap_or_default());
        }
        from = span.end;
    }
    if from == begin {
        return None;
    }
    redacted.push_str(text.get(from..).unwrap_or_default());
    Some(redacted)
}

fn merged(hits: &[Hit]) -> Vec<(Span, &Hit)> {
    let redacting = hits.iter().filter(|hit| hit.action == GuardAction::Redact);
    let mut spans: Vec<(Span, &Hit)> = redacting.filter_map(|hit| Some((hit.span()?, hit))).collect();
    spans.sort_by_key(|(span, hit)| (span.start, span.end, hit.order));
    let mut merged: Vec<(Span, &Hit)> = Vec::with_capacity(spans.len());
    for (span, hit) in spans {
        match merged.last_mut() {
            Some((last, named)) if span.start < last.end => {
                last.end = last.end.max(span.end);
                if names_better(hit, named) {
                    *named = hit;
                }
            }
            _ => merged.push((span, hit)),
        }
    }
    merged
}

/// Decided without looking at how long a first finding is, which a stream does not know of what is still open.
fn names_better(hit: &Hit, named: &Hit) -> bool {
    let start = |hit: &Hit| hit.span().map(|span| span.start);
    hit.finding.score > named.finding.score || (start(hit) == start(named) && hit.rank() > named.rank())
}

fn replace(redacted: &mut String, hit: &Hit, value: &str, key: Option<&PseudonymKey>) {
    let entity = hit.finding.entity.as_ref();
    let mark = match hit.rule.style {
        RedactStyle::Mask { keep } => return mask(redacted, value, usize::from(keep)),
        RedactStyle::Label => None,
        RedactStyle::Hash => Some(hash(value)),
        // An engine with this style has a key.
        RedactStyle::Pseudonym => key.and_then(|key| key.pseudonym(entity, value).ok()),
    };
    redacted.extend(["[", entity]);
    if let Some(mark) = mark {
        redacted.extend(["#", &mark]);
    }
    redacted.push(']');
}

fn mask(redacted: &mut String, value: &str, keep: usize) {
    let count = value.chars().count();
    let hidden = count - keep.min(count / 4);
    redacted.extend(value.chars().enumerate().map(|(place, char)| if place < hidden { '*' } else { char }));
}
