//! E-mail, network and web addresses.

use std::net::Ipv6Addr;

use crate::bytes::{before, is_alnum, run, run_back};

/// The address around the `@` at `at` (RFC 5321: 64 bytes before it, 255 behind it), with labels of letters,
/// digits and hyphens and a last one of letters.
pub(super) fn email(text: &[u8], at: usize) -> Option<(usize, usize)> {
    // Signs that are allowed but stand for something else more often.
    let is_rare = |byte: u8| {
        matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'/' | b'=' | b'?' | b'^' | b'`' | b'{'..=b'~'
        )
    };
    let local = run_back(text, at, 65, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-') || is_rare(byte)
    });
    let raw = text.get(at - local..at)?;
    let skipped = raw.iter().rposition(|byte| is_rare(*byte)).map_or(0, |place| place + 1);
    let leading = raw.get(skipped..)?.iter().take_while(|byte| matches!(byte, b'.' | b'-' | b'+')).count();
    let local = raw.get(skipped + leading..)?;
    if local.is_empty()
        || local.len() > 64
        || local.ends_with(b".")
        || local.windows(2).any(|pair| pair == b"..")
    {
        return None;
    }
    let domain = domain(text, at + 1)?;
    Some((at - local.len(), domain))
}

/// Where the domain name that begins at `start` ends.
fn domain(text: &[u8], start: usize) -> Option<usize> {
    let mut length =
        run(text, start, 255, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    length -= run_back(text, start + length, length, |byte| matches!(byte, b'.' | b'-'));
    let name = text.get(start..start + length)?;
    let labels = || name.split(|byte| *byte == b'.');
    let top = labels().next_back()?;
    let fits =
        |label: &[u8]| (1..=63).contains(&label.len()) && !label.starts_with(b"-") && !label.ends_with(b"-");
    let known_top = (2..=24).contains(&top.len()) && top.iter().all(u8::is_ascii_alphabetic)
        || top.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"));
    (labels().count() > 1 && labels().all(fits) && known_top).then_some(start + length)
}

/// Where the dotted address that begins at `start` ends: four numbers up to 255 without leading zeros that name a
/// host.
pub(super) fn ipv4(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut octets = [0_u32; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            at += usize::from(text.get(at) == Some(&b'.'));
        }
        let length = run(text, at, 4, |byte| byte.is_ascii_digit());
        let digits = text.get(at..at + length)?;
        *octet = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        if !(1..=3).contains(&length) || *octet > 255 || (length > 1 && digits.starts_with(b"0")) {
            return None;
        }
        at += length;
        if place < 3 && text.get(at) != Some(&b'.') {
            return None;
        }
    }
    let joined = |at: usize| matches!(text.get(at), Some(b'.' | b'-' | b'_')) && is_alnum(text, at + 1);
    let hangs =
        start >= 2 && matches!(text.get(start - 1), Some(b'.' | b'-' | b'_')) && is_alnum(text, start - 2);
    let free = !hangs
        && before(text, start).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        && !is_alnum(text, at)
        && !joined(at);
    let host = !matches!(octets, [0 | 255, ..] | [127, 0, 0, 1]);
    (free && host).then_some(at)
}

/// The run of hex digits and colons around the `:` at `at`, and whether it is an IPv6 address: eight groups, or `::` and
/// something of an address.
pub(super) fn ipv6(text: &[u8], at: usize) -> (usize, usize, bool) {
    let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let start = at - run_back(text, at, 4, |byte| byte.is_ascii_hexdigit());
    let length = run(text, start, usize::MAX, part);
    // What stands before a single colon announces the address.
    let whole = text.get(start..start + length).unwrap_or_default();
    let announced = whole.starts_with(b":") && !whole.starts_with(b"::");
    let (start, length) = (start + usize::from(announced), length - usize::from(announced));
    let whole = text.get(start..start + length).unwrap_or_default();
    // A sentence may go on with a colon.
    let end = start + length - usize::from(whole.ends_with(b":") && !whole.ends_with(b"::"));
    (start, end.max(at + 1), is_ipv6(text, start, end, announced))
}

fn is_ipv6(text: &[u8], start: usize, end: usize, announced: bool) -> bool {
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'_' | b'-');
    let free = (announced || before(text, start).is_none_or(|byte| !joins(byte))) && !is_alnum(text, end);
    if !free || !(6..=39).contains(&(end - start)) {
        return false;
    }
    let address =
        text.get(start..end).and_then(|address| std::str::from_utf8(address).ok()).unwrap_or_default();
    let groups = address.split(':').filter(|group| !group.is_empty());
    let (count, full) = groups.fold((0, false), |(count, full), group| (count + 1, full || group.len() == 4));
    let digits = address.bytes().any(|byte| byte.is_ascii_digit());
    (count == 8 || ((count >= 3 || (count == 2 && full)) && digits)) && address.parse::<Ipv6Addr>().is_ok()
}

/// Where the hardware address that begins at `start` ends: six pairs of hex digits, joined by `:` or by `-`.
pub(super) fn mac(text: &[u8], start: usize) -> Option<usize> {
    let sign = *text.get(start + 2).filter(|sign| matches!(sign, b':' | b'-'))?;
    let address = text.get(start..start + 17)?;
    let fits = address.iter().enumerate().all(|(place, byte)| match place % 3 {
        2 => *byte == sign,
        _ => byte.is_ascii_hexdigit(),
    });
    // A pair before it makes it a piece of something longer; a word announces it.
    let pair = run_back(text, start.saturating_sub(1), 3, |byte| byte.is_ascii_alphanumeric()) == 2;
    let free = !matches!(before(text, start), Some(b':' | b'-')) || !pair;
    let more = text.get(start + 17) == Some(&sign) && is_alnum(text, start + 18);
    let varied = address.iter().any(|byte| *byte != b'0' && *byte != sign);
    (fits && free && varied && !more && !is_alnum(text, start + 17)).then_some(start + 17)
}

/// The longest web address.
pub(super) const LONGEST_URL: usize = 1_024;

/// The web address whose `://` begins at `at`, or whose scheme is missing and which begins with `www.`.
pub(crate) fn url(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let scheme = run_back(text, at, 8, |byte| byte.is_ascii_alphabetic());
    let name = text.get(at - scheme..at)?.to_ascii_lowercase();
    let known = [&b"https"[..], b"http", b"ftps", b"ftp", b"wss", b"ws"]
        .into_iter()
        .find(|known| name.ends_with(known));
    let start = at - known.filter(|_| text.get(at..at + 3) == Some(b"://"))?.len();
    let end = url_end(text, start, at + 3);
    let host = run(text, at + 3, 1, |byte| byte.is_ascii_alphanumeric() || byte == b'[');
    (host == 1 && end >= at + 4).then_some((start, end))
}

/// Where a web address ends: before what cannot be in one, and before the marks of the sentence around it.
pub(crate) fn url_end(text: &[u8], start: usize, from: usize) -> usize {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%|".contains(&byte);
    let mut end = from + run(text, from, LONGEST_URL.saturating_sub(from - start), inside);
    let count =
        |sign: u8| text.get(from..end).unwrap_or_default().iter().filter(|byte| **byte == sign).count();
    let mut round = count(b')').saturating_sub(count(b'('));
    let mut square = count(b']').saturating_sub(count(b'['));
    while let Some(last) = before(text, end).filter(|_| end > from) {
        match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'|' => {}
            b')' if round > 0 => round -= 1,
            b']' if square > 0 => square -= 1,
            _ => break,
        }
        end -= 1;
    }
    end
}
