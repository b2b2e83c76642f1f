//! Telephone numbers: E.164, the North American plan, and what stands beside a label.

use smallvec::SmallVec;

use crate::bytes::{before, is_alnum, is_digit, run};

/// A telephone number that was read.
pub(super) struct Phone {
    pub(super) end: usize,
    /// The score without a label; 0 when it needs one.
    pub(super) bare: f64,
}

/// The most digits of an international number (ITU-T E.164, 6.2).
const MOST: usize = 15;

#[derive(Default)]
struct Groups {
    /// Digits of each group, and where it ends.
    groups: SmallVec<[(usize, usize); 10]>,
    digits: SmallVec<[u8; 24]>,
    separators: SmallVec<[u8; 10]>,
    /// The first group is in parentheses.
    area: bool,
    /// A trunk digit in parentheses behind the country code, which is not dialled from abroad.
    trunk: usize,
}

/// Reads a telephone number that begins at `start` with a digit, `+` or `(`.
pub(super) fn read(text: &[u8], start: usize) -> Option<Phone> {
    let plus = text.get(start) == Some(&b'+');
    let groups = Groups::read(text, start + usize::from(plus));
    let groups = groups.fitted(if plus { MOST } else { 13 })?;
    let (_, end) = *groups.groups.last()?;
    let bare = if plus { groups.international() } else { groups.national() };
    let labelled = bare > 0.0 || (!plus && groups.could_be());
    let with_extension = extension(text, end);
    let whole = with_extension > end || ends(text, end);
    (labelled && whole).then_some(Phone { end: with_extension, bare })
}

impl Groups {
    fn read(text: &[u8], start: usize) -> Self {
        let mut read = Self::default();
        let mut at = start;
        while read.groups.len() < 10 && read.digits.len() <= MOST {
            let open = text.get(at) == Some(&b'(');
            let from = at + usize::from(open);
            let length = run(text, from, MOST + 1, |byte| byte.is_ascii_digit());
            if length == 0 || (open && (length > 5 || text.get(from + length) != Some(&b')'))) {
                break;
            }
            let digits = text.get(from..from + length).unwrap_or_default();
            at = from + length + usize::from(open);
            if open && digits == b"0" && !read.groups.is_empty() {
                read.trunk += 1;
            } else {
                read.area |= open && read.groups.is_empty();
                read.digits.extend_from_slice(digits);
                read.groups.push((length, at));
            }
            let next = text.get(at).copied().unwrap_or(b'\n');
            let separated = matches!(next, b' ' | b'-' | b'.' | b'/')
                && (is_digit(text, at + 1) || text.get(at + 1) == Some(&b'('));
            if separated {
                read.separators.push(next);
                at += 1;
            } else if open && is_digit(text, at) || next == b'(' {
                read.separators.push(b'(');
            } else {
                break;
            }
        }
        read
    }

    /// Without the last groups when there are more than `most` digits and a space comes before them.
    fn fitted(mut self, most: usize) -> Option<Self> {
        while self.digits.len() > most {
            let (length, _) = self.groups.pop()?;
            let rest = self.digits.len().checked_sub(length)?;
            self.digits.truncate(rest);
            self.separators.truncate(self.groups.len());
            if self.separators.last() != Some(&b' ') {
                return None;
            }
        }
        Some(self)
    }

    fn lengths(&self) -> SmallVec<[usize; 10]> {
        self.groups.iter().map(|(length, _)| *length).collect()
    }

    fn international(&self) -> f64 {
        let plausible = (8..=MOST).contains(&self.digits.len()) && self.digits.first() != Some(&b'0');
        if plausible { 0.8 } else { 0.0 }
    }

    /// The score of a number without a country code, or with one after the digits that call abroad.
    fn national(&self) -> f64 {
        let lengths = self.lengths();
        let area = matches!(self.digits.first(), Some(b'2'..=b'9'));
        let dialled = self.separators.iter().all(|sign| matches!(sign, b'-' | b'.' | b'('));
        match lengths.as_slice() {
            [3, 3, 4] if self.area && area => 0.75,
            [3, 3, 4] if area && dialled => 0.65,
            [1, 3, 3, 4] if self.digits.first() == Some(&b'1') && dialled => 0.65,
            _ if self.digits.starts_with(b"00") => self.abroad(),
            [2, 2, 2, 2, 2] | [5, 6] | [5, 3, 3] | [3, 4, 4] | [4, 3, 4]
                if self.digits.first() == Some(&b'0') =>
            {
                0.6
            }
            _ => 0.0,
        }
    }

    fn abroad(&self) -> f64 {
        let plausible = self.digits.len() >= 11 && self.groups.len() > 1 && self.digits.get(2) != Some(&b'0');
        if plausible { 0.65 } else { 0.0 }
    }

    /// Whether it is a telephone number when a label says so: neither a date nor a span of years.
    fn could_be(&self) -> bool {
        let year = |at: usize| {
            let digits = self.digits.get(at..at + 2);
            digits.is_some_and(|century| matches!(century, b"19" | b"20"))
        };
        let lengths = self.lengths();
        let date = match lengths.as_slice() {
            [4, 2, 2] | [4, 4] => year(0),
            [2, 2, 4] | [1, 2, 4] | [2, 1, 4] => year(self.digits.len() - 4),
            [first, rest @ ..] if self.separators.contains(&b'.') => {
                *first < 4 && rest.iter().all(|n| *n == 3)
            }
            _ => false,
        };
        (7..=13).contains(&self.digits.len()) && self.groups.len() <= 6 && !date
    }
}

/// Whether nothing that would belong to the number follows.
fn ends(text: &[u8], end: usize) -> bool {
    let next = text.get(end).copied().unwrap_or(b' ');
    let joins = matches!(next, b'-' | b'.' | b'/' | b'_' | b':') && is_digit(text, end + 1);
    !next.is_ascii_alphanumeric() && !joins
}

/// Where the number ends with its extension: `x123`, `ext. 123`.
fn extension(text: &[u8], end: usize) -> usize {
    let spaces = run(text, end, 2, |byte| matches!(byte, b' ' | b','));
    let word = run(text, end + spaces, 10, |byte| byte.is_ascii_alphabetic() || byte == b'#');
    let name = text.get(end + spaces..end + spaces + word).unwrap_or_default().to_ascii_lowercase();
    if !matches!(name.as_slice(), b"x" | b"ext" | b"extn" | b"extension" | b"#") {
        return end;
    }
    let from = end + spaces + word;
    let from = from + run(text, from, 2, |byte| matches!(byte, b' ' | b'.' | b':'));
    let digits = run(text, from, 7, |byte| byte.is_ascii_digit());
    let whole = (1..=6).contains(&digits) && !is_alnum(text, from + digits);
    if whole { from + digits } else { end }
}

/// Whether a number may begin at `start`: nothing before it belongs to it.
pub(super) fn begins(text: &[u8], start: usize) -> bool {
    if !is_digit(text, start) {
        return before(text, start).is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'+');
    }
    match before(text, start) {
        Some(b'-' | b'.' | b'/' | b'_') => !(start >= 2 && is_alnum(text, start - 2)),
        Some(b'+') => false,
        // An area in parentheses was read from the parenthesis on.
        Some(b'(') => text.get(start + run(text, start, 6, |byte| byte.is_ascii_digit())) != Some(&b')'),
        // A group of a number that began before, unless other signs than spaces join those that follow.
        Some(b' ') if start >= 2 && is_digit(text, start - 2) => {
            let digits = run(text, start, 4, |byte| byte.is_ascii_digit());
            digits == 3 && matches!(text.get(start + 3), Some(b'-' | b'.'))
        }
        Some(b' ') => true,
        Some(byte) => !byte.is_ascii_alphanumeric(),
        None => true,
    }
}
