//! Numbers that are a pure function of a seed and a place, so that any run can be repeated from the middle.

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014) after a golden-ratio step.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// 64 bits for this place.
pub(crate) fn bits(seed: u64, place: &[u64]) -> u64 {
    place.iter().fold(mix(seed), |state, part| mix(state ^ mix(*part)))
}

/// A number in \[0, 1) for this place.
pub(crate) fn uniform(seed: u64, place: &[u64]) -> f64 {
    (bits(seed, place) >> 11) as f64 / (1_u64 << 53) as f64
}

/// About a standard normal number for this place: twelve uniforms less six (Irwin 1927; Hall 1927).
pub(crate) fn normal(seed: u64, place: &[u64]) -> f64 {
    let first = bits(seed, place);
    (0..12).map(|part| uniform(first, &[part])).sum::<f64>() - 6.0
}

/// A text as a number.
pub(crate) fn text(text: &str) -> u64 {
    text.bytes().fold(0, |state, byte| mix(state ^ u64::from(byte)))
}
