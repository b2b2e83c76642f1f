use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::text::key;

/// How rare a word is, and of what kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The logarithm of how many texts there are for one that has it, and 1.
    pub(crate) idf: f32,
    pub(crate) is_stop: bool,
    pub(crate) is_hedge: bool,
    pub(crate) is_connective: bool,
    pub(crate) is_first_person: bool,
    pub(crate) is_known: bool,
}

pub(super) struct Lexicon {
    entries: HashMap<u64, Entry, BuildHasherDefault<Identity>>,
    unknown: Entry,
    pub(super) texts: f64,
}

impl Lexicon {
    pub(super) fn get(&self, key: u64) -> Entry {
        self.entries.get(&key).copied().unwrap_or(self.unknown)
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
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
        is_stop: false,
        is_hedge: false,
        is_connective: false,
        is_first_person: false,
        is_known: count > 0.0,
    };
    let mut entries: HashMap<_, _, _> = lines
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(word, count)| Some((key(word), entry(count.parse().ok()?))))
        .collect();
    let unknown = entry(0.0);
    let mut mark = |words: &str, set: fn(&mut Entry)| {
        words.split_whitespace().for_each(|word| set(entries.entry(key(word)).or_insert(unknown)));
    };
    mark(STOP, |entry| entry.is_stop = true);
    mark(HEDGES, |entry| entry.is_hedge = true);
    mark(CONNECTIVES, |entry| entry.is_connective = true);
    mark(FIRST_PERSON, |entry| entry.is_first_person = true);
    Lexicon { entries, unknown, texts }
}
