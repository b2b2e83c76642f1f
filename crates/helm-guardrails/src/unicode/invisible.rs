//! Which invisible characters are out of place, by what stands beside them.

use super::Kind;
use super::scripts::{ideograph, joins, pictograph, private, right_to_left, unspaced};
use crate::view::is_alphanumeric;

/// The characters beside one.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside {
    pub(super) before: Option<char>,
    pub(super) after: Option<char>,
    /// There is a letter of a script from right to left near.
    pub(super) right_to_left: bool,
    /// How many characters ago there was a soft hyphen in the same word.
    pub(super) hyphen_ago: usize,
}

impl Beside {
    fn either(self, test: impl Fn(char) -> bool) -> bool {
        self.before.is_some_and(&test) || self.after.is_some_and(&test)
    }

    fn both(self, test: impl Fn(char) -> bool) -> bool {
        self.before.is_some_and(&test) && self.after.is_some_and(&test)
    }

    /// Between two letters or digits, where no layout needs anything invisible.
    fn in_word(self) -> bool {
        self.both(|char| is_alphanumeric(char) && !unspaced(char))
    }

    fn in_run(self) -> bool {
        self.either(zero_width)
    }
}

/// Whether a character takes no room and shapes nothing.
pub(super) const fn zero_width(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' | '\u{34f}')
}

/// Whether what is decided about a character may hang on letters further on.
pub(super) const fn directs(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}')
}

/// What is wrong with a character in its place.
pub(super) fn judge(char: char, beside: Beside) -> Option<Kind> {
    let wrong = match char {
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' => {
            return Some(Kind::Control);
        }
        '\u{e0000}'..='\u{e007f}' => return Some(Kind::Tags),
        '\u{202d}' | '\u{202e}' => return Some(Kind::Direction),
        '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => {
            return (!beside.right_to_left).then_some(Kind::Direction);
        }
        '\u{200e}' | '\u{200f}' | '\u{61c}' => !beside.right_to_left && (beside.in_word() || beside.in_run()),
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}' => {
            return (!selects(char, beside.before)).then_some(Kind::Variation);
        }
        '\u{200d}' => !joined(beside) || beside.either(zero_width),
        '\u{200c}' => !beside.either(joins) || beside.in_run(),
        '\u{200b}' => (beside.in_word() && !beside.either(unspaced)) || beside.in_run(),
        '\u{ad}' => {
            beside.in_run()
                || beside.both(|char| char.is_ascii_digit())
                || (1..=2).contains(&beside.hyphen_ago)
        }
        '\u{2060}'..='\u{2064}' => beside.in_word() || beside.in_run(),
        '\u{feff}' => beside.before.is_some(),
        '\u{34f}' => beside.either(|char| char.is_ascii_alphanumeric()),
        '\u{2800}' => !beside.either(|char| matches!(char, '\u{2801}'..='\u{28ff}')),
        '\u{115f}'
        | '\u{1160}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => true,
        other if private(other) => return Some(Kind::PrivateUse),
        _ => false,
    };
    wrong.then_some(Kind::Invisible)
}

/// Whether a variation selector has something to select: one of a pictograph, a digit of a keycap, an ideograph or a
/// letter of another script.
fn selects(selector: char, before: Option<char>) -> bool {
    let Some(before) = before else {
        return false;
    };
    let base = pictograph(before)
        || matches!(before, '0'..='9' | '#' | '*')
        || ideograph(before)
        || (!before.is_ascii()
            && !before.is_whitespace()
            && !matches!(before, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180f}')
            && !zero_width(before));
    base && (selector <= '\u{fe0f}' || ideograph(before))
}

/// Whether a joiner joins pictographs or letters that need it.
fn joined(beside: Beside) -> bool {
    let picture = |char| pictograph(char) || matches!(char, '\u{fe0f}' | '\u{20e3}');
    (beside.before.is_some_and(picture) && beside.after.is_some_and(pictograph))
        || beside.either(joins)
        || beside.both(right_to_left)
}
