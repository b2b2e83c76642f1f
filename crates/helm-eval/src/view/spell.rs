//! Words as they are spelled: where they end, their hashes, their stems.

/// FNV-1a over characters, mixed at the end.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    #[inline]
    fn add(&mut self, char: u32) {
        self.0 = (self.0 ^ u64::from(char)).wrapping_mul(0x0100_0000_01b3);
    }

    #[inline]
    fn end(self) -> u64 {
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

/// What the letters of a word say of it.
pub(super) struct Spelling {
    pub(super) key: u64,
    pub(super) stem: u64,
    pub(super) prefix: u64,
    pub(super) chars: u32,
    pub(super) capital: bool,
    pub(super) digit: bool,
}

/// A word of a text, from its first byte to the one behind it.
pub(super) struct Found<'a> {
    text: &'a str,
    pub(super) start: usize,
    end: usize,
    is_ascii: bool,
}

/// Words are runs of letters and digits with at most one apostrophe inside; in scripts without spaces each
/// character is a word.
#[inline]
pub(super) fn words(text: &str) -> impl Iterator<Item = Found<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = next(text, from)?;
        from = found.end;
        Some(found)
    })
}

#[inline]
fn next(text: &str, from: usize) -> Option<Found<'_>> {
    let mut start = from;
    loop {
        match Kind::of(*text.as_bytes().get(start)?) {
            Kind::Letter => break,
            Kind::Foreign => {
                let char = text.get(start..)?.chars().next()?;
                if is_inside(char) {
                    break;
                }
                start += char.len_utf8();
            }
            Kind::Apostrophe | Kind::Other => start += 1,
        }
    }
    let (end, is_ascii) = match plain_end(text.as_bytes(), start) {
        Some(end) => (end, true),
        None => (start + any_length(text.get(start..)?), false),
    };
    Some(Found { text, start, end, is_ascii })
}

/// What a byte is to a word.
#[derive(Clone, Copy)]
enum Kind {
    /// A letter or digit of ASCII.
    Letter,
    Apostrophe,
    /// Another character of ASCII.
    Other,
    /// A part of any other character.
    Foreign,
}

impl Kind {
    #[inline]
    fn of(byte: u8) -> Self {
        static KINDS: [Kind; 256] = Kind::all();
        KINDS.get(usize::from(byte)).copied().unwrap_or(Self::Other)
    }

    const fn all() -> [Self; 256] {
        let mut kinds = [Self::Foreign; 256];
        let (mut rest, mut byte): (&mut [Self], u8) = (&mut kinds, 0);
        while let [kind, behind @ ..] = rest
            && byte < 128
        {
            *kind = match byte {
                b'\'' => Self::Apostrophe,
                _ if byte.is_ascii_alphanumeric() => Self::Letter,
                _ => Self::Other,
            };
            byte += 1;
            rest = behind;
        }
        kinds
    }
}

/// Where a word ends that is of ASCII characters, and has only such beside it; `None` where it is not.
#[inline]
fn plain_end(bytes: &[u8], start: usize) -> Option<usize> {
    let kind = |place: usize| bytes.get(place).map_or(Kind::Other, |byte| Kind::of(*byte));
    let mut end = start;
    let mut apostrophe = false;
    loop {
        match kind(end) {
            Kind::Letter => end += 1,
            Kind::Apostrophe if !apostrophe => match kind(end + 1) {
                Kind::Letter => {
                    apostrophe = true;
                    end += 2;
                }
                Kind::Foreign => return None,
                Kind::Apostrophe | Kind::Other => break,
            },
            Kind::Foreign => return None,
            Kind::Apostrophe | Kind::Other => break,
        }
    }
    Some(end)
}

/// The length in bytes of the word that a text begins with, whatever its script.
fn any_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let alone = chars.next().is_some_and(|(_, first)| stands_alone(first));
    let mut apostrophe = false;
    while let Some((_, char)) = chars.peek().copied().filter(|_| !alone) {
        if matches!(char, '\'' | '\u{2019}') && !apostrophe {
            let mut ahead = chars.clone();
            ahead.next();
            if !ahead.peek().is_some_and(|(_, next)| is_inside(*next)) {
                break;
            }
            apostrophe = true;
        } else if !is_inside(char) || stands_alone(char) {
            break;
        }
        chars.next();
    }
    chars.peek().map_or(text.len(), |(end, _)| *end)
}

impl Found<'_> {
    #[inline]
    pub(super) fn spelling(&self) -> Spelling {
        let word = self.text.get(self.start..self.end).unwrap_or_default();
        if self.is_ascii { plain(word.as_bytes()) } else { any(word) }
    }
}

/// Endings, the longest first.
const ENDINGS: [&[u8]; 10] =
    [b"ations", b"ation", b"ings", b"edly", b"ing", b"ies", b"ed", b"es", b"ly", b"s"];

/// The spelling of a word of ASCII characters.
#[inline]
fn plain(word: &[u8]) -> Spelling {
    let stem_length = word.len() - plain_ending(word);
    let (mut hash, mut prefix, mut stem) = (Hash::NEW, Hash::NEW, Hash::NEW);
    let mut digit = false;
    for (byte, chars) in word.iter().zip(1..) {
        // Letters in lower case, digits and the apostrophe have this bit.
        hash.add(u32::from(byte | 0x20));
        digit |= byte.is_ascii_digit();
        prefix = if chars <= 4 { hash } else { prefix };
        stem = if chars == stem_length { hash } else { stem };
    }
    Spelling {
        key: hash.end(),
        stem: stem.end(),
        prefix: prefix.end(),
        chars: word.len() as u32,
        capital: word.first().is_some_and(u8::is_ascii_uppercase),
        digit,
    }
}

/// The length of the ending, where at least three characters stay.
#[inline]
fn plain_ending(word: &[u8]) -> usize {
    let endings: &[&[u8]] = match word.last().map(|last| last | 0x20) {
        Some(b's') => &[b"ations", b"ings", b"ies", b"es", b"s"],
        Some(b'n') => &[b"ation"],
        Some(b'g') => &[b"ing"],
        Some(b'y') => &[b"edly", b"ly"],
        Some(b'd') => &[b"ed"],
        _ => return 0,
    };
    let ends = |ending: &&&[u8]| {
        let mut letters = ending.iter().rev().zip(word.iter().rev());
        word.len() > ending.len() + 2 && letters.all(|(wanted, found)| found | 0x20 == *wanted)
    };
    endings.iter().find(ends).map_or(0, |ending| ending.len())
}

/// The spelling of any word: characters may become several in lower case.
fn any(word: &str) -> Spelling {
    let mut letters = Letters::default();
    for char in word.chars() {
        letters.digit |= char.is_numeric();
        lower(if char == '\u{2019}' { '\'' } else { char }, |char| letters.add(char));
    }
    Spelling {
        key: letters.hash.end(),
        stem: letters.stem(),
        prefix: letters.prefix.end(),
        chars: letters.chars,
        capital: word.chars().next().is_some_and(char::is_uppercase),
        digit: letters.digit,
    }
}

/// A word while it is read.
struct Letters {
    hash: Hash,
    prefix: Hash,
    chars: u32,
    digit: bool,
    /// The hashes after each of the last characters, each at the place of its number in a ring of 8.
    hashes: [Hash; RING],
    /// The last characters, alike.
    last: [char; RING],
}

/// More than the longest ending has characters, and a power of two.
const RING: usize = 8;

impl Default for Letters {
    fn default() -> Self {
        Self {
            hash: Hash::NEW,
            prefix: Hash::NEW,
            chars: 0,
            digit: false,
            hashes: [Hash::NEW; RING],
            last: ['\0'; RING],
        }
    }
}

impl Letters {
    fn add(&mut self, char: char) {
        self.chars += 1;
        self.hash.add(u32::from(char));
        if self.chars <= 4 {
            self.prefix = self.hash;
        }
        let place = self.chars as usize % RING;
        if let (Some(hash), Some(last)) = (self.hashes.get_mut(place), self.last.get_mut(place)) {
            (*hash, *last) = (self.hash, char);
        }
    }

    /// The hash without the ending, where at least three characters stay.
    fn stem(&self) -> u64 {
        let back = |by: usize| (self.chars as usize).wrapping_sub(by) % RING;
        let ends = |ending: &&&[u8]| {
            let is = |(by, letter): (usize, &u8)| self.last.get(back(by)) == Some(&char::from(*letter));
            self.chars as usize > ending.len() + 2 && ending.iter().rev().enumerate().all(is)
        };
        let length = ENDINGS.iter().find(ends).map_or(0, |ending| ending.len());
        self.hashes.get(back(length)).map_or(0, |hash| hash.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ascii_are_spelled_as_all_others() {
        let text = "Its creations' CATIONS, it's don't rock'n'roll x''y 'a' l'été naïve'er 7pm 123 sing singing readily s BUSES";
        for found in words(text) {
            let word = text.get(found.start..found.end).unwrap();
            let (spelling, other) = (found.spelling(), any(word));
            assert_eq!(spelling.key, key(word), "{word}");
            let all = |of: &Spelling| (of.key, of.stem, of.prefix, of.chars, of.capital, of.digit);
            assert_eq!(all(&spelling), all(&other), "{word}");
        }
        let spelled: Vec<&str> = words(text).filter_map(|found| text.get(found.start..found.end)).collect();
        assert_eq!(
            spelled.join(" "),
            "Its creations CATIONS it's don't rock'n roll x y a l'été naïve'er 7pm 123 sing singing readily s BUSES"
        );
        assert_eq!(words("東京 tower's塔").count(), 4);
    }
}
