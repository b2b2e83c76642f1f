use std::sync::OnceLock;

use super::lexicon::{Entry, lexicon};
use super::numbers::Numbers;
use super::spell;

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
    /// Its number among the distinct words.
    pub(crate) number: u16,
    /// Whether it begins with a capital or has a digit.
    pub(crate) capital: bool,
    pub(crate) digit: bool,
}

/// A word that says what a text is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) key: u64,
    pub(crate) stem: u64,
    pub(crate) prefix: u64,
    pub(crate) idf: f32,
}

/// A word that stands somewhere in a text.
#[derive(Clone, Copy, Debug)]
struct Distinct {
    first: u32,
    times: u32,
    entry: Entry,
}

/// A text and its words.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// The first words in order, at most [`MOST_WORDS`].
    pub(crate) words: Vec<Word>,
    /// How many words there are in all.
    pub(crate) total: usize,
    /// The content words, each once, sorted by their hashes.
    pub(crate) content: Vec<Content>,
    /// How often each distinct word stands there: sorted hashes, counts, rarity.
    pub(crate) counts: Vec<(u64, u32, f32)>,
    /// The distinct words by their hashes.
    pub(crate) numbers: Numbers,
    /// By number.
    distinct: Vec<Distinct>,
    stems: OnceLock<Vec<(u64, f32)>>,
    /// How often the commonest content word stands there.
    pub(crate) commonest: u32,
    /// The sum of the squares of the words' weights, by [`weight`].
    pub(crate) squares: f64,
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        // A word and what follows it are some six bytes.
        let expected = (text.len() / 5).min(MOST_WORDS);
        let mut this = Self {
            words: Vec::with_capacity(expected),
            numbers: Numbers::for_about(expected),
            distinct: Vec::with_capacity(expected),
            ..Self::default()
        };
        let lexicon = lexicon();
        for found in spell::words(text) {
            this.total += 1;
            if this.words.len() < MOST_WORDS {
                let spelling = found.spelling();
                let number = this.numbers.add(spelling.key);
                let entry = match this.distinct.get_mut(number) {
                    Some(word) => {
                        word.times += 1;
                        word.entry
                    }
                    None => {
                        let (first, entry) = (this.words.len() as u32, lexicon.get(spelling.key));
                        this.distinct.push(Distinct { first, times: 1, entry });
                        entry
                    }
                };
                this.words.push(Word {
                    key: spelling.key,
                    stem: spelling.stem,
                    prefix: spelling.prefix,
                    chars: spelling.chars,
                    entry,
                    start: found.start as u32,
                    number: number as u16,
                    capital: spelling.capital,
                    digit: spelling.digit,
                });
            }
        }
        this.index();
        this
    }

    fn index(&mut self) {
        let mut sorted = self.numbers.nearly_sorted();
        sort_nearly_sorted(&mut sorted);
        self.counts.reserve(sorted.len());
        self.content.reserve(sorted.len());
        for (key, number) in sorted {
            let Some(Distinct { first, times, .. }) = self.distinct.get(number) else { continue };
            let Some(word) = self.words.get(*first as usize) else { continue };
            self.counts.push((key, *times, word.entry.idf));
            self.squares += weight(*times, word.entry.idf).powi(2);
            if !word.entry.is_stop() {
                let Word { stem, prefix, entry, .. } = *word;
                self.content.push(Content { key, stem, prefix, idf: entry.idf });
                self.commonest = self.commonest.max(*times);
            }
        }
    }

    /// The stems of the content words: sorted hashes, each once, with rarity.
    pub(crate) fn stems(&self) -> &[(u64, f32)] {
        self.stems.get_or_init(|| roots(&self.content, |word| word.stem))
    }

    /// How the content words begin: sorted hashes, each once, with rarity.
    pub(crate) fn prefixes(&self) -> Vec<(u64, f32)> {
        roots(&self.content, |word| word.prefix)
    }

    #[inline]
    pub(crate) fn has(&self, key: u64) -> bool {
        self.numbers.has(key)
    }

    /// How often a word stands in the text.
    #[inline]
    pub(crate) fn count(&self, key: u64) -> u32 {
        self.numbers.get(key).and_then(|number| self.distinct.get(number)).map_or(0, |word| word.times)
    }
}
/// What a word counts that stands in a text so often.
#[inline]
pub(super) fn weight(count: u32, idf: f32) -> f64 {
    // Most words stand there once, and the logarithm of 1 is 0.
    match count {
        1 => f64::from(idf),
        count => (1.0 + f64::from(count).ln()) * f64::from(idf),
    }
}

fn roots(content: &[Content], root: impl Fn(&Content) -> u64) -> Vec<(u64, f32)> {
    let mut roots: Vec<(u64, f32)> = content.iter().map(|word| (root(word), word.idf)).collect();
    roots.sort_unstable_by_key(|root| root.0);
    roots.dedup_by_key(|root| root.0);
    roots
}

/// Insertion: hardly anything moves in a list that is nearly in order.
fn sort_nearly_sorted<T: Copy>(list: &mut [(u64, T)]) {
    for end in 1..list.len() {
        let mut place = end;
        while let Some([before, this]) = list.get_mut(place.saturating_sub(1)..=place)
            && before.0 > this.0
        {
            (*before, *this) = (*this, *before);
            place -= 1;
        }
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
