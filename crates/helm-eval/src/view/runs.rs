//! Runs of words, by their hashes.

use super::numbers::Numbers;
use super::text::Word;

/// The different runs of two, three and four words of a text.
#[derive(Debug)]
pub(crate) struct Runs {
    pub(crate) two: Numbers,
    pub(crate) three: Numbers,
    pub(crate) four: Numbers,
}

impl Runs {
    pub(crate) fn of(words: &[Word]) -> Self {
        let different = |length: usize| {
            let mut numbers = Numbers::for_about(words.len());
            all(words, length).for_each(|run| {
                numbers.add(run);
            });
            numbers
        };
        Self { two: different(2), three: different(3), four: different(4) }
    }
}

/// Hashes of all runs of `length` words.
#[inline]
pub(crate) fn all(words: &[Word], length: usize) -> impl Iterator<Item = u64> {
    words.windows(length).map(whole)
}

/// The hash of some words in their order.
#[inline]
pub(crate) fn whole(words: &[Word]) -> u64 {
    let mix = |hash: u64, word: &Word| (hash.rotate_left(23) ^ word.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    words.iter().fold(0, mix)
}

/// The share of the different runs that stand in a text, too; `length` is theirs.
pub(crate) fn share_within(runs: &Numbers, words: &[Word], length: usize) -> f64 {
    let mut is_found = vec![false; runs.len()];
    let mut found = 0_usize;
    for number in all(words, length).filter_map(|run| runs.get(run)) {
        if let Some(is_found) = is_found.get_mut(number).filter(|is_found| !**is_found) {
            *is_found = true;
            found += 1;
        }
    }
    if runs.len() == 0 { 0.0 } else { found as f64 / runs.len() as f64 }
}
