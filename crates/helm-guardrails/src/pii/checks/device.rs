//! Vehicles.

/// Vehicle identification numbers, ISO 3779, with the check digit that North America requires (49 CFR 565.15).
pub(in crate::pii) fn vin(number: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum =
        number.iter().zip(WEIGHTS).try_fold(0, |sum, (byte, weight)| Some(sum + place(*byte)? * weight));
    let check = sum.and_then(|sum| b"0123456789X".get(sum as usize % 11));
    looks_like_vin(number) && check == number.get(8)
}

/// Seventeen capitals and digits without I, O and Q, with some of both, ending in digits as serials do.
pub(in crate::pii) fn looks_like_vin(number: &[u8]) -> bool {
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    number.len() == 17
        && (3..17).contains(&digits)
        && number.iter().all(|byte| place(*byte).is_some())
        && number.get(14..).is_some_and(|serial| serial.iter().all(u8::is_ascii_digit))
}

fn place(byte: u8) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'H' => byte - b'A' + 1,
        b'J'..=b'N' => byte - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => byte - b'S' + 2,
        _ => return None,
    };
    Some(u32::from(value))
}
