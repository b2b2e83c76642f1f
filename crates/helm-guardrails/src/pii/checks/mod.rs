//! Check digits and the rules of numbers that carry none.
//!
//! Each function takes a number without its separators, letters in capitals, and never panics: what has the
//! wrong length or characters is not valid.

mod americas;
mod asia;
mod bank;
mod coin;
mod dates;
mod device;
mod europe;
mod luhn;
mod nordic;
mod pacific;
mod verhoeff;

pub(super) use americas::*;
pub(super) use asia::*;
pub(super) use bank::*;
pub(super) use coin::*;
pub(super) use dates::*;
pub(super) use device::*;
pub(super) use europe::*;
pub(super) use luhn::*;
pub(super) use nordic::*;
pub(super) use pacific::*;
pub(super) use verhoeff::*;

/// The value of a decimal digit.
fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// The digit at `place`, counted from 0.
fn digit_at(number: &[u8], place: usize) -> Option<u32> {
    number.get(place).copied().and_then(digit)
}

/// The number that the digits from `from` to before `to` write; at most nine digits.
fn value(number: &[u8], from: usize, to: usize) -> Option<u32> {
    number.get(from..to)?.iter().try_fold(0_u32, |sum, byte| Some(sum * 10 + digit(*byte)?))
}

/// Σ digit × weight over as many digits as there are weights; `None` when there are fewer digits.
fn weighted(number: &[u8], weights: &[u32]) -> Option<u32> {
    let digits = number.get(..weights.len())?;
    digits.iter().zip(weights).try_fold(0, |sum, (byte, weight)| Some(sum + digit(*byte)? * weight))
}

/// The number modulo `modulus`, for numbers longer than an integer.
fn remainder(number: &[u8], modulus: u32) -> Option<u32> {
    number.iter().try_fold(0, |sum, byte| Some((sum * 10 + digit(*byte)?) % modulus))
}

/// Whether all are digits and not all are the same one, which many checks accept and nobody is given.
fn varied_digits(number: &[u8], length: usize) -> bool {
    let first = number.first();
    number.len() == length
        && number.iter().all(u8::is_ascii_digit)
        && number.iter().any(|byte| Some(byte) != first)
}

/// A check that accepts whatever has the shape.
pub(super) fn any(_: &[u8]) -> bool {
    true
}

#[cfg(test)]
mod tests;
