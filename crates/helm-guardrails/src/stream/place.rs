//! Places in a text.

use helm_core::Span;

use crate::view::{is_separator, visible_len};

/// The last place behind a separator that is after `from` and not after `limit`.
pub(crate) fn behind_separator(text: &str, from: usize, limit: usize) -> Option<usize> {
    let mut part = text.get(from..text.floor_char_boundary(limit))?;
    while let Some(last) = part.as_bytes().iter().rposition(|byte| !joins(*byte)) {
        part = part.get(..=last)?;
        let char = part.chars().next_back()?;
        if is_separator(char) {
            return Some(from + part.len());
        }
        part = part.get(..part.len() - char.len_utf8())?;
    }
    None
}

/// Whether a byte is of ASCII and no separator.
#[inline]
pub(super) const fn joins(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0..=0x08 | 0x0e..=0x1f | 0x7f)
}

/// The last place before which no more than what is `visible` bytes lies up to `end`.
pub(crate) fn back(text: &str, end: usize, visible: usize) -> usize {
    let start = end.saturating_sub(visible);
    if text.as_bytes().get(start..end).is_some_and(<[u8]>::is_ascii) {
        return start;
    }
    let (mut at, mut left) = (end, visible);
    for char in text.get(..end).unwrap_or_default().chars().rev() {
        let length = visible_len(char);
        if length > left {
            break;
        }
        left -= length;
        at -= char.len_utf8();
    }
    at
}

/// Spans as ranges that do not overlap.
pub(super) struct Covered(Vec<Span>);

impl Covered {
    pub(super) fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.start < last.end => last.end = last.end.max(span.end),
                _ => apart.push(span),
            }
        }
        Self(apart)
    }

    /// Where the range begins that `at` lies inside, its ends not counted.
    pub(super) fn start_around(&self, at: usize) -> Option<usize> {
        let after = self.0.partition_point(|span| span.start < at);
        let span = self.0.get(after.checked_sub(1)?)?;
        (at < span.end).then_some(span.start)
    }
}
