//! How much two texts share.

use super::lexicon::lexicon;
use super::text::{Text, Word};

/// At most this many words of each text are searched for what is in the same order.
const MOST_ORDERED: usize = 1_024;

/// The cosine of the words' counts, weighted by rarity: logarithmic term frequencies.
pub(super) fn cosine(left: &Text, right: &Text) -> f64 {
    // Most words stand there once, and the logarithm of 1 is 0.
    let weight = |count: u32, idf: f32| match count {
        1 => f64::from(idf),
        count => (1.0 + f64::from(count).ln()) * f64::from(idf),
    };
    let norm = |text: &Text| text.counts.iter().map(|(_, n, idf)| weight(*n, *idf).powi(2)).sum::<f64>();
    let dot: f64 = left
        .counts
        .iter()
        .map(|(key, count, idf)| match right.count(*key) {
            0 => 0.0,
            other => weight(*count, *idf) * weight(other, *idf),
        })
        .sum();
    let norms = (norm(left) * norm(right)).sqrt();
    if norms > 0.0 { dot / norms } else { 0.0 }
}

/// BM25 of a text for the content words of a query, with k1 = 1.2 and b = .75 (Robertson and Zaragoza, 2009).
pub(super) fn bm25(query: &Text, text: &Text) -> f64 {
    const AVERAGE: f64 = 50.0;
    let long = 1.2 * (0.25 + 0.75 * text.words.len() as f64 / AVERAGE);
    let texts = lexicon().texts;
    let score = |(key, idf): &(u64, f32)| {
        let count = f64::from(text.count(*key));
        if count == 0.0 {
            return 0.0;
        }
        // From the rarity back to the number of texts.
        let having = (texts + 1.0) / f64::from(*idf - 1.0).exp() - 1.0;
        let weight = (1.0 + (texts - having + 0.5) / (having + 0.5)).ln();
        weight * count * 2.2 / (count + long)
    };
    query.content.iter().map(score).sum()
}

/// Sorted hashes of all runs of `length` words, each once.
pub(super) fn grams(words: &[Word], length: usize) -> Vec<u64> {
    let mut grams = all_grams(words, length);
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Hashes of all runs of `length` words.
pub(crate) fn all_grams(words: &[Word], length: usize) -> Vec<u64> {
    let mix = |hash: u64, word: &Word| (hash.rotate_left(23) ^ word.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    words.windows(length).map(|gram| gram.iter().fold(0, mix)).collect()
}

/// The share of the first sorted list that is in the second.
pub(crate) fn share(of: &[u64], within: &[u64]) -> f64 {
    let mut rest = within;
    let mut found = 0_usize;
    for key in of {
        while let [first, others @ ..] = rest {
            if first >= key {
                break;
            }
            rest = others;
        }
        found += usize::from(rest.first() == Some(key));
    }
    if of.is_empty() { 0.0 } else { found as f64 / of.len() as f64 }
}

/// The length of the longest common subsequence of the first 1,024 words of each text.
///
/// 64 words at a time: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004), after Crochemore et al. (2001).
pub(super) fn common_subsequence(left: &[Word], right: &[Word]) -> usize {
    let (left, right) =
        (left.get(..MOST_ORDERED).unwrap_or(left), right.get(..MOST_ORDERED).unwrap_or(right));
    let limbs = right.len().div_ceil(64);
    let places = places(right);
    let mut row = vec![u64::MAX; limbs];
    let mut matching = vec![0_u64; limbs];
    for word in left {
        let mut is_there = false;
        for (_, place) in same(&places, word.key) {
            is_there = true;
            matching.iter_mut().skip(place / 64).take(1).for_each(|limb| *limb |= 1 << (place % 64));
        }
        if !is_there {
            continue;
        }
        let mut carry = false;
        for (limb, matching) in row.iter_mut().zip(&mut matching) {
            let met = *limb & *matching;
            let (sum, first) = limb.overflowing_add(met);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *limb = sum | (*limb & !*matching);
            *matching = 0;
        }
    }
    row.iter().map(|limb| limb.count_zeros() as usize).sum()
}

/// The longest run of the first 1,024 words of `left` that stands in those of `right`.
pub(super) fn longest_run(left: &[Word], right: &[Word]) -> usize {
    let (left, right) =
        (left.get(..MOST_ORDERED).unwrap_or(left), right.get(..MOST_ORDERED).unwrap_or(right));
    let places = places(right);
    // The runs that end at the last word of `left`: behind which place of `right`, and how long they are.
    let mut ending: Vec<(usize, usize)> = Vec::new();
    let mut next = Vec::new();
    let mut longest = 0;
    for word in left {
        let mut before = ending.iter().peekable();
        for (_, place) in same(&places, word.key) {
            while before.next_if(|(behind, _)| behind < place).is_some() {}
            let run = before.peek().filter(|(behind, _)| behind == place).map_or(1, |(_, run)| run + 1);
            longest = longest.max(run);
            next.push((place + 1, run));
        }
        std::mem::swap(&mut ending, &mut next);
        next.clear();
    }
    longest
}

/// Where each word is, sorted by word and place.
fn places(words: &[Word]) -> Vec<(u64, usize)> {
    let mut places: Vec<(u64, usize)> = words.iter().map(|word| word.key).zip(0..).collect();
    places.sort_unstable();
    places
}

/// The places of a word, in order.
fn same(places: &[(u64, usize)], key: u64) -> impl Iterator<Item = &(u64, usize)> {
    let first = places.partition_point(|place| place.0 < key);
    places.iter().skip(first).take_while(move |place| place.0 == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_runs_are_found_across_limbs() {
        let long =
            |from: usize, step: usize| (0..300).map(|n| format!("w{} ", from + n * step)).collect::<String>();
        let of = |text: &str| Text::new(text).words;
        for (left, right) in
            [(long(0, 1), long(0, 2)), (long(5, 3), long(0, 1)), ("a b c".into(), "b a c b".into())]
        {
            let (left, right) = (of(&left), of(&right));
            let keys = |words: &[Word]| words.iter().map(|word| word.key).collect::<Vec<_>>();
            let slow = crate::metrics::longest_common_subsequence(&keys(&left), &keys(&right));
            assert_eq!(common_subsequence(&left, &right), slow);
        }
        assert_eq!(longest_run(&of("the red bridge of old Porto"), &of("a red bridge of Porto")), 3);
        assert_eq!(longest_run(&of("x"), &of("")), 0);
        assert_eq!(longest_run(&of("a a a b a"), &of("b a a b a a a")), 4);
    }
}
