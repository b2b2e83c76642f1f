//! All that cannot be read of a configuration, at once.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, Error as ParseError};

/// More are not told at once.
const MOST: usize = 50;

/// What the parser finds wrong, each with the byte where it stands, in the order of the text. What is wrong is taken out,
/// and the rest read again, as long as that leads on.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Vec<(usize, ParseError)>> {
    let mut found = Vec::new();
    let mut left = text.to_owned();
    loop {
        let error = match toml::from_str(&left) {
            Ok(parsed) if found.is_empty() => return Ok(parsed),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = error.span().map_or(0, |span: Range<usize>| span.start);
        let taken = without(&left, at);
        let within = taken.as_ref().map(|(range, _)| range.clone());
        let mut before = found.iter().map(|(at, _)| *at);
        if !before
            .any(|at| within.as_ref().is_some_and(|range| range.contains(&at)) && lacks(&error, text, at))
        {
            found.push((at, error));
        }
        let Some((_, without)) = taken.filter(|_| found.len() < MOST) else { break };
        left = without;
    }
    found.sort_by_key(|(at, _)| *at);
    Err(found)
}

/// Whether a field is missing only because the line of an earlier mistake was taken out.
fn lacks(error: &ParseError, text: &str, at: usize) -> bool {
    let field = error.message().strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let begin = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(begin..).and_then(|rest| rest.lines().next());
    field.zip(line).is_some_and(|(field, line)| line.contains(field))
}

/// Where the table stands whose header's line holds this byte, or else the entry that does, and the text with blanks there;
/// `None` without any.
fn without(text: &str, at: usize) -> Option<(Range<usize>, String)> {
    let table = DeTable::parse(text).ok()?;
    let ranges = [header(text, at), entry(table.get_ref(), at)].into_iter().flatten();
    let mut taken = ranges.filter_map(|range| Some((range.clone(), blanked(text, range)?)));
    taken.find(|(_, blanked)| blanked != text && DeTable::parse(blanked).is_ok())
}

/// The text with blanks in this range, so that what is behind it stays where it is.
fn blanked(text: &str, range: Range<usize>) -> Option<String> {
    let blanks = text.get(range.clone())?.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    Some([text.get(..range.start)?, &blanks.collect::<String>(), text.get(range.end..)?].concat())
}

/// The innermost entry `key = value` around a byte.
fn entry(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => entry(inner, at),
            DeValue::Array(values) => values.iter().find_map(|value| match value.get_ref() {
                DeValue::Table(inner) => entry(inner, at),
                _ => None,
            }),
            _ => None,
        };
        let whole = key.span().start..value.span().end;
        inner.or_else(|| whole.contains(&at).then_some(whole))
    })
}

/// The table whose header's line holds a byte.
fn header(text: &str, at: usize) -> Option<Range<usize>> {
    let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    text.get(line..)?.trim_start().starts_with('[').then(|| block(text, line))
}

/// From a header to the next one.
fn block(text: &str, begin: usize) -> Range<usize> {
    let next = text.get(begin + 1..).and_then(|rest| rest.find("\n["));
    begin..next.map_or(text.len(), |next| begin + 1 + next)
}
