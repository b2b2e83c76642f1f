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
        let mut marks = Self::default();
        let mut open = false;
        let (mut chars, mut upper, mut digits, mut other, mut lines) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
        for char in text.chars() {
            chars += 1;
            let kind = kind(char);
            upper += u32::from(kind & UPPER != 0);
            digits += u32::from(kind & DIGIT != 0);
            other += u32::from(!char.is_ascii());
            lines += u32::from(char == '\n');
            marks.has_question |= kind & QUESTION != 0;
            if kind & END != 0 {
                marks.sentences += flag(open);
                open = false;
            } else {
                open |= kind & SPACE == 0;
            }
        }
        [marks.chars, marks.upper, marks.digits, marks.other, marks.lines] =
            [chars, upper, digits, other, lines].map(f64::from);
        marks.sentences += flag(open);
        marks.list_lines = text.lines().filter(|line| is_list_line(line)).count() as f64;
        let last = text.trim_end().chars().next_back();
        marks.ends_well = last.is_some_and(|last| ".!?\"')”…`|}。！？」".contains(last));
        marks.code = text.contains("```");
        marks.note = text.contains("Note") || text.contains("note that");
        marks
    }
}

const UPPER: u8 = 1;
const DIGIT: u8 = 2;
const QUESTION: u8 = 4;
const END: u8 = 8;
const SPACE: u8 = 16;

/// What a character is; those of ASCII are looked up.
fn kind(char: char) -> u8 {
    const KINDS: [u8; 128] = ascii_kinds();
    match KINDS.get(char as usize) {
        Some(kind) => *kind,
        None => {
            let is = |is: bool, bit: u8| if is { bit } else { 0 };
            is(char.is_uppercase(), UPPER)
                | is(matches!(char, '？' | '؟'), QUESTION)
                | is(is_sentence_end(char), END)
                | is(char.is_whitespace(), SPACE)
        }
    }
}

const fn ascii_kinds() -> [u8; 128] {
    let mut kinds = [0; 128];
    let mut rest: &mut [u8] = &mut kinds;
    let mut byte = 0_u8;
    while let [kind, behind @ ..] = rest {
        *kind = match byte {
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'?' => QUESTION | END,
            b'.' | b'!' => END,
            b'\n' => END | SPACE,
            b' ' | b'\t' | 0x0b | 0x0c | b'\r' => SPACE,
            _ => 0,
        };
        byte += 1;
        rest = behind;
    }
    kinds
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
