//! Tokens with a prefix that their vendor gave them, from the table in `data/secrets.txt`.

use std::sync::LazyLock;

use super::entropy::{bits, is_placeholder};
use crate::bytes::{is_alnum, run, run_back};

/// A kind of token.
pub(super) struct Rule {
    pub(super) entity: &'static str,
    prefix: &'static [u8],
    /// The prefix is not a part of the token.
    leads: bool,
    /// The prefix is an address, of which the scheme is a part of the token.
    address: bool,
    alphabet: fn(u8) -> bool,
    least: usize,
    most: usize,
    /// The three parts of a JSON Web Token are checked.
    jwt: bool,
    /// However long it is, it is one.
    long: bool,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| table().filter_map(rule).collect());

/// Rules by the first byte of their prefix, those with the longest prefix first.
static BY_FIRST: LazyLock<Vec<Vec<&'static Rule>>> = LazyLock::new(|| {
    let of = |first: u8| {
        let mut rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.prefix.first() == Some(&first)).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.prefix.len()));
        rules
    };
    (0..=255).map(of).collect()
});

fn table() -> impl Iterator<Item = &'static str> {
    include_str!("../../data/secrets.txt").lines().filter(|line| !line.starts_with('#'))
}

fn rule(line: &'static str) -> Option<Rule> {
    let mut columns = line.split('\t');
    let (entity, prefix, alphabet, lengths) =
        (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let (least, most) = lengths.trim_end_matches('+').split_once('-').unwrap_or((lengths, lengths));
    Some(Rule {
        entity,
        prefix: prefix.trim_end_matches(['|', '^']).as_bytes(),
        leads: prefix.ends_with('|'),
        address: prefix.ends_with('^'),
        alphabet: alphabet_of(alphabet)?,
        least: least.parse().ok()?,
        most: most.parse().ok()?,
        jwt: alphabet == "jwt",
        long: lengths.ends_with('+'),
    })
}

fn alphabet_of(name: &str) -> Option<fn(u8) -> bool> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    Some(match name {
        "hex" => |byte| byte.is_ascii_hexdigit(),
        "alnum" => |byte| byte.is_ascii_alphanumeric(),
        "word" => word,
        "base64" => |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        "base32" => |byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
        "upper" => |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        "lower" => |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        "dotted" | "jwt" | "airtable" => {
            |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
        }
        "path" => |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'),
        "graph" => |byte| byte.is_ascii_graphic() && !b"\"'`,<>;".contains(&byte),
        "databricks" => |byte| byte.is_ascii_hexdigit() || byte == b'-',
        "fcm" | "telegram" => |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':'),
        _ => return None,
    })
}

/// A token of a kind that may be long and that reaches the end of the text may go on when it is longer than this.
const OPEN: usize = 512;
/// What may stand before an address.
const SCHEMES: [&[u8]; 2] = [b"https://", b"http://"];

/// A token that was found.
pub(super) struct Found {
    pub(super) entity: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// It may go on behind the end of the text.
    pub(super) is_open: bool,
}

/// The token that begins with the run of letters and digits at `start`. Up to `tried` no token of a kind without a
/// longest length is looked for again.
pub(super) fn find(text: &[u8], start: usize, tried: &mut usize) -> Option<Found> {
    let rest = text.get(start..)?;
    let rules = BY_FIRST.get(usize::from(*rest.first()?))?;
    let may_be_long = start >= *tried;
    let second = rest.get(1);
    let mut rules = rules.iter().filter(|rule| rule.prefix.get(1) == second && (!rule.long || may_be_long));
    rules.find_map(|rule| rule.matches(text, start, rest, tried))
}

/// Whether a token may begin with the run of letters and digits at `start`, by its first bytes.
pub(super) fn may_begin(text: &[u8], start: usize) -> bool {
    let rest = text.get(start..).unwrap_or_default();
    let rules = rest.first().and_then(|first| BY_FIRST.get(usize::from(*first)));
    rules.is_some_and(|rules| rules.iter().any(|rule| rest.starts_with(rule.prefix)))
}

/// Where a token of a long kind ends that has begun before `rest`.
pub(super) fn close(entity: &str, rest: &[u8]) -> Option<usize> {
    let rule = RULES.iter().find(|rule| rule.long && rule.entity == entity)?;
    rest.iter().position(|byte| !(rule.alphabet)(*byte))
}

/// The names of what the rules find.
pub(super) fn entities() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.entity)
}

impl Rule {
    fn matches(&self, text: &[u8], start: usize, rest: &[u8], tried: &mut usize) -> Option<Found> {
        let after = rest.strip_prefix(self.prefix)?;
        let most = if self.long { usize::MAX } else { self.most };
        let mut length = run(after, 0, most.saturating_add(1), self.alphabet);
        if self.long {
            *tried = start + self.prefix.len() + length;
        }
        let is_open = self.long && length == after.len() && length > OPEN;
        // A sentence may end right behind it.
        if !is_open {
            length -= run_back(after, length, length, |byte| matches!(byte, b'.' | b':'));
        }
        let body = after.get(..length)?;
        let fits = (self.least..=most).contains(&length) && !is_alnum(after, length);
        let floor = if length < 24 { 2.3 } else { 2.8 };
        if !fits || bits(body) < floor || is_placeholder(body) || (self.jwt && !is_jwt(after, length)) {
            return None;
        }
        let body_start = start + self.prefix.len();
        let scheme = SCHEMES
            .iter()
            .filter(|_| self.address)
            .find(|scheme| text.get(..start).is_some_and(|before| before.ends_with(scheme)));
        let start = if self.leads { body_start } else { start - scheme.map_or(0, |scheme| scheme.len()) };
        Some(Found { entity: self.entity, start, end: body_start + length, is_open })
    }
}

/// Whether it has the parts of RFC 7519, of which the first two are JSON objects in Base64, or the five of RFC 7516.
/// The Base64 of ASCII has hardly ever a sign in it, and that of `{"` begins with `eyJ`.
fn is_jwt(after: &[u8], length: usize) -> bool {
    let body = after.get(..length).unwrap_or_default();
    let header = run(body, 0, length, |byte| byte.is_ascii_alphanumeric());
    let mut parts = body.get(header..).unwrap_or_default().split(|byte| *byte == b'.');
    let header_ends = parts.next().is_some_and(<[u8]>::is_empty);
    let second = parts.next().unwrap_or_default();
    let third = parts.next();
    header_ends && third.is_some() && (second.starts_with(b"eyJ") || parts.take(3).count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_rule() {
        assert_eq!(RULES.len(), table().count());
        assert!(RULES.len() >= 100);
        for rule in RULES.iter() {
            assert!(rule.least <= rule.most && rule.prefix.first().is_some_and(u8::is_ascii_alphanumeric));
        }
    }
}
