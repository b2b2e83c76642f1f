//! Signs that are spelled out to get past a filter: `ana.b [at] example [dot] org`, `ana&#64;example.org`.
//!
//! A stream has sent a word before it sees what follows. So a word of letters alone, which nothing sets apart, is no
//! part of what is found when a space stands behind it: of `ana [at] example [dot] org`, `ana` stays.

use smallvec::SmallVec;

use crate::bytes::{before, run, run_back};

/// What stands for one sign.
#[derive(Clone, Copy)]
struct Spelling {
    start: usize,
    end: usize,
    sign: u8,
}

/// The spelled signs of a text, in order.
#[derive(Default)]
pub(super) struct Spelled {
    found: SmallVec<[Spelling; 4]>,
    /// Where what the last signs are a part of begins.
    begins: usize,
    /// From where on more text could make something of what is spelled.
    pub(super) pending: Option<usize>,
}

/// How near the end of a text a bracket may be the beginning of a spelled sign.
const NEAR: usize = 12;
/// How long a part between spelled signs may be.
const PART: usize = 72;

impl Spelled {
    /// Notes a sign that is spelled with the bracket, `&` or `%` at `at`.
    pub(super) fn sign(&mut self, text: &[u8], at: usize) {
        let start = at - run_back(text, at, 2, |byte| byte == b' ');
        let found = match text.get(at) {
            Some(b'&') => entity(text, at),
            Some(b'%') => (text.get(at + 1..at + 3) == Some(b"40")).then_some((at, at + 3, b'@')),
            _ => bracketed(text, at).map(|(end, sign)| (start, end, sign)),
        };
        match found {
            Some((start, end, sign)) => self.add(text, start, end, sign),
            None if at + NEAR > text.len() => self.wait(self.start_of(text, start)),
            None => {}
        }
    }

    /// Notes the word `at` where an address may be spelled with it.
    pub(super) fn at(&mut self, text: &[u8], at: usize) {
        if before(text, at) == Some(b' ') && at + 2 + PART > text.len() {
            self.wait(self.start_of(text, at - 1));
        }
    }

    /// Notes the word `dot` at `at` where it stands as in `ana at example dot org`.
    pub(super) fn dot(&mut self, text: &[u8], at: usize) {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let host = at.checked_sub(1).map_or(0, |space| run_back(text, space, 63, name));
        let Some(start) = at.checked_sub(host + 1).filter(|_| host > 0 && before(text, at) == Some(b' '))
        else {
            return;
        };
        let follows =
            text.get(at + 3) == Some(&b' ') && run(text, at + 4, 24, |byte| byte.is_ascii_alphabetic()) >= 2;
        let is_first = text.get(start.saturating_sub(4)..start) == Some(b" at ");
        if is_first && follows {
            self.add(text, start - 4, start, b'@');
        }
        if self.found.last().is_some_and(|last| last.end == start) {
            if follows {
                self.add(text, at - 1, at + 4, b'.');
            }
            if at + NEAR > text.len() {
                self.wait(self.begins);
            }
        }
    }

    /// Says what is pending because a text ends where a sign may be spelled next.
    pub(super) fn end(&mut self, text: &[u8]) {
        let end = text.len() - run_back(text, text.len(), 2, |byte| byte == b' ');
        let word = self.start_of(text, end);
        // No name ends beyond ASCII.
        let is_name = before(text, end).is_some_and(|byte| byte.is_ascii());
        if is_name && end < text.len() && text.get(word..end).is_some_and(|word| !is_plain(in_clause(word))) {
            self.wait(word);
        }
    }

    fn add(&mut self, text: &[u8], start: usize, end: usize, sign: u8) {
        if self.found.last().is_none_or(|last| last.end + PART < start) {
            self.begins = start - run_back(text, start, PART, |byte| !byte.is_ascii_whitespace());
        }
        if self.found.last().is_none_or(|last| last.end <= start) {
            self.found.push(Spelling { start, end, sign });
        }
        if end + PART > text.len() {
            self.wait(self.begins);
        }
    }

    /// Where the word before `at` begins, or what is spelled and reaches so far.
    fn start_of(&self, text: &[u8], at: usize) -> usize {
        let word = at - run_back(text, at, PART, |byte| !byte.is_ascii_whitespace());
        let joins = self.found.last().is_some_and(|last| last.end + PART >= word);
        if joins { self.begins.min(word) } else { word }
    }

    fn wait(&mut self, from: usize) {
        self.pending = Some(self.pending.map_or(from, |earlier| earlier.min(from)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The text with the signs themselves.
    pub(super) fn rewritten(&self, text: &[u8]) -> Vec<u8> {
        let mut rewritten = Vec::with_capacity(text.len());
        let mut from = 0;
        for spelling in &self.found {
            rewritten.extend_from_slice(text.get(from..spelling.start).unwrap_or_default());
            rewritten.push(spelling.sign);
            from = spelling.end;
        }
        rewritten.extend_from_slice(text.get(from..).unwrap_or_default());
        rewritten
    }

    /// Where `start..end` of the rewritten text stood, if it holds a spelled sign.
    pub(super) fn original(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
        let (mut shift, mut holds) = (0, false);
        let (mut from, mut to) = (start, end);
        for spelling in &self.found {
            let place = spelling.start - shift;
            if place >= end {
                break;
            }
            let is_first = place >= start && !holds;
            shift += spelling.end - spelling.start - 1;
            if place < start {
                from = start + shift;
            } else {
                holds = true;
            }
            let spaces = run(text, spelling.start, 2, |byte| byte == b' ');
            if is_first && spaces > 0 && text.get(from..spelling.start).is_some_and(is_plain) {
                from = spelling.start + spaces;
            }
            to = end + shift;
        }
        holds.then_some((from, to))
    }
}

/// A word without the sign at its end that is part of no name.
fn in_clause(word: &[u8]) -> &[u8] {
    match word {
        [word @ .., b',' | b';' | b':'] => word,
        _ => word,
    }
}

/// Whether a word is of letters alone.
fn is_plain(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_alphabetic)
}

/// `[at]`, `(dot)` and the like with the spaces around them, from the bracket at `at` on.
fn bracketed(text: &[u8], at: usize) -> Option<(usize, u8)> {
    let close = match text.get(at)? {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => b'>',
    };
    let from = at + 1 + run(text, at + 1, 1, |byte| byte == b' ');
    let length = run(text, from, 6, |byte| byte.is_ascii_alphabetic() || matches!(byte, b'@' | b'.'));
    let sign = match text.get(from..from + length)?.to_ascii_lowercase().as_slice() {
        b"at" | b"@" => b'@',
        b"dot" | b"." | b"punkt" | b"point" | b"punto" => b'.',
        _ => return None,
    };
    let end = from + length + run(text, from + length, 1, |byte| byte == b' ');
    let closed = text.get(end) == Some(&close);
    closed.then(|| (end + 1 + run(text, end + 1, 2, |byte| byte == b' '), sign))
}

/// Character references of `@`, `.` and digits, HTML 13.5.
fn entity(text: &[u8], at: usize) -> Option<(usize, usize, u8)> {
    let length = 1 + run(text, at + 1, 8, |byte| byte.is_ascii_alphanumeric() || byte == b'#');
    let name = std::str::from_utf8(text.get(at + 1..at + length)?).ok()?;
    let sign = match name {
        "commat" => b'@',
        "period" => b'.',
        _ => {
            let number = name.strip_prefix('#')?;
            let value = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u8::from_str_radix(hex, 16),
                None => number.parse(),
            };
            value.ok().filter(u8::is_ascii_graphic)?
        }
    };
    let end = at + length + usize::from(text.get(at + length) == Some(&b';'));
    Some((at, end, sign))
}
