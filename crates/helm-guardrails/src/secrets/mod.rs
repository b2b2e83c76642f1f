//! Keys, tokens and passwords.

mod assigned;
mod entropy;
mod pem;
mod rules;
mod shaped;
mod wake;

use std::borrow::Cow;

use helm_core::{Category, Severity, Span, UnitInterval};

use crate::bytes::{DIGIT, Token, Visitor, WIDE, before, class, is_alnum, run_back, walk};
use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::view::{Folded, TextView};
use pem::{Boundary, PRIVATE_KEY};

/// Finds keys, tokens and passwords.
///
/// * Tokens with a prefix that their vendor documents, by a table of more than a hundred and fifty rules, of the right
///   length and random enough.
/// * What is assigned to a name such as `password` or `client_secret`, unless it is a variable, a call, a template or
///   a placeholder.
/// * Addresses with a password in them.
/// * Private keys in PEM, from their first line on: a key without its last line takes in what follows to the end.
///
/// Hashes, commits, digests, UUIDs and public keys are not reported, nor is a random string that nothing says to be a
/// secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecretFilter;

/// The longest token.
const REACH: usize = 1_088;
/// How far before a value its name may begin.
const LOOKBEHIND: usize = 128;
/// How sure a value is by its name alone.
const BY_NAME: f64 = 0.8;

impl SecretFilter {
    /// The filter.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Detector for SecretFilter {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Secret]
    }

    fn entities(&self) -> Vec<&str> {
        let mut names: Vec<_> = rules::entities().chain(assigned::ENTITIES).chain(shaped::ENTITIES).collect();
        names.push(PRIVATE_KEY);
        names.sort_unstable();
        names.dedup();
        names
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(REACH)
    }

    fn lookbehind(&self) -> usize {
        LOOKBEHIND
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        match words.is_ascii() {
            true => wake::may_hold(words.text().as_bytes(), words.signs()),
            false => wake::may_hold_any(words.digits().text().as_bytes()),
        }
    }

    fn close(&self, entity: &str, rest: &TextView<'_>) -> Option<usize> {
        let folded = rest.digits();
        let text = folded.text().as_bytes();
        let end = match entity {
            PRIVATE_KEY => pem::end(text, 0),
            _ => rules::close(entity, text),
        };
        end.map(|end| folded.original(0..end).end)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.digits();
        let text = folded.text().as_bytes();
        let mut scan = Scan {
            text,
            folded,
            findings,
            original: view.text().len(),
            is_ascii: view.is_ascii(),
            done: 0,
            tried: 0,
        };
        walk(text, &mut scan);
    }
}

struct Scan<'s, 't> {
    text: &'s [u8],
    folded: &'s Folded<'t>,
    findings: &'s mut Findings,
    /// The length of the original, and whether it is all ASCII.
    original: usize,
    is_ascii: bool,
    /// Up to here something has been found.
    done: usize,
    /// Up to here no token without a longest length begins.
    tried: usize,
}

impl Scan<'_, '_> {
    fn push(&mut self, entity: &'static str, start: usize, end: usize, score: f64) {
        self.done = end;
        let finding =
            self.finding(entity, start, end).with_score(UnitInterval::clamped(score).unwrap_or_default());
        self.findings.push(finding);
    }

    fn finding(&self, entity: &'static str, start: usize, end: usize) -> Finding {
        let span: Span = self.folded.original(start..end);
        Finding::new(Category::Secret, Cow::Borrowed(entity), span, severity(entity))
    }

    /// Adds what takes in the rest, with what the folded text has dropped of it.
    fn open(&mut self, entity: &'static str, start: usize) {
        self.done = self.text.len();
        let start = self.folded.original(start..start + 1).start;
        let span = Span { start, end: self.original };
        self.findings.push(Finding::new(Category::Secret, entity, span, severity(entity)).open());
    }

    fn token_of_a_vendor(&mut self, found: &rules::Found) {
        if found.is_open {
            self.open(found.entity, found.start);
        } else {
            self.push(found.entity, found.start, found.end, 1.0);
        }
    }

    fn private_key(&mut self, at: usize) {
        match pem::boundary(self.text, at) {
            Boundary::None => {}
            Boundary::Undecided => self.findings.pending(self.folded.original(at..at + 1).start),
            Boundary::Begins(first_line) => match pem::end(self.text, first_line) {
                Some(end) => self.push(PRIVATE_KEY, at, end, 1.0),
                None => self.open(PRIVATE_KEY, at),
            },
        }
    }
}

impl Visitor for Scan<'_, '_> {
    fn token(&mut self, token: Token) {
        if token.start < self.done {
            return;
        }
        if may_be_prefixed(self.text, token)
            && let Some(found) = rules::find(self.text, token.start, &mut self.tried)
        {
            return self.token_of_a_vendor(&found);
        }
        if token.has(DIGIT)
            && token.len() >= 8
            && let Some((entity, end)) = shaped::find(self.text, token)
        {
            return self.push(entity, token.start, end, 0.95);
        }
        if assigned::may_name(self.text, token)
            && let Some(found) = assigned::read(self.text, token)
        {
            // What has a form of its own has a better name than this.
            match rules::find(self.text, found.start, &mut self.tried) {
                Some(better) => self.token_of_a_vendor(&better),
                None => self.push(found.entity, found.start, found.end, BY_NAME),
            }
            return;
        }
        if !self.is_ascii
            && follows_other_script(self.text, token.start)
            && let Some(found) = assigned::other_script(self.text, token)
        {
            self.push(found.entity, found.start, found.end, BY_NAME);
        }
    }

    fn sign(&mut self, at: usize, byte: u8) {
        if at < self.done {
            return;
        }
        match byte {
            b'-' if before(self.text, at) != Some(b'-') => self.private_key(at),
            b':' if self.text.get(at + 1..at + 3) == Some(b"//") => {
                if let Some((entity, start, end)) = shaped::address(self.text, at) {
                    self.push(entity, start, end, 0.95);
                }
            }
            _ => {}
        }
    }
}

/// Whether a vendor's prefix may begin with a run of letters and digits: it is long, or goes on behind a sign.
#[inline]
fn may_be_prefixed(text: &[u8], token: Token) -> bool {
    let next = text.get(token.end).copied().unwrap_or(b' ');
    token.len() >= 14
        || (matches!(next, b'-' | b'_' | b'.' | b'=' | b'/') && word_follows(text, token.end + 1))
}

/// Whether a letter or digit, or a sign of a token, stands at `at`.
fn word_follows(text: &[u8], at: usize) -> bool {
    is_alnum(text, at) || matches!(text.get(at), Some(b'_' | b'-' | b'/' | b'$' | b'+'))
}

/// Whether a character of another script stands before `at`, at most some signs away.
fn follows_other_script(text: &[u8], at: usize) -> bool {
    let signs = run_back(text, at, 6, |byte| matches!(byte, b' ' | b':' | b'=' | b'"' | b'\''));
    before(text, at - signs).is_some_and(|byte| class(byte) == WIDE)
}

fn severity(entity: &str) -> Severity {
    match entity {
        PRIVATE_KEY => Severity::Critical,
        _ => Severity::High,
    }
}
