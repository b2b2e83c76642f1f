use helm_core::{DecisionId, PolicyHash};
use sha2::{Digest, Sha256};

/// A number in \[0, 1) that is the same for the same policy and decision, and independent between decisions:
/// the first 53 bits of SHA-256 over both. So a retried decision repeats, and a log replays bit for bit.
pub(crate) fn uniform(policy: &PolicyHash, decision: DecisionId) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(policy.as_str().as_bytes());
    hasher.update(decision.as_bytes());
    let word = hasher.finalize().iter().take(8).fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    uniform_of(word)
}

/// The number in \[0, 1) that a random word's first 53 bits are.
pub(crate) fn uniform_of(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

/// The index whose stretch of the cumulated probabilities holds `point`. Rounding at the far end falls to the
/// last index of positive probability.
pub(crate) fn inverse_cdf(probabilities: &[f64], point: f64) -> Option<usize> {
    let mut upper = 0.0;
    for (index, probability) in probabilities.iter().enumerate() {
        upper += probability;
        if point < upper {
            return Some(index);
        }
    }
    probabilities.iter().rposition(|probability| *probability > 0.0)
}
