//! Characters that take no room, and those that part words.

use std::sync::LazyLock;

use unicode_normalization::char::is_combining_mark;

use super::short::CharSet;

/// Whether a reader does not see `char`: soft hyphen, joiners and other zero-width characters, marks of direction,
/// variation selectors, tags, Hangul and Khmer fillers (Unicode 17, `Default_Ignorable_Code_Point`).
pub(crate) const fn is_ignorable(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many bytes of `char` a reader sees: none of invisible characters and combining marks.
pub(crate) fn visible_len(char: char) -> usize {
    static UNSEEN: LazyLock<CharSet> =
        LazyLock::new(|| CharSet::new(|char| is_ignorable(char) || is_combining_mark(char)));
    if char.is_ascii() {
        1
    } else if UNSEEN.has(char) {
        0
    } else {
        char.len_utf8()
    }
}

/// Whether a text may be cut behind `char`: no candidate of a detector begins before and ends after it without
/// being a finding or pending.
pub(crate) fn is_separator(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_whitespace() || char == '\u{b}';
    }
    char.is_whitespace() || matches!(char, '。' | '，' | '、' | '！' | '？' | '；' | '：')
}
