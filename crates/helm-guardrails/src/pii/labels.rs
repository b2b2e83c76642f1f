//! The words that people write beside numbers, from `data/pii-labels.txt`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::entity::Entity;
use crate::bytes::{HUMP, Token, is_alnum, run_back};

/// What a label says.
#[derive(Clone, Copy, Default)]
pub(super) struct Label {
    /// The kinds of numbers that it announces.
    pub(super) exact: u64,
    /// The kinds that it may announce, being a label in many countries.
    pub(super) vague: u64,
    /// It announces something that is nobody's.
    pub(super) denies: bool,
    /// It counts only right beside the number.
    pub(super) near: bool,
    /// It is also a word, so it counts in capitals or right beside the number.
    pub(super) acronym: bool,
}

impl Label {
    /// One word may announce several kinds.
    fn join(&mut self, other: Self) {
        self.exact |= other.exact;
        self.vague |= other.vague;
        self.denies |= other.denies;
        self.near &= other.near;
        self.acronym &= other.acronym;
    }
}

/// A label, found by its last two words or its last character.
struct Entry {
    /// In small letters where it is ASCII.
    word: Box<[u8]>,
    label: Label,
}

const BUCKETS: usize = 4_096;

/// All labels.
pub(super) struct Labels {
    /// Whether a label's last word has such letters and is so long: most words are told apart by this.
    filter: Box<[u64; 1_024]>,
    /// By the hash of what they end with, the longest first.
    entries: Vec<Vec<Entry>>,
}

static LABELS: LazyLock<Labels> = LazyLock::new(|| {
    let mut all: BTreeMap<String, Label> = BTreeMap::new();
    for line in include_str!("../../data/pii-labels.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((entities, labels)) = line.split_once(": ") else { continue };
        for word in labels.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            let (near, acronym) = (word.starts_with('~'), word.starts_with('^'));
            let label = Label { near, acronym, ..announced(entities) };
            for spelling in spellings(word.trim_start_matches(['~', '^'])) {
                all.entry(spelling).and_modify(|known| known.join(label)).or_insert(label);
            }
        }
    }
    Labels::new(all)
});

/// The labels.
pub(super) fn labels() -> &'static Labels {
    &LABELS
}

fn announced(entities: &str) -> Label {
    let mut label = Label::default();
    for name in entities.split(',').map(str::trim) {
        match name {
            "NOT" => label.denies = true,
            "NATIONAL" => label.vague |= national(),
            _ => label.exact |= Entity::named(name).map_or(0, Entity::bit),
        }
    }
    label
}

/// Identity numbers with a check, which a label that names no country may announce.
fn national() -> u64 {
    use Entity::{
        BeNrn, BgEgn, BrCpf, ClRut, CnResidentId, CzRc, EsNie, EsNif, FiHetu, FrNir, HrOib, IlId, InAadhaar,
        ItFiscalCode, MxCurp, NlBsn, NoFnr, PlPesel, RoCnp, SePersonnummer, SgNric, ThId, TrTckn, UsSsn,
        ZaId,
    };
    let all = [
        BeNrn,
        BgEgn,
        BrCpf,
        ClRut,
        CnResidentId,
        CzRc,
        EsNie,
        EsNif,
        FiHetu,
        FrNir,
        HrOib,
        IlId,
        InAadhaar,
        ItFiscalCode,
        MxCurp,
        NlBsn,
        NoFnr,
        PlPesel,
        RoCnp,
        SePersonnummer,
        SgNric,
        ThId,
        TrTckn,
        UsSsn,
        ZaId,
    ];
    all.iter().fold(0, |set, entity| set | entity.bit())
}

/// A word as it may stand in a text: composed, decomposed, without accents, in capitals.
fn spellings(word: &str) -> Vec<String> {
    let word = word.trim_end_matches(|char: char| char.is_ascii() && !char.is_ascii_alphanumeric());
    let composed: String = word.nfc().collect();
    let marks = '\u{300}'..='\u{36f}';
    let plain: String = word.nfd().filter(|char| !marks.contains(char)).collect::<String>().nfc().collect();
    let first =
        composed.chars().take(1).flat_map(char::to_uppercase).chain(composed.chars().skip(1)).collect();
    let mut all = vec![composed.to_uppercase(), first, word.nfd().collect(), plain, composed];
    let capitals = all.first().map(|capitals| capitals.nfd().collect());
    all.extend(capitals);
    // Where it is ASCII, any case will do.
    let mut all: Vec<String> = all.iter().map(|word| word.to_ascii_lowercase()).collect();
    all.sort();
    all.dedup();
    all
}

/// The bucket of labels that end with these two words, of which the first may be missing.
fn bucket(words: [&[u8]; 2]) -> usize {
    // FNV-1a.
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
    let hash = words.iter().fold(0x811c_9dc5, |hash, word| step(word.iter().fold(hash, step), &b' '));
    (hash ^ (hash >> 15)) as usize % BUCKETS
}

/// The word before the one sign that stands before `start`.
fn word_before(text: &[u8], start: usize) -> &[u8] {
    let end = start.saturating_sub(1);
    let length = run_back(text, end, 24, |byte| byte.is_ascii_alphanumeric());
    text.get(end - length..end).unwrap_or_default()
}

/// The last bytes of a text that ends beyond ASCII, by which labels are found.
fn tail(text: &[u8]) -> &[u8] {
    text.get(text.len().saturating_sub(3)..).unwrap_or_default()
}

/// The last four letters of a word, from the last on; 0 for those that it has not.
#[inline]
fn last_four(text: &[u8], token: Token) -> [u8; 4] {
    let missing = 4 - token.len().clamp(1, 4);
    let last = match text.get(..token.end).and_then(<[u8]>::last_chunk) {
        Some(four) => u32::from_be_bytes(*four),
        None => {
            let word = text.get(..token.end).unwrap_or_default();
            word.iter().fold(0, |letters, letter| letters << 8 | u32::from(*letter))
        }
    };
    // What stands before a short word is shifted out.
    (last << (8 * missing) >> (8 * missing)).to_le_bytes()
}

/// The first and the last three letters of a word, from the last on, and its length, in 16 bits.
#[inline]
fn sketch(first: u8, last: [u8; 3], length: usize) -> usize {
    let letters =
        last.iter().fold(u32::from(first & 31), |letters, letter| letters << 5 | u32::from(letter & 31));
    let all = letters << 5 | (length as u32).min(31);
    // Knuth's multiplicative hash.
    (all.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

impl Labels {
    fn new(all: BTreeMap<String, Label>) -> Self {
        let entries = (0..BUCKETS).map(|_| Vec::new()).collect();
        let mut new = Self { filter: Box::new([0; 1_024]), entries };
        for (word, label) in all {
            new.add(word.as_bytes(), label);
        }
        for entries in &mut new.entries {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.word.len()));
        }
        new
    }

    fn add(&mut self, word: &[u8], label: Label) {
        let start = word.len() - run_back(word, word.len(), word.len(), |byte| byte.is_ascii_alphanumeric());
        let last = word.get(start..).unwrap_or_default();
        let words = if last.is_empty() { [&[], tail(word)] } else { [word_before(word, start), last] };
        let bit = sketch_of(last);
        if let Some(bits) = self.filter.get_mut(bit / 64).filter(|_| !last.is_empty()) {
            *bits |= 1 << (bit % 64);
        }
        if let Some(entries) = self.entries.get_mut(bucket(words)) {
            entries.push(Entry { word: word.into(), label });
        }
    }

    /// The label that ends with a word, and where it begins: the longest there is.
    #[inline]
    pub(super) fn ending(&self, text: &[u8], token: Token) -> Option<(usize, Label)> {
        let end = token.end;
        let length = token.len();
        let first = text.get(token.start).copied().unwrap_or(0);
        let [last, before @ ..] = last_four(text, token);
        if self.may_end(sketch(first, [last, before[0], before[1]], length))
            && let Some(found) = self.named(text, token.start, end)
        {
            return Some(found);
        }
        // A plural.
        if last | 0x20 == b's'
            && length > 3
            && self.may_end(sketch(first, before, length - 1))
            && let Some(found) = self.named(text, token.start, end - 1)
        {
            return Some(found);
        }
        if token.has(HUMP) { self.humped(text, token) } else { None }
    }

    #[inline]
    fn may_end(&self, bit: usize) -> bool {
        self.filter.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    /// The label whose last word stands at `start..end`.
    fn named(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, Label)> {
        let word = text.get(start..end)?;
        let before = word_before(text, start);
        let long = if before.is_empty() { None } else { self.in_bucket([before, word], text, end) };
        long.or_else(|| self.in_bucket([&[], word], text, end))
    }

    /// The label that ends with the character beyond ASCII before `end`.
    pub(super) fn ending_wide(&self, text: &[u8], end: usize) -> Option<(usize, Label)> {
        self.in_bucket([&[], tail(text.get(..end)?)], text, end)
    }

    fn in_bucket(&self, words: [&[u8]; 2], text: &[u8], end: usize) -> Option<(usize, Label)> {
        let same = |(known, byte): (&u8, &u8)| {
            *known == byte.to_ascii_lowercase() || (*known == b' ' && matches!(byte, b'_' | b'-'))
        };
        self.entries.get(bucket(words))?.iter().find_map(|entry| {
            let from = end.checked_sub(entry.word.len())?;
            let fits = entry.word.iter().zip(text.get(from..end)?).rev().all(same);
            let whole = from == 0 || !is_alnum(text, from - 1) || !is_alnum(text, from);
            (fits && whole).then_some((from, entry.label))
        })
    }

    /// The label that is the last word of a name in camel case, such as `userSSN`.
    fn humped(&self, text: &[u8], token: Token) -> Option<(usize, Label)> {
        let name = text.get(token.start..token.end)?;
        let hump = name
            .windows(2)
            .rposition(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))?;
        let start = token.start + hump + 1;
        let word = text.get(start..token.end)?;
        let found = self.may_end(sketch_of(word)).then(|| text.get(start..)).flatten();
        // Of camel case the words before are not looked at.
        found
            .and_then(|rest| self.in_bucket([&[], word], rest, token.end - start))
            .map(|(_, label)| (start, label))
    }
}

fn sketch_of(word: &[u8]) -> usize {
    let mut bytes = word.iter().rev().copied();
    let last = [0; 3].map(|none| bytes.next().unwrap_or(none));
    sketch(word.first().copied().unwrap_or(0), last, word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(text: &str) -> Option<usize> {
        let start = text.len() - text.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        let token = Token { start, end: text.len(), classes: HUMP };
        labels().ending(text.as_bytes(), token).map(|(start, _)| start)
    }

    #[test]
    fn a_label_is_found_by_its_last_word_whatever_its_case_and_number() {
        assert_eq!(ending("my Social Security NUMBER"), Some(3));
        assert_eq!(ending("my social_security-number"), Some(3));
        assert_eq!(ending("two SSNs"), Some(4));
        assert_eq!(ending("userSSN"), Some(4));
        assert_eq!(ending("antisocial security numbe"), None);
        assert_eq!(ending("asin"), None);
    }

    #[test]
    fn labels_beyond_ascii_are_found_composed_and_decomposed() {
        for text in ["numéro de sécurité sociale", "NUMÉRO DE SÉCURITÉ SOCIALE", "身份证号"] {
            let decomposed: String = text.nfd().collect();
            for text in [text, decomposed.as_str()] {
                let wide = labels().ending_wide(text.as_bytes(), text.len()).map(|(start, _)| start);
                assert_eq!(wide.or(ending(text)), Some(0), "{text}");
            }
        }
    }
}
