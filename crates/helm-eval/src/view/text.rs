use super::lexicon::{Entry, lexicon};

/// Words beyond this number are only counted.
pub(crate) const MOST_WORDS: usize = 4_096;

/// A word as it is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// A hash of the word in lower case.
    pub(crate) key: u64,
    /// A hash of the word without its commonest English endings.
    pub(crate) stem: u64,
    /// A hash of its first four characters; of shorter words, of all.
    pub(crate) prefix: u64,
    /// Its length in characters.
    pub(crate) chars: u32,
    /// Rarity and kind.
    pub(crate) entry: Entry,
    /// Where it begins in the text, in bytes.
    pub(crate) start: u32,
    /// Whether it begins with a capital or has a digit.
    pub(crate) capital: bool,
    pub(crate) digit: bool,
}

/// A text and its words.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// The first words in order, at most [`MOST_WORDS`].
    pub(crate) words: Vec<Word>,
    /// How many words there are in all.
    pub(crate) total: usize,
    /// The words that say what it is about: sorted hashes of their stems, each once, with rarity.
    pub(crate) stems: Vec<(u64, f32)>,
    /// The content words: sorted hashes, each once, with rarity.
    pub(crate) content: Vec<(u64, f32)>,
    /// How content words begin: sorted hashes, each once, with rarity.
    pub(crate) prefixes: Vec<(u64, f32)>,
    /// All words: sorted hashes, each once.
    pub(crate) keys: Vec<u64>,
    /// How often each distinct word stands there: sorted hashes, counts, rarity.
    pub(crate) counts: Vec<(u64, u32, f32)>,
}

/// FNV-1a over characters, mixed at the end.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(super) fn add(&mut self, char: u32) {
        self.0 = (self.0 ^ u64::from(char)).wrapping_mul(0x0100_0000_01b3);
    }

    pub(super) fn end(self) -> u64 {
        (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The hash of a word, whatever its case.
pub(crate) fn key(word: &str) -> u64 {
    let mut hash = Hash::NEW;
    word.chars().for_each(|char| lower(char, |char| hash.add(u32::from(char))));
    hash.end()
}

fn lower(char: char, mut with: impl FnMut(char)) {
    if char.is_ascii() { with(char.to_ascii_lowercase()) } else { char.to_lowercase().for_each(with) }
}

/// Scripts without spaces: each character is a word.
const fn stands_alone(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Marks that combine with a letter, of the scripts that write vowels so, and what joins letters.
fn is_inside(char: char) -> bool {
    char.is_alphanumeric()
        || matches!(char, '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{dff}')
}

impl Text {
    /// Words are runs of letters and digits with at most one apostrophe inside; in scripts without spaces each
    /// character is a word.
    pub(crate) fn new(text: &str) -> Self {
        // A word and what follows it are some six bytes.
        let expected = (text.len() / 5).min(MOST_WORDS);
        let mut this = Self { words: Vec::with_capacity(expected), ..Self::default() };
        let mut chars = text.char_indices().peekable();
        let lexicon = lexicon();
        while let Some((start, first)) = chars.next() {
            if !is_inside(first) {
                continue;
            }
            this.total += 1;
            let mut word = Spelled::default();
            word.add(first);
            while let Some((_, char)) = chars.peek().copied().filter(|_| !stands_alone(first)) {
                if is_inside(char) && !stands_alone(char) {
                    word.add(char);
                } else if matches!(char, '\'' | '\u{2019}') && !word.apostrophe {
                    let mut ahead = chars.clone();
                    ahead.next();
                    if !ahead.peek().is_some_and(|(_, next)| is_inside(*next)) {
                        break;
                    }
                    word.apostrophe = true;
                    word.add('\'');
                } else {
                    break;
                }
                chars.next();
            }
            if this.words.len() < MOST_WORDS {
                let key = word.hash.end();
                this.words.push(Word {
                    key,
                    stem: word.stem(),
                    prefix: word.prefix.end(),
                    chars: word.chars,
                    entry: lexicon.get(key),
                    start: start as u32,
                    capital: first.is_uppercase(),
                    digit: word.digit,
                });
            }
        }
        this.index();
        this
    }

    fn index(&mut self) {
        let mut all: Vec<(u64, u32)> = self.words.iter().map(|word| word.key).zip(0..).collect();
        all.sort_unstable();
        for list in [&mut self.content, &mut self.stems, &mut self.prefixes] {
            list.reserve(all.len());
        }
        self.keys.reserve(all.len());
        self.counts.reserve(all.len());
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            let Some((key, place)) = same.first().copied() else { continue };
            let Some(Word { entry, stem, prefix, .. }) = self.words.get(place as usize) else { continue };
            self.keys.push(key);
            self.counts.push((key, same.len() as u32, entry.idf));
            if !entry.is_stop {
                self.content.push((key, entry.idf));
                self.stems.push((*stem, entry.idf));
                self.prefixes.push((*prefix, entry.idf));
            }
        }
        self.prefixes.sort_unstable_by_key(|prefix| prefix.0);
        self.prefixes.dedup_by_key(|prefix| prefix.0);
        self.stems.sort_unstable_by_key(|stem| stem.0);
        self.stems.dedup_by_key(|stem| stem.0);
    }

    pub(crate) fn has(&self, key: u64) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    pub(crate) fn has_stem(&self, stem: u64) -> bool {
        self.stems.binary_search_by_key(&stem, |stem| stem.0).is_ok()
    }

    pub(crate) fn has_prefix(&self, prefix: u64) -> bool {
        self.prefixes.binary_search_by_key(&prefix, |prefix| prefix.0).is_ok()
    }

    /// How often a word stands in the text.
    pub(crate) fn count(&self, key: u64) -> u32 {
        self.counts
            .binary_search_by_key(&key, |count| count.0)
            .ok()
            .and_then(|place| self.counts.get(place))
            .map_or(0, |count| count.1)
    }
}

/// A word while it is read.
struct Spelled {
    hash: Hash,
    prefix: Hash,
    chars: u32,
    digit: bool,
    apostrophe: bool,
    /// The hashes after each of the last characters, each at the place of its number in a ring of 8.
    hashes: [Hash; RING],
    /// The last characters, alike.
    last: [char; RING],
}

/// More than the longest ending has characters, and a power of two.
const RING: usize = 8;

impl Default for Spelled {
    fn default() -> Self {
        Self {
            hash: Hash::NEW,
            prefix: Hash::NEW,
            chars: 0,
            digit: false,
            apostrophe: false,
            hashes: [Hash::NEW; RING],
            last: ['\0'; RING],
        }
    }
}

/// Endings, backwards, the longest first.
const ENDINGS: [&[char]; 10] = [
    &['s', 'n', 'o', 'i', 't', 'a'],
    &['n', 'o', 'i', 't', 'a'],
    &['s', 'g', 'n', 'i'],
    &['y', 'l', 'd', 'e'],
    &['g', 'n', 'i'],
    &['s', 'e', 'i'],
    &['d', 'e'],
    &['s', 'e'],
    &['y', 'l'],
    &['s'],
];

impl Spelled {
    fn add(&mut self, char: char) {
        self.digit |= char.is_numeric();
        lower(char, |char| {
            self.chars += 1;
            self.hash.add(u32::from(char));
            if self.chars <= 4 {
                self.prefix = self.hash;
            }
            let place = self.chars as usize % RING;
            if let (Some(hash), Some(last)) = (self.hashes.get_mut(place), self.last.get_mut(place)) {
                (*hash, *last) = (self.hash, char);
            }
        });
    }

    /// The hash without the ending, where at least three characters stay.
    fn stem(&self) -> u64 {
        let back = |by: usize| (self.chars as usize).wrapping_sub(by) % RING;
        let ends = |ending: &&&[char]| {
            let is = |(by, char): (usize, &char)| self.last.get(back(by)) == Some(char);
            self.chars as usize > ending.len() + 2 && ending.iter().enumerate().all(is)
        };
        let length = ENDINGS.iter().find(ends).map_or(0, |ending| ending.len());
        self.hashes.get(back(length)).map_or(0, |hash| hash.end())
    }
}

/// `models/words.txt`: the number of different texts, and in how many of them a word is, for words of ASCII letters in at
/// least three texts, the commonest first.
#[cfg(feature = "report")]
pub(crate) fn word_list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write;

    let texts: BTreeSet<&str> = texts.filter(|text| !text.is_empty()).collect();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for text in &texts {
        let spelled = Text::new(text);
        let word = |word: &Word| {
            let rest = text.get(word.start as usize..).unwrap_or_default();
            rest.chars().take(word.chars as usize).collect::<String>().to_lowercase()
        };
        let words: BTreeSet<String> = spelled.words.iter().map(word).collect();
        words.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let is_plain =
        |word: &str| word.len() <= 24 && word.chars().all(|char| char.is_ascii_alphabetic() || char == '\'');
    let mut words: Vec<(u32, String)> = counts.into_iter().map(|(word, count)| (count, word)).collect();
    words.retain(|(count, word)| *count >= 3 && is_plain(word));
    words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut list = format!("{}\n", texts.len());
    for (count, word) in words {
        // Writing to a string does not fail.
        let _ = writeln!(list, "{word}\t{count}");
    }
    list
}
