//! Text hidden in Base64 or hexadecimal digits.

use std::ops::Range;

/// The shortest run that is looked into, in bytes: sixteen letters.
const SHORTEST: usize = 22;
/// So much of a run is decoded.
const LONGEST: usize = 8 << 10;

/// The runs of a text that hold text, with what they hold in lower case.
pub(super) fn hidden_texts(text: &str) -> impl Iterator<Item = (Range<usize>, String)> + '_ {
    runs(text).filter_map(|place| {
        let run = text.get(place.clone())?;
        let run = run.get(..run.len().min(LONGEST))?;
        let decoded = hexadecimal(run).or_else(|| base64(run))?;
        readable(decoded).map(|decoded| (place, decoded))
    })
}

fn runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            // What is not all of a run is looked at from its end, and the next run begins behind what is none of it.
            let shortest = bytes.get(from..from + SHORTEST)?;
            if let Some(last) = shortest.iter().rposition(|byte| !is_part(byte)) {
                from += last + 1;
                continue;
            }
            let start = from;
            from += bytes.get(from..)?.iter().take_while(|byte| is_part(byte)).count();
            return Some(start..from);
        }
    })
}

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn hexadecimal(run: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        run.chars().map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

fn base64(run: &str) -> Option<Vec<u8>> {
    let (mut decoded, mut bits, mut count) = (Vec::with_capacity(run.len()), 0_u32, 0);
    for byte in run.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    Some(decoded)
}

/// What was decoded when it is text with spaces.
fn readable(decoded: Vec<u8>) -> Option<String> {
    let mut text = String::from_utf8(decoded).ok()?;
    let plain = text.chars().all(|char| !char.is_control() || char.is_whitespace());
    text.make_ascii_lowercase();
    (plain && text.contains(' ')).then_some(text)
}
