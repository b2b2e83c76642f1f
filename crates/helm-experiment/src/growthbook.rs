//! The buckets that GrowthBook's SDKs put units into, for experiments that began there.
//!
//! As their specification 0.8.0 has it: FNV-1a with 32 bits over UTF-16 code units. Helm's own hash has no steps and no
//! dependence between experiments; this one has steps of a thousandth (version 1) or a ten-thousandth (version 2), and
//! version 1 of seeds that differ in one letter puts units into dependent buckets.

use crate::analysis::Refusal;

/// Which of GrowthBook's hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashVersion {
    /// The first, of experiments of before 2023.
    V1,
    /// The second.
    V2,
}

/// Where between 0 and 1 a unit is, in the experiment with this seed.
///
/// ```
/// use helm_experiment::growthbook::{HashVersion, hash};
///
/// assert_eq!(hash("", "a", HashVersion::V1), 0.22);
/// ```
#[must_use]
pub fn hash(seed: &str, unit: &str, version: HashVersion) -> f64 {
    match version {
        HashVersion::V1 => f64::from(fnv(unit.encode_utf16().chain(seed.encode_utf16())) % 1_000) / 1_000.0,
        HashVersion::V2 => {
            let once = fnv(seed.encode_utf16().chain(unit.encode_utf16())).to_string();
            f64::from(fnv(once.encode_utf16()) % 10_000) / 10_000.0
        }
    }
}

/// Offset and prime are those of 32-bit FNV-1a, but for units of 16 bits.
fn fnv(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(0x811c_9dc5, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193))
}

/// The ranges of the variations: each begins where the one before would end were all covered, so raising the coverage
/// moves nobody.
///
/// # Errors
///
/// [`Refusal::Unusable`] weights, which GrowthBook would silently replace by equal ones; [`Refusal::NoShare`] for a
/// coverage below 0 or above 1.
pub fn ranges(weights: &[f64], coverage: f64) -> Result<Vec<(f64, f64)>, Refusal> {
    let sum: f64 = weights.iter().sum();
    let is_near = (sum - 1.0).abs() <= 0.01;
    if !is_near || weights.iter().any(|weight| *weight < 0.0) {
        return Err(Refusal::Unusable { name: "weights", why: "they must be at least 0 and sum to 1" });
    }
    if !(0.0..=1.0).contains(&coverage) {
        return Err(Refusal::NoShare { name: "coverage", value: coverage });
    }
    let mut begin = 0.0;
    let range = |weight: &f64| {
        let start = begin;
        begin += weight;
        (start, start + coverage * weight)
    };
    Ok(weights.iter().map(range).collect())
}

/// Which variation a place is in, if any.
#[must_use]
pub fn variation(place: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|(start, end)| *start <= place && place < *end)
}

/// Whether a unit is in a part of a namespace, in which experiments exclude each other.
#[must_use]
pub fn is_in_namespace(unit: &str, namespace: &str, part: (f64, f64)) -> bool {
    let place = namespace_place(unit, namespace);
    part.0 <= place && place < part.1
}

/// Where between 0 and 1 a unit is in a namespace.
pub(crate) fn namespace_place(unit: &str, namespace: &str) -> f64 {
    hash(&format!("__{namespace}"), unit, HashVersion::V1)
}
