//! Numbers that are a pure function of a seed and a place, so that any run can be repeated from the middle.

/// The golden ratio, in 64 bits.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;
const THIRD: u64 = 0xd6e8_feb8_6659_fd93;

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014) after a golden-ratio step.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(GOLDEN);
    let word = (word ^ (word >> 30)).wrapping_mul(FIRST);
    let word = (word ^ (word >> 27)).wrapping_mul(SECOND);
    word ^ (word >> 31)
}

/// 64 bits for this place.
pub(crate) fn bits(seed: u64, place: &[u64]) -> u64 {
    place.iter().fold(mix(seed), |state, part| mix(state ^ mix(*part)))
}

/// A number in \[0, 1) for this place.
pub(crate) fn uniform(seed: u64, place: &[u64]) -> f64 {
    to_unit(bits(seed, place))
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

fn to_unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The counter-based generator of the published bandit environments: stream, step and index, each with its own
/// multiplier, so that their numbers can be compared between languages.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    state: u64,
}

impl Stream {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(mix(seed) ^ stream.wrapping_add(1).wrapping_mul(FIRST)) }
    }

    pub(crate) fn bits(self, step: u64, index: u64) -> u64 {
        let state = mix(self.state ^ step.wrapping_add(1).wrapping_mul(SECOND));
        mix(state ^ index.wrapping_add(1).wrapping_mul(THIRD))
    }

    pub(crate) fn uniform(self, step: u64, index: u64) -> f64 {
        to_unit(self.bits(step, index))
    }

    /// Twelve uniforms less six, added from the left.
    pub(crate) fn normal(self, step: u64, index: u64) -> f64 {
        (0..12).fold(0.0, |sum, part| sum + self.uniform(step, index * 12 + part)) - 6.0
    }
}

/// The numbers below `count` in the order of this seed (Fisher & Yates from the top).
pub(crate) fn permutation(seed: u64, count: usize) -> Vec<usize> {
    let stream = Stream::new(seed, 900);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = stream.bits(last as u64, 0) % (last as u64 + 1);
        order.swap(last, usize::try_from(other).unwrap_or(0));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values that the environments' manifest publishes.
    #[test]
    fn the_generator_meets_its_check_values() {
        assert_eq!(Stream::new(1, 0).uniform(0, 0), 0.952514239002814);
        assert_eq!(Stream::new(1, 0).uniform(4_999, 9), 0.7954870500066342);
        assert_eq!(Stream::new(7, 1).bits(2, 3), 17257177294437853081);
        assert_eq!(Stream::new(1, 1).normal(0, 0), -1.3428390769790024);
        assert_eq!(permutation(1, 10), [5, 4, 3, 7, 9, 6, 0, 8, 1, 2]);
        assert_eq!(permutation(5, 150)[..8], [60, 135, 61, 104, 115, 68, 99, 19]);
    }
}
