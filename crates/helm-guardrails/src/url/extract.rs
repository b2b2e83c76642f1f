//! Where links stand in a text.

use std::ops::Range;

/// The longest link.
pub(super) const LONGEST: usize = 1_024;

/// What links begin with, in small letters, and how much of it must stand before the link's own beginning.
const STARTS: [(&str, usize); 8] = [
    ("://", 0),
    ("www.", 0),
    ("](//", 2),
    ("=\"//", 2),
    ("='//", 2),
    ("javascript:", 0),
    ("vbscript:", 0),
    ("data:text/html", 0),
];

/// The links of a text, in order.
pub(super) fn links(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let found = text.get(from..)?.bytes().position(|byte| {
                matches!(byte, b':' | b'w' | b'W' | b']' | b'=' | b'j' | b'J' | b'v' | b'V' | b'd' | b'D')
            })?;
            let at = from + found;
            from = at + 1;
            if let Some(range) = link(text, at) {
                from = range.end.max(from);
                return Some(range);
            }
        }
    })
}

fn link(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(at..)?;
    let (start, skipped) = STARTS.iter().find(|(start, _)| {
        rest.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
    })?;
    let before = text.get(..at)?.bytes().rev();
    let scheme = before
        .take(16)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
        .count();
    let begin = match *start {
        "://" if scheme > 0 => at - scheme,
        "://" => return None,
        _ if skipped == &0 && scheme > 0 => return None,
        _ => at + skipped,
    };
    let after = at + start.len();
    // A script needs no host.
    let is_script = !start.contains(['/', '.']) || *start == "data:text/html";
    let length = length(text.get(after..)?, LONGEST - start.len());
    (length > 0 || is_script).then_some(begin..after + length)
}

/// How long the rest of a link is: to white space or to what quotes or ends it, without the sentence's marks.
fn length(rest: &str, most: usize) -> usize {
    let ends = |char: char| char.is_whitespace() || "\"'`<>{}|^。，、！？；：）」』】»".contains(char);
    let length =
        rest.char_indices().find(|(at, char)| *at >= most || ends(*char)).map_or(rest.len(), |(at, _)| at);
    let link = rest.get(..length).unwrap_or_default();
    let open = link.matches('(').count();
    let mut closed = link.matches(')').count();
    let trimmed = link.trim_end_matches(|char| match char {
        '.' | ',' | ';' | ':' | '!' | '?' | '*' | '_' => true,
        ')' | ']' if closed > open || char == ']' => {
            closed -= usize::from(char == ')');
            true
        }
        _ => false,
    });
    trimmed.len()
}
