//! Blocks of Unicode 17 that decide whether an invisible character is in its place.

/// Scripts in which joiners shape letters: Arabic and its kin, the Indic scripts, Tibetan, Myanmar, Khmer,
/// Mongolian.
pub(super) const fn joins(char: char) -> bool {
    matches!(char, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1780}'..='\u{18af}'
        | '\u{1900}'..='\u{1cff}' | '\u{a800}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10a00}'..='\u{10aff}' | '\u{11000}'..='\u{11fff}')
}

/// Scripts that put no spaces between words, so that a line may be broken at a zero-width space.
pub(super) const fn unspaced(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1980}'..='\u{1aad}'
        | '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Scripts that are written from right to left.
pub(super) const fn right_to_left(char: char) -> bool {
    matches!(char, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Ideographs, of which variants are told apart by a selector.
pub(super) const fn ideograph(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Pictographs, symbols and the modifiers of them.
pub(super) const fn pictograph(char: char) -> bool {
    matches!(char, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{214f}' | '\u{2190}'..='\u{23ff}'
        | '\u{2460}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
        | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Marks that are put over and under letters of many scripts, and that nobody needs four of.
pub(super) const fn diacritic(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that no program and no person has been given.
pub(super) const fn private(char: char) -> bool {
    matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Letters of the Latin script.
pub(super) fn latin(char: char) -> bool {
    char.is_ascii_alphabetic()
        || matches!(char, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && char.is_alphabetic()
}

/// Letters of Greek.
pub(super) const fn greek(char: char) -> bool {
    matches!(char, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}
