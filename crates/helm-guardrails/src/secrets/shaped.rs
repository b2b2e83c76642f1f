//! Tokens that are known by their shape rather than by a prefix, and passwords in addresses.

use super::entropy::{bits, is_placeholder};
use crate::bytes::{Token, is_alnum, run, run_back};

/// The names of what is found here.
pub(super) const ENTITIES: [&str; 5] =
    ["TELEGRAM_BOT", "MAILCHIMP", "DISCORD_TOKEN", "DB_URL", "BASIC_AUTH_URL"];

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Tokens that begin with this run of letters and digits.
pub(super) fn find(text: &[u8], token: Token) -> Option<(&'static str, usize)> {
    telegram(text, token).or_else(|| mailchimp(text, token)).or_else(|| discord(text, token))
}

/// A bot's number, a colon, and 35 characters (core.telegram.org).
fn telegram(text: &[u8], token: Token) -> Option<(&'static str, usize)> {
    let digits = (8..=10).contains(&token.len()) && text.get(token.end) == Some(&b':');
    let length = if digits { run(text, token.end + 1, 40, word) } else { 0 };
    let end = token.end + 1 + length;
    let secret = text.get(token.end + 1..end)?;
    let numeric = text.get(token.start..token.end)?.iter().all(u8::is_ascii_digit);
    ((34..=36).contains(&length) && numeric && bits(secret) >= 3.5).then_some(("TELEGRAM_BOT", end))
}

/// Thirty-two hex digits and a data centre (mailchimp.com).
fn mailchimp(text: &[u8], token: Token) -> Option<(&'static str, usize)> {
    let hex = token.len() == 32 && text.get(token.end..token.end + 3) == Some(b"-us");
    let digits = if hex { run(text, token.end + 3, 3, |byte| byte.is_ascii_digit()) } else { 0 };
    let end = token.end + 3 + digits;
    let body = text.get(token.start..token.end)?;
    let fits = (1..=2).contains(&digits) && !is_alnum(text, end) && body.iter().all(u8::is_ascii_hexdigit);
    (fits && bits(body) >= 2.8).then_some(("MAILCHIMP", end))
}

/// An account's number in Base64, a time, a signature (discord.com).
fn discord(text: &[u8], token: Token) -> Option<(&'static str, usize)> {
    let first = matches!(text.get(token.start), Some(b'M' | b'N' | b'O')) && (23..=28).contains(&token.len());
    if !first || text.get(token.end) != Some(&b'.') {
        return None;
    }
    let time = run(text, token.end + 1, 8, word);
    let dot = token.end + 1 + time;
    let signature = run(text, dot + 1, 45, word);
    let fits = time == 6 && text.get(dot) == Some(&b'.') && (27..=40).contains(&signature);
    fits.then_some(("DISCORD_TOKEN", dot + 1 + signature))
}

/// The address with a password whose `://` begins at `at`.
pub(super) fn address(text: &[u8], at: usize) -> Option<(&'static str, usize, usize)> {
    let scheme =
        run_back(text, at, 24, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    let stop = |byte: u8| !byte.is_ascii_graphic() || b"/\"'`<>?,".contains(&byte);
    let authority = text.get(at + 3..at + 3 + run(text, at + 3, 512, |byte| !stop(byte)))?;
    let host = authority.iter().rposition(|byte| *byte == b'@')?;
    let user = authority.get(..host)?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.get(colon + 1..)?;
    let template = password.iter().any(|byte| b"${}[]()*".contains(byte));
    let words: [&[u8]; 6] = [b"password", b"pass", b"pwd", b"secret", b"passwd", b"token"];
    let stands = words.iter().any(|known| password.eq_ignore_ascii_case(known));
    if scheme == 0 || password.len() < 3 || template || stands || is_placeholder(password) {
        return None;
    }
    let tail = at + 3 + authority.len();
    let end = tail + run(text, tail, 1_024, |byte| byte.is_ascii_graphic() && !b"\"'`<>,".contains(&byte));
    let end =
        end - run_back(text, end, end - tail, |byte| matches!(byte, b'.' | b';' | b':' | b'!' | b')' | b']'));
    let name = text.get(at - scheme..at)?.to_ascii_lowercase();
    let databases: [&[u8]; 12] = [
        b"postgres",
        b"postgresql",
        b"mysql",
        b"mariadb",
        b"mongodb",
        b"redis",
        b"rediss",
        b"amqp",
        b"amqps",
        b"mssql",
        b"sqlserver",
        b"clickhouse",
    ];
    let base = name.split(|byte| *byte == b'+').next().unwrap_or_default();
    let entity = if databases.contains(&base) { "DB_URL" } else { "BASIC_AUTH_URL" };
    Some((entity, at - scheme, end))
}
