//! What the linear models see of a text: hashes of words, pairs of words, and runs of letters.

use std::sync::LazyLock;

/// Slots of each of the two tables, one for runs of letters and one for words and pairs of words.
pub(crate) const SLOTS: usize = 1 << 16;
/// Among so many words a repeated one counts once.
const NEAR: usize = 3;
/// The longest run of letters that is one word, in bytes; what is longer is cut.
const LONGEST: usize = 64;

/// Takes the features of a text, a word at a time.
pub(crate) trait Sink {
    /// A run of three to five bytes of the word.
    fn gram(&mut self, slot: u16);
    /// The word, or the pair that it forms with the word before.
    fn word(&mut self, slot: u16);
    /// Counts the runs since the last word, or forgets them.
    fn end_word(&mut self, counts: bool);
    /// The word is one of those by which somebody threatens.
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
    let mut before = [EDGE; NEAR];
    let mut word = Word::new();
    for byte in text.bytes().map(read_as) {
        if byte == 0 || word.length >= LONGEST {
            word.end(&mut before, sink);
        }
        if byte != 0 {
            word.push(byte, sink);
        }
    }
    word.end(&mut before, sink);
    if before[0] != EDGE {
        sink.word(slot(pair(before[0], EDGE)));
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

struct Word {
    /// The last eight bytes.
    window: u64,
    hash: u64,
    length: usize,
}

impl Word {
    fn new() -> Self {
        Self { window: u64::from(b' '), hash: 0, length: 0 }
    }

    fn push(&mut self, byte: u8, sink: &mut impl Sink) {
        if self.length >= 3 && self.window & 0xff_ffff == u64::from(byte) * 0x01_0101 {
            return;
        }
        self.window = self.window << 8 | u64::from(byte);
        self.length += 1;
        if self.length.is_multiple_of(8) {
            self.hash = mixed(self.hash ^ self.window);
        }
        self.show(sink);
    }

    /// Shows the runs that end here; the edge before the word is one of its letters.
    fn show(&self, sink: &mut impl Sink) {
        if self.length >= 2 {
            sink.gram(slot((self.window & 0xff_ffff).wrapping_mul(GRAM_3)));
        }
        if self.length >= 3 {
            sink.gram(slot((self.window & 0xffff_ffff).wrapping_mul(GRAM_4)));
        }
        if self.length >= 4 {
            sink.gram(slot((self.window & 0xff_ffff_ffff).wrapping_mul(GRAM_5)));
        }
    }

    fn end(&mut self, before: &mut [u64; NEAR], sink: &mut impl Sink) {
        if self.length == 0 {
            return;
        }
        if matches!(self.window, 0x2030 | 0x20_3030 | 0x2030_3030) {
            // A number: one, two, or three and more zeros.
            sink.end_word(false);
            *self = Self::new();
            return;
        }
        let hash = self.finished();
        self.window = self.window << 8 | u64::from(b' ');
        self.length += 1;
        self.show(sink);
        let listed = LISTED.get(hash);
        let is_group = listed == Some(Listed::Group);
        if listed == Some(Listed::Alarm) {
            sink.alarm();
        }
        let hash = if is_group { GROUP } else { hash };
        let is_new = !before.contains(&hash);
        sink.end_word(is_new && !is_group);
        if is_new {
            sink.word(slot(hash));
            sink.word(slot(pair(before[0], hash)));
        }
        before.copy_within(..NEAR - 1, 1);
        before[0] = hash;
        *self = Self::new();
    }

    fn finished(&self) -> u64 {
        let rest = self.length % 8;
        let kept = if rest == 0 { 0 } else { self.window & (u64::MAX >> (64 - 8 * rest)) };
        mixed(self.hash ^ kept ^ (self.length as u64) << 56)
    }
}

fn hash_of(word: &str) -> u64 {
    struct Nothing;
    impl Sink for Nothing {
        fn gram(&mut self, _: u16) {}
        fn word(&mut self, _: u16) {}
        fn end_word(&mut self, _: bool) {}
    }
    let mut seen = Word::new();
    word.bytes().for_each(|byte| seen.push(byte, &mut Nothing));
    seen.finished()
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
    /// A bit for each value of the upper twelve bits, so that most words cost one look.
    bits: [u64; 64],
}

static LISTED: LazyLock<ListedWords> = LazyLock::new(|| {
    let lines = include_str!("../../data/groups.txt").lines();
    let groups = lines
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|word| (hash_of(word), Listed::Group));
    let mut words: Vec<_> = groups.chain(ALARMS.map(|word| (hash_of(word), Listed::Alarm))).collect();
    words.sort_unstable();
    let mut bits = [0; 64];
    for (hash, _) in &words {
        if let Some(row) = bits.get_mut((hash >> 58) as usize) {
            *row |= 1 << (hash >> 52 & 63);
        }
    }
    ListedWords { words, bits }
});

impl ListedWords {
    fn get(&self, hash: u64) -> Option<Listed> {
        let row = self.bits.get((hash >> 58) as usize).copied().unwrap_or_default();
        if row >> (hash >> 52 & 63) & 1 == 0 {
            return None;
        }
        let at = self.words.binary_search_by_key(&hash, |word| word.0).ok()?;
        self.words.get(at).map(|word| word.1)
    }
}
