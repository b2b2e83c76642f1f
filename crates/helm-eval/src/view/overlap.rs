//! How much two texts share.

use super::lexicon::lexicon;
use super::text::{Content, Text, Word, weight};

/// At most this many words of each text are searched for what is in the same order.
const MOST_ORDERED: usize = 1_024;

/// The cosine of the words' counts, weighted by rarity: logarithmic term frequencies.
pub(crate) fn cosine(left: &Text, right: &Text) -> f64 {
    let dot: f64 = left
        .counts
        .iter()
        .map(|(key, count, idf)| match right.count(*key) {
            0 => 0.0,
            other => weight(*count, *idf) * weight(other, *idf),
        })
        .sum();
    let norms = (left.squares * right.squares).sqrt();
    if norms > 0.0 { dot / norms } else { 0.0 }
}

/// BM25 of a text for the content words of a query, with k1 = 1.2 and b = .75 (Robertson and Zaragoza, 2009).
pub(super) fn bm25(query: &Text, text: &Text) -> f64 {
    const AVERAGE: f64 = 50.0;
    let long = 1.2 * (0.25 + 0.75 * text.words.len() as f64 / AVERAGE);
    let texts = lexicon().texts;
    let score = |Content { key, idf, .. }: &Content| {
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

/// Where the words of a text stand in another one. Of each, the first 1,024 words count.
pub(super) struct Places {
    /// For each word of the one, its first place in the other.
    firsts: Vec<Option<u16>>,
    /// For each place in the other, the next one of the same word.
    next: Vec<Option<u16>>,
}

impl Places {
    pub(super) fn of(left: &Text, right: &Text) -> Self {
        let mut places = vec![None; right.numbers.len()];
        let words = right.words.get(..MOST_ORDERED).unwrap_or(&right.words);
        let mut next = vec![None; words.len()];
        for ((word, next), place) in words.iter().zip(&mut next).zip(0..words.len() as u16).rev() {
            if let Some(first) = places.get_mut(usize::from(word.number)) {
                *next = first.replace(place);
            }
        }
        let words = left.words.get(..MOST_ORDERED).unwrap_or(&left.words);
        let first = |word: &Word| places.get(right.numbers.get(word.key)?).copied().flatten();
        Self { firsts: words.iter().map(first).collect(), next }
    }

    /// The places of a word, in order.
    fn from(&self, first: Option<u16>) -> impl Iterator<Item = usize> {
        let next = |place: &u16| self.next.get(usize::from(*place)).copied().flatten();
        std::iter::successors(first, next).map(usize::from)
    }

    /// The length of the longest common subsequence.
    ///
    /// 64 words at a time: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004), after Crochemore et al. (2001).
    pub(super) fn common_subsequence(&self) -> usize {
        let limbs = self.next.len().div_ceil(64);
        let mut row = vec![u64::MAX; limbs];
        let mut matching = vec![0_u64; limbs];
        for first in self.firsts.iter().filter(|first| first.is_some()) {
            for place in self.from(*first) {
                if let Some(limb) = matching.get_mut(place / 64) {
                    *limb |= 1 << (place % 64);
                }
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

    /// The longest run of words of the one text that stands in the other.
    pub(super) fn longest_run(&self) -> usize {
        // The runs that end at the last word: behind which place of the other text, and how long they are.
        let mut ending: Vec<(usize, usize)> = Vec::new();
        let mut next = Vec::new();
        let mut longest = 0;
        for first in &self.firsts {
            let mut before = ending.iter().peekable();
            for place in self.from(*first) {
                while before.next_if(|(behind, _)| *behind < place).is_some() {}
                let run = before.peek().filter(|(behind, _)| *behind == place).map_or(1, |(_, run)| run + 1);
                longest = longest.max(run);
                next.push((place + 1, run));
            }
            std::mem::swap(&mut ending, &mut next);
            next.clear();
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_runs_are_found_across_limbs() {
        let long =
            |from: usize, step: usize| (0..300).map(|n| format!("w{} ", from + n * step)).collect::<String>();
        let of = Text::new;
        let longest_run = |left: &Text, right: &Text| Places::of(left, right).longest_run();
        for (left, right) in
            [(long(0, 1), long(0, 2)), (long(5, 3), long(0, 1)), ("a b c".into(), "b a c b".into())]
        {
            let (left, right) = (of(&left), of(&right));
            let keys = |text: &Text| text.words.iter().map(|word| word.key).collect::<Vec<_>>();
            let slow = crate::metrics::longest_common_subsequence(&keys(&left), &keys(&right));
            assert_eq!(Places::of(&left, &right).common_subsequence(), slow);
        }
        assert_eq!(longest_run(&of("the red bridge of old Porto"), &of("a red bridge of Porto")), 3);
        assert_eq!(longest_run(&of("x"), &of("")), 0);
        assert_eq!(longest_run(&of("a a a b a"), &of("b a a b a a a")), 4);
    }
}
