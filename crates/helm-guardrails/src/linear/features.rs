//! What the linear models see of a text: hashes of words, pairs of words, and runs of letters.

use std::sync::LazyLock;

use crate::bytes::small_letters;

/// Slots of each of the two tables, one for runs of letters and one for words and pairs of words.
pub(crate) const SLOTS: usize = 1 << 16;
/// Among so many words a repeated one counts once.
const NEAR: usize = 3;
/// The longest run of letters that is one word, in bytes; what is longer is cut.
const LONGEST: usize = 64;

/// Takes the features of a text.
pub(crate) trait Sink {
    /// A word of which the runs of letters count.
    fn runs(&mut self, word: &Word);
    /// A word, or the pair that it forms with the word before.
    fn word(&mut self, slot: u16);
    /// A word is one of those by which somebody threatens.
    fn alarm(&mut self) {}
}

/// Shows `sink` the features of a text that is folded to lower case.
///
/// Words are runs of letters and digits with `'`, `*`, `@` and `$` among them; a run of letters belongs to one
/// word, whose edges are seen as spaces. Numbers are passed over, and in other words a digit is as good as another. What
/// is repeated counts once: a letter after three of its kind, and a word after the same among the three before it, so that
/// nothing is made worse by saying it again. The names of groups of people stand for each other: only that there is
/// one is seen, so that no model can hold a group's name against a text (Dixon et al. 2018, "Measuring and
/// Mitigating Unintended Bias in Text Classification").
pub(crate) fn features(text: &str, sink: &mut impl Sink) {
    let mut recent = Recent::default();
    recent.features(text, sink);
    recent.end(sink);
}

/// The last words of a text that is read part by part, the last one first.
#[derive(Clone, Debug)]
pub(super) struct Recent([u64; NEAR]);

impl Default for Recent {
    fn default() -> Self {
        Self([EDGE; NEAR])
    }
}

impl Recent {
    /// Shows the features of what follows, which begins and ends between words.
    #[inline]
    pub(super) fn features(&mut self, text: &str, sink: &mut impl Sink) {
        let mut rest = text.as_bytes();
        let mut word = Word::new();
        while let Some(start) = rest.iter().position(|byte| read_as(*byte) != 0) {
            rest = rest.get(start..).unwrap_or_default();
            rest = rest.get(word.read(rest)..).unwrap_or_default();
            if !word.is_number {
                self.show(&word, sink);
            }
        }
    }

    /// Shows that the text ends.
    #[inline]
    pub(super) fn end(&self, sink: &mut impl Sink) {
        if self.0[0] != EDGE {
            sink.word(slot(pair(self.0[0], EDGE)));
        }
    }

    /// Shows the next word.
    #[inline]
    fn show(&mut self, word: &Word, sink: &mut impl Sink) {
        let hash = word.hash;
        let listed = LISTED.get(hash);
        if listed == Some(Listed::Alarm) {
            sink.alarm();
        }
        let is_group = listed == Some(Listed::Group);
        let hash = if is_group { GROUP } else { hash };
        if !self.0.contains(&hash) {
            if !is_group {
                sink.runs(word);
            }
            sink.word(slot(hash));
            sink.word(slot(pair(self.0[0], hash)));
        }
        self.0.copy_within(..NEAR - 1, 1);
        self.0[0] = hash;
    }
}

/// The beginning and the end of a text, as a word.
const EDGE: u64 = 0x5851_f42d_4c95_7f2d;
/// What stands for the name of any group of people.
const GROUP: u64 = 0x1405_7b7e_f767_814f;
/// Odd numbers with bits all over, one a use.
const WORD: u64 = 0x9e37_79b9_7f4a_7c15;
const GRAM_3: u64 = 0xbf58_476d_1ce4_e5b9;
const GRAM_4: u64 = 0x94d0_49bb_1331_11eb;
const GRAM_5: u64 = 0xd6e8_feb8_6659_fd93;

/// What is read of eight bytes at a time reaches so far behind the last three.
const PADDING: usize = 5;

/// A word as it is read.
pub(crate) struct Word {
    /// From the second on; before it and behind the last is an edge, which is seen as a space.
    letters: [u8; LONGEST + 2 + PADDING],
    pub(super) length: usize,
    pub(super) hash: u64,
    /// Whether it is one, two, or three and more digits: read as zeros.
    is_number: bool,
}

impl Word {
    const fn new() -> Self {
        Self { letters: [b' '; LONGEST + 2 + PADDING], length: 0, hash: 0, is_number: false }
    }

    /// This word alone.
    pub(super) fn of(word: &str) -> Self {
        let mut read = Self::new();
        read.read(word.as_bytes());
        read
    }

    /// Becomes the word at the beginning of a text; how much of the text it is.
    #[inline]
    fn read(&mut self, text: &[u8]) -> usize {
        match text.first_chunk() {
            Some(first) => self.read_short(*first).unwrap_or_else(|| self.read_any(text)),
            None => self.read_any(text),
        }
    }

    /// Becomes the word at the beginning of these bytes and gives its length, if it ends there and has nothing but small
    /// letters, none of them four times in a row.
    #[inline]
    fn read_short(&mut self, first: [u8; 8]) -> Option<usize> {
        let length = small_letters(first);
        let ends = length > 0 && first.get(length).is_some_and(|byte| read_as(*byte) == 0);
        let window = u64::from_be_bytes(first) >> (64 - 8 * length.clamp(1, 8));
        if !ends || has_row_of_4(window, length) {
            return None;
        }
        if let Some(letters) = self.letters.get_mut(1..9) {
            letters.copy_from_slice(&first);
        }
        if let Some(edge) = self.letters.get_mut(length + 1) {
            *edge = b' ';
        }
        self.length = length;
        self.hash = mixed(window ^ (length as u64) << 56);
        self.is_number = false;
        Some(length)
    }

    /// Becomes any word at the beginning of a text; how much of the text it is.
    fn read_any(&mut self, text: &[u8]) -> usize {
        let (mut taken, mut length, mut hash, mut window) = (0, 0, 0, 0_u64);
        for byte in text.iter().map(|byte| read_as(*byte)) {
            if byte == 0 || length >= LONGEST {
                break;
            }
            taken += 1;
            if window & 0xff_ffff == u64::from(byte) * 0x01_0101 {
                continue;
            }
            window = window << 8 | u64::from(byte);
            length += 1;
            if let Some(place) = self.letters.get_mut(length) {
                *place = byte;
            }
            if length % 8 == 0 {
                hash = mixed(hash ^ window);
            }
        }
        if let Some(edge) = self.letters.get_mut(length + 1) {
            *edge = b' ';
        }
        let rest = length % 8;
        let kept = if rest == 0 { 0 } else { window & (u64::MAX >> (64 - 8 * rest)) };
        self.length = length;
        self.hash = mixed(hash ^ kept ^ (length as u64) << 56);
        self.is_number = length <= 3 && self.letters.iter().skip(1).take(length).all(|byte| *byte == b'0');
        taken
    }

    /// Shows the slots of the runs of three to five letters, of which the edges are some.
    #[inline]
    pub(crate) fn show_runs(&self, mut run: impl FnMut(u16)) {
        let mut windows =
            self.letters.array_windows().map(|window: &[u8; 8]| u64::from_be_bytes(*window) >> 24);
        for window in windows.by_ref().take(self.length.saturating_sub(2)) {
            run(run_of_3(window >> 16));
            run(run_of_4(window >> 8));
            run(run_of_5(window));
        }
        // The last two: the word ends before a run of five is whole, and before one of four.
        if self.length > 1
            && let Some(window) = windows.next()
        {
            run(run_of_3(window >> 16));
            run(run_of_4(window >> 8));
        }
        if let Some(window) = windows.next() {
            run(run_of_3(window >> 16));
        }
    }
}

/// Whether four in a row of the last `length` bytes are the same, none of which is 0. Before them there are zeros.
fn has_row_of_4(window: u64, length: usize) -> bool {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differ = window ^ window >> 8;
    // The upper bit of each byte that is the same as the one before it.
    let same = !(((differ & LOW) + LOW) | differ | LOW);
    let row = same & same >> 8 & same >> 16;
    row & (u64::MAX >> (64 - 8 * length.clamp(1, 8))) != 0
}

fn run_of_3(window: u64) -> u16 {
    slot((window & 0xff_ffff).wrapping_mul(GRAM_3))
}

fn run_of_4(window: u64) -> u16 {
    slot((window & 0xffff_ffff).wrapping_mul(GRAM_4))
}

fn run_of_5(window: u64) -> u16 {
    slot((window & 0xff_ffff_ffff).wrapping_mul(GRAM_5))
}

fn mixed(value: u64) -> u64 {
    let product = value.wrapping_mul(WORD);
    product ^ product >> 32
}

fn pair(before: u64, word: u64) -> u64 {
    mixed(before.rotate_left(23) ^ word)
}

fn slot(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// Bytes of words as they are read; 0 for what stands between words.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "of 256 bytes, when it is compiled"
)]
static READ_AS: [u8; 256] = {
    let mut read_as = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        read_as[byte] = match byte as u8 {
            b'0'..=b'9' => b'0',
            part @ (b'a'..=b'z' | b'A'..=b'Z' | 0x80.. | b'\'' | b'*' | b'@' | b'$') => part,
            _ => 0,
        };
        byte += 1;
    }
    read_as
};

#[inline]
fn read_as(byte: u8) -> u8 {
    READ_AS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// What a word is that is listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Listed {
    /// The name of a group of people.
    Group,
    /// A word of threats.
    Alarm,
}

/// Without one of these there is no threat.
const ALARMS: [&str; 34] = [
    "kill",
    "murder",
    "rape",
    "strangle",
    "stab",
    "shoot",
    "hurt",
    "beat",
    "hunt",
    "destroy",
    "burn",
    "hang",
    "slaughter",
    "lynch",
    "gut",
    "drown",
    "die",
    "cancer",
    "raped",
    "choke",
    "suffer",
    "dead",
    "killed",
    "shot",
    "hanged",
    "hung",
    "lynched",
    "gassed",
    "exterminated",
    "gas",
    "exterminate",
    "kys",
    "murdered",
    "drop",
];

/// Listed words, by their hashes.
struct ListedWords {
    words: Vec<(u64, Listed)>,
    /// A bit for each value of the upper sixteen bits, so that nearly all words cost one look.
    bits: Box<[u64; 1_024]>,
}

static LISTED: LazyLock<ListedWords> = LazyLock::new(|| {
    let lines = include_str!("../../data/groups.txt").lines();
    let groups = lines
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|word| (Word::of(word).hash, Listed::Group));
    let mut words: Vec<_> = groups.chain(ALARMS.map(|word| (Word::of(word).hash, Listed::Alarm))).collect();
    words.sort_unstable();
    let mut bits = Box::new([0; 1_024]);
    for (hash, _) in &words {
        if let Some(row) = bits.get_mut((hash >> 54) as usize) {
            *row |= 1 << (hash >> 48 & 63);
        }
    }
    ListedWords { words, bits }
});

impl ListedWords {
    fn get(&self, hash: u64) -> Option<Listed> {
        let row = self.bits.get((hash >> 54) as usize).copied().unwrap_or_default();
        if row >> (hash >> 48 & 63) & 1 == 0 {
            return None;
        }
        let at = self.words.binary_search_by_key(&hash, |word| word.0).ok()?;
        self.words.get(at).map(|word| word.1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_short_word_is_read_as_any_other(text in "[ab0-2*' éz]{8,20}") {
            let bytes = text.as_bytes();
            prop_assume!(bytes.first().is_some_and(|byte| read_as(*byte) != 0));
            let (mut short, mut any) = (Word::new(), Word::new());
            let taken = (short.read(bytes), any.read_any(bytes));
            prop_assert_eq!(taken.0, taken.1);
            prop_assert_eq!((short.length, short.hash, short.is_number), (any.length, any.hash, any.is_number));
            let (mut runs, mut others) = (Vec::new(), Vec::new());
            short.show_runs(|slot| runs.push(slot));
            any.show_runs(|slot| others.push(slot));
            prop_assert_eq!(runs, others);
        }
    }
}
