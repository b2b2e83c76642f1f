/// What can be seen in one pass over the characters.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) chars: f64,
    pub(super) sentences: f64,
    pub(super) upper: f64,
    pub(super) digits: f64,
    pub(super) other: f64,
    pub(super) lines: f64,
    pub(super) list_lines: f64,
    pub(super) has_question: bool,
    pub(super) ends_well: bool,
    pub(super) code: bool,
    pub(super) note: bool,
}

impl Marks {
    /// At most the first 64 KiB are looked at.
    pub(super) fn of(text: &str) -> Self {
        let text = prefix(text, 65_536);
        let mut marks = if text.is_ascii() {
            Self::counted(text.bytes().map(char::from))
        } else {
            Self::counted(text.chars())
        };
        marks.chars = text.chars().count() as f64;
        marks.other = marks.chars - text.bytes().filter(u8::is_ascii).count() as f64;
        marks.list_lines = text.lines().filter(|line| is_list_line(line)).count() as f64;
        let last = text.trim_end().chars().next_back();
        marks.ends_well = last.is_some_and(|last| ".!?\"')”…`|}。！？」".contains(last));
        marks.code = text.contains("```");
        marks.note = text.contains("Note") || text.contains("note that");
        marks
    }

    fn counted(text: impl Iterator<Item = char>) -> Self {
        let (mut counts, mut seen, mut sentences, mut open) = (0, 0, 0_u32, false);
        for char in text {
            let kind = kind(char);
            counts += kind & COUNTED;
            seen |= kind;
            let ends = kind & END != 0;
            sentences += u32::from(ends & open);
            open = !ends & (open | (kind & SPACE == 0));
        }
        let count = |one: u64| ((counts / one) & MOST_COUNTED) as f64;
        Self {
            sentences: f64::from(sentences) + flag(open),
            upper: count(UPPER),
            digits: count(DIGIT),
            lines: count(LINE),
            has_question: seen & QUESTION != 0,
            ..Self::default()
        }
    }
}

/// What a character is: three counts of 20 bits, so that one addition counts all, and three flags.
const UPPER: u64 = 1;
const DIGIT: u64 = 1 << 20;
const LINE: u64 = 1 << 40;
const MOST_COUNTED: u64 = (1 << 20) - 1;
const COUNTED: u64 = (1 << 60) - 1;
const QUESTION: u64 = 1 << 60;
const END: u64 = 1 << 61;
const SPACE: u64 = 1 << 62;

#[inline]
fn kind(char: char) -> u64 {
    static KINDS: [u64; 128] = ascii_kinds();
    match KINDS.get(char as usize) {
        Some(kind) => *kind,
        None => foreign_kind(char),
    }
}

const fn ascii_kinds() -> [u64; 128] {
    let mut kinds = [0; 128];
    let (mut rest, mut byte): (&mut [u64], u8) = (&mut kinds, 0);
    while let [kind, behind @ ..] = rest {
        *kind = match byte {
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'?' => QUESTION | END,
            b'.' | b'!' => END,
            b'\n' => END | SPACE | LINE,
            b' ' | b'\t' | 0x0b | 0x0c | b'\r' => SPACE,
            _ => 0,
        };
        byte += 1;
        rest = behind;
    }
    kinds
}

fn foreign_kind(char: char) -> u64 {
    let is = |is: bool, bit: u64| if is { bit } else { 0 };
    is(char.is_uppercase(), UPPER)
        | is(matches!(char, '？' | '؟'), QUESTION)
        | is(is_sentence_end(char), END)
        | is(char.is_whitespace(), SPACE)
}

pub(super) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

pub(super) const fn is_sentence_end(char: char) -> bool {
    matches!(char, '.' | '!' | '?' | '…' | '\n' | '。' | '！' | '？' | '؟' | '।')
}

fn is_list_line(line: &str) -> bool {
    let line = line.trim_start();
    let is_item = |rest: &str| rest.starts_with([' ', '\t']);
    if let Some(rest) = line.strip_prefix(['-', '*', '•']) {
        return is_item(rest);
    }
    let rest = line.trim_start_matches(|char: char| char.is_ascii_digit());
    rest.len() < line.len() && rest.strip_prefix(['.', ')']).is_some_and(is_item)
}
