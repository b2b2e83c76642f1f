//! Personal data by shape and checksum.

mod card;
mod iban;
mod shapes;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use helm_core::{Category, Severity, Span};
use regex::Regex;

use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::view::TextView;

/// Finds `EMAIL`, `PHONE`, `CREDIT_CARD` (Luhn), `IBAN` (mod 97), `US_SSN` and `IPV4`.
///
/// Numbers must have the separators or the checksum of what they are taken for; a bare run of digits is only
/// ever a card.
#[derive(Clone, Copy, Debug, Default)]
pub struct PiiFilter;

impl PiiFilter {
    /// The filter.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// The longest candidate of all kinds: an e-mail address (RFC 5321, 4.5.3.1: 64 + 1 + 255).
const REACH: usize = 320;

struct Kind {
    entity: &'static str,
    severity: Severity,
    pattern: Regex,
    /// A byte without which the pattern cannot match, to skip most texts.
    needs: fn(u8) -> bool,
    accepts: fn(&str) -> bool,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kinds = [
        kind("EMAIL", Severity::Medium, shapes::EMAIL, shapes::is_email),
        kind("IBAN", Severity::High, iban::PATTERN, iban::is_valid),
        kind("CREDIT_CARD", Severity::High, card::PATTERN, card::is_valid),
        kind("US_SSN", Severity::High, shapes::US_SSN, shapes::is_us_ssn),
        kind("IPV4", Severity::Low, shapes::IPV4, shapes::is_ipv4),
        kind("PHONE", Severity::Medium, shapes::PHONE, shapes::is_phone),
    ];
    kinds.into_iter().flatten().collect()
});

/// `None` for a pattern that does not compile, which a test excludes.
fn kind(entity: &'static str, severity: Severity, pattern: &str, accepts: fn(&str) -> bool) -> Option<Kind> {
    let needs = if entity == "EMAIL" { is_at } else { is_digit };
    let pattern = Regex::new(pattern).ok()?;
    Some(Kind { entity, severity, pattern, needs, accepts })
}

fn is_at(byte: u8) -> bool {
    byte == b'@'
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

impl Detector for PiiFilter {
    fn id(&self) -> &'static str {
        "pii"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Pii]
    }

    fn entities(&self) -> Vec<&str> {
        KINDS.iter().map(|kind| kind.entity).collect()
    }

    fn reach(&self) -> Reach {
        Reach::Bounded(REACH)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        let mut taken = Taken::default();
        for kind in KINDS.iter() {
            if !text.bytes().any(kind.needs) {
                continue;
            }
            let mut from = 0;
            while let Some(found) = kind.pattern.find_at(text, from) {
                let start = found.start();
                let good = |range: &Range<usize>| {
                    taken.leaves_free(range)
                        && stands_alone(text, range)
                        && text.get(range.clone()).is_some_and(kind.accepts)
                };
                if let Some(range) = shortened(found.as_str()).map(|end| start..start + end).find(good) {
                    from = range.end;
                    let span = Span { start: range.start, end: range.end };
                    findings.push(Finding::new(Category::Pii, kind.entity, span, kind.severity));
                    taken.add(&range);
                } else {
                    // Something acceptable may begin inside a candidate that is not.
                    from = text.ceil_char_boundary(start + 1);
                }
            }
        }
    }
}

/// Where a candidate may end: its own end, then each of its groups', since the next number may follow at once.
fn shortened(candidate: &str) -> impl Iterator<Item = usize> + '_ {
    let groups = candidate.match_indices([' ', '-']).map(|(at, _)| at);
    std::iter::once(candidate.len()).chain(groups.rev())
}

/// What has been found: ranges that do not overlap, ends by starts.
#[derive(Default)]
struct Taken(BTreeMap<usize, usize>);

impl Taken {
    fn add(&mut self, range: &Range<usize>) {
        self.0.insert(range.start, range.end);
    }

    /// Of the ranges that begin before this one ends, the last also ends last.
    fn leaves_free(&self, range: &Range<usize>) -> bool {
        self.0.range(..range.end).next_back().is_none_or(|(_, end)| *end <= range.start)
    }
}

/// Whether a candidate is not a piece of something longer.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|head| head.chars().next_back());
    let after = text.get(range.end..).and_then(|rest| rest.chars().next());
    let part_of_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(KINDS.len(), 6);
    }
}
