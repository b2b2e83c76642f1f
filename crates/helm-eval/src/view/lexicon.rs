use std::sync::LazyLock;

use super::numbers::Numbers;
use super::spell::key;

/// How rare a word is, and of what kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The logarithm of how many texts there are for one that has it, and 1.
    pub(crate) idf: f32,
    kinds: u8,
}

const STOP_WORD: u8 = 1;
const HEDGE: u8 = 2;
const CONNECTIVE: u8 = 4;
const OF_FIRST_PERSON: u8 = 8;
const KNOWN: u8 = 16;

impl Entry {
    pub(crate) const fn is_stop(self) -> bool {
        self.kinds & STOP_WORD != 0
    }

    pub(crate) const fn is_hedge(self) -> bool {
        self.kinds & HEDGE != 0
    }

    pub(crate) const fn is_connective(self) -> bool {
        self.kinds & CONNECTIVE != 0
    }

    pub(crate) const fn is_first_person(self) -> bool {
        self.kinds & OF_FIRST_PERSON != 0
    }

    pub(crate) const fn is_known(self) -> bool {
        self.kinds & KNOWN != 0
    }
}

pub(super) struct Lexicon {
    /// The words by the hashes of their letters.
    numbers: Numbers,
    /// By number.
    entries: Vec<Entry>,
    unknown: Entry,
    pub(super) texts: f64,
}

impl Lexicon {
    /// What is known of the word with this hash.
    #[inline]
    pub(super) fn get(&self, key: u64) -> Entry {
        self.numbers.get(key).and_then(|number| self.entries.get(number)).copied().unwrap_or(self.unknown)
    }

    /// Changes the entry of a word; one that was not there begins as unknown.
    fn change(&mut self, word: &str, change: impl FnOnce(&mut Entry)) {
        let number = self.numbers.add(key(word));
        if number == self.entries.len() {
            self.entries.push(self.unknown);
        }
        if let Some(entry) = self.entries.get_mut(number) {
            change(entry);
        }
    }
}

const STOP: &str = "a about after all also am an and any are as at be because been being but by can could did do does \
    don't for from get give had has have he help her him his how i i'm if in into is it it's its just like make me more \
    most my no not of on one or other our out over please s she should so some tell than that the their them then there \
    these they this to too up us very was we were what when where which who why will with would write you your yours \
    explain";
const HEDGES: &str = "might may maybe perhaps possibly likely probably seem seems";
const CONNECTIVES: &str =
    "however therefore because so then first second finally also moreover although while but";
const FIRST_PERSON: &str = "i my me i'm";

pub(super) fn lexicon() -> &'static Lexicon {
    static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| read(include_str!("../../models/words.txt")));
    &LEXICON
}

/// Reads lines of `word<tab>texts`; the first line is the number of texts. What is no such line is left out.
fn read(lines: &str) -> Lexicon {
    let mut lines = lines.lines();
    let texts = lines.next().and_then(|line| line.parse().ok()).unwrap_or(1.0);
    let entry = |count: f64| Entry {
        idf: ((texts + 1.0) / (count + 1.0)).ln() as f32 + 1.0,
        kinds: if count > 0.0 { KNOWN } else { 0 },
    };
    let mut lexicon =
        Lexicon { numbers: Numbers::default(), entries: Vec::new(), unknown: entry(0.0), texts };
    for (word, count) in lines.filter_map(|line| line.split_once('\t')) {
        if let Ok(count) = count.parse() {
            lexicon.change(word, |known| *known = entry(count));
        }
    }
    for (words, kind) in
        [(STOP, STOP_WORD), (HEDGES, HEDGE), (CONNECTIVES, CONNECTIVE), (FIRST_PERSON, OF_FIRST_PERSON)]
    {
        words.split_whitespace().for_each(|word| lexicon.change(word, |entry| entry.kinds |= kind));
    }
    lexicon
}
