//! The two models that come with the crate, read at once: what costs is the reading.

use std::sync::LazyLock;

use super::features::{Recent, SLOTS, Sink, Word};
use super::model::{LinearModel, Mean, Sums};

/// The sums of both models over a text.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Both {
    pub(crate) toxicity: Sums,
    pub(crate) injection: Sums,
}

impl Both {
    /// The sums of a text that is folded to lower case.
    pub(crate) fn read(folded: &str) -> Self {
        let mut reading = Reading::default();
        reading.read(folded);
        reading.ended()
    }

    fn of(added: &Added) -> Self {
        let [toxicity, injection] =
            [0, 1].map(|model| Sums::new(added.runs.of(model), added.words.of(model), added.alarms));
        Self { toxicity, injection }
    }
}

/// A text that is read part by part, each of which ends behind a separator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    recent: Recent,
    added: Added,
}

impl Reading {
    /// Reads on in `folded`.
    pub(crate) fn read(&mut self, folded: &str) {
        let mut sums = Adding { pair: &PAIR, added: &mut self.added };
        self.recent.features(folded, &mut sums);
    }

    /// Reads on in `folded`: what that adds.
    pub(crate) fn read_more(&mut self, folded: &str) -> Both {
        let before = std::mem::take(&mut self.added);
        self.read(folded);
        let added = Both::of(&self.added);
        self.added.join(&before);
        added
    }

    /// The sums of what has been read, if the text ends with `rest`.
    pub(crate) fn ended_with(&self, rest: &str) -> Both {
        let mut whole = self.clone();
        whole.read(rest);
        whole.ended()
    }

    fn ended(mut self) -> Both {
        let mut sums = Adding { pair: &PAIR, added: &mut self.added };
        self.recent.end(&mut sums);
        Both::of(&self.added)
    }
}

/// What is added up.
#[derive(Clone, Debug, Default)]
struct Added {
    runs: Total,
    words: Total,
    alarms: bool,
}

impl Added {
    fn join(&mut self, more: &Self) {
        self.runs.join(&more.runs);
        self.words.join(&more.words);
        self.alarms |= more.alarms;
    }
}

/// Two weights in one number, each greater by [`SHIFT`], so that none is negative: numbers can be added up as long as
/// no sum of either half passes 16 bits, which the runs of one word do not.
type Two = u32;
const SHIFT: i64 = 128;

fn two(toxicity: i8, injection: i8) -> Two {
    let shifted = |weight: i8| u32::from(weight.cast_unsigned() ^ 0x80);
    shifted(toxicity) | shifted(injection) << 16
}

/// Sums of both models, and of how many weights.
#[derive(Clone, Debug, Default)]
struct Total {
    sums: [u64; 2],
    count: u32,
}

impl Total {
    #[inline]
    fn add(&mut self, of: Two, count: u32) {
        let [toxicity, injection] = &mut self.sums;
        *toxicity += u64::from(of & 0xffff);
        *injection += u64::from(of >> 16);
        self.count += count;
    }

    fn join(&mut self, more: &Self) {
        self.sums.iter_mut().zip(more.sums).for_each(|(sum, more)| *sum += more);
        self.count += more.count;
    }

    /// The mean of a model.
    fn of(&self, model: usize) -> Mean {
        let sum = self.sums.get(model).copied().unwrap_or_default();
        Mean { sum: sum.cast_signed() - SHIFT * i64::from(self.count), count: self.count }
    }
}

/// The weights of both models side by side.
struct Pair {
    grams: Box<[Two]>,
    words: Box<[Two]>,
    common: Common,
}

static PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let (toxicity, injection) = (LinearModel::toxicity().weights(), LinearModel::injection().weights());
    let side_by_side =
        |one: &[i8], other: &[i8]| one.iter().zip(other).map(|(one, other)| two(*one, *other)).collect();
    let mut pair = Pair {
        grams: side_by_side(toxicity.0, injection.0),
        words: side_by_side(toxicity.1, injection.1),
        common: Common::default(),
    };
    for word in include_str!("../../data/glue.txt").lines().filter(|line| !line.starts_with('#')) {
        let word = Word::of(word);
        let runs = pair.runs(&word);
        pair.common.add(&word, runs);
    }
    pair
});

impl Pair {
    /// What the runs of a word add up to, and how many they are.
    #[inline]
    fn runs(&self, word: &Word) -> (Two, u32) {
        let grams: Option<&[Two; SLOTS]> = self.grams.first_chunk();
        let (mut sum, mut count) = (0, 0);
        if let Some(grams) = grams {
            word.show_runs(|slot| {
                sum += grams.get(usize::from(slot)).copied().unwrap_or_default();
                count += 1;
            });
        }
        (sum, count)
    }
}

/// What the runs of common short words add up to, by their hashes.
struct Common(Box<[(u64, Two, u32)]>);

const COMMON: usize = 1 << 13;
/// Of words up to this length no two have the same hash: it is made of the letters and their number by steps that can be
/// undone.
const INJECTIVE: usize = 7;

impl Default for Common {
    fn default() -> Self {
        Self(vec![(0, 0, 0); COMMON].into())
    }
}

impl Common {
    fn add(&mut self, word: &Word, (sum, count): (Two, u32)) {
        let place = self.0.get_mut(place(word)).filter(|_| word.length <= INJECTIVE);
        // Of those in one place the first stays.
        if let Some(place) = place.filter(|place| place.2 == 0) {
            *place = (word.hash, sum, count);
        }
    }

    #[inline]
    fn get(&self, word: &Word) -> Option<(Two, u32)> {
        let (hash, sum, count) = *self.0.get(place(word)).filter(|_| word.length <= INJECTIVE)?;
        (hash == word.hash && count > 0).then_some((sum, count))
    }
}

fn place(word: &Word) -> usize {
    (word.hash >> 40) as usize % COMMON
}

struct Adding<'p> {
    pair: &'p Pair,
    added: &'p mut Added,
}

impl Sink for Adding<'_> {
    #[inline]
    fn runs(&mut self, word: &Word) {
        let (sum, count) = self.pair.common.get(word).unwrap_or_else(|| self.pair.runs(word));
        self.added.runs.add(sum, count);
    }

    #[inline]
    fn word(&mut self, slot: u16) {
        let words: Option<&[Two; SLOTS]> = self.pair.words.first_chunk();
        let weights = words.and_then(|words| words.get(usize::from(slot))).copied().unwrap_or_default();
        self.added.words.add(weights, 1);
    }

    fn alarm(&mut self) {
        self.added.alarms = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_read_part_by_part_adds_up_to_the_whole(words in proptest::collection::vec("[a-c' é]{0,9} |kill |women ", 0..9)) {
            let (last, first) = words.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
            let mut reading = Reading::default();
            for part in first {
                reading.read_more(part);
            }
            prop_assert_eq!(reading.ended_with(last), Both::read(&words.concat()));
        }

        #[test]
        fn what_a_first_part_adds_is_what_it_has_without_its_end(words in "[a-c' é]{0,20}") {
            let mut reading = Reading::default();
            let added = reading.read_more(&words);
            let whole = Both::read(&words);
            prop_assert_eq!(added.toxicity.alarms, whole.toxicity.alarms);
            prop_assert_eq!(added == whole, whole.toxicity.is_empty());
        }
    }
}
