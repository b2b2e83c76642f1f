//! Text as a reader sees it, with the way back to the original.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::view::is_ignorable;

/// One letter as a reader sees it, and where it stands in the original.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Letter {
    pub(crate) char: char,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The letters of a text: compatibility forms and accents resolved, invisible characters dropped, look-alikes
/// of Latin letters replaced, lower case.
pub(crate) fn letters(text: &str) -> impl Iterator<Item = Letter> + '_ {
    text.char_indices().flat_map(|(start, original)| {
        let end = start + original.len_utf8();
        let plain = original.is_ascii().then_some(original);
        let folded = plain.is_none().then(|| std::iter::once(original).nfkd()).into_iter().flatten();
        let visible = folded.filter(|char| !is_combining_mark(*char) && !is_ignorable(*char));
        plain.into_iter().chain(visible.map(look_alike)).map(move |char| Letter {
            char: char.to_lowercase().next().unwrap_or(char),
            start,
            end,
        })
    })
}

/// Cyrillic and Greek letters that look like Latin ones (a part of the confusables of Unicode UTS 39).
fn look_alike(char: char) -> char {
    match char {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'в' | 'В' | 'β' | 'Β' => 'b',
        'с' | 'С' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' => 'e',
        'ɡ' => 'g',
        'һ' | 'н' | 'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' => 'i',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'ӏ' => 'l',
        'м' | 'М' | 'Μ' => 'm',
        'Ν' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'Υ' => 'y',
        'Ζ' => 'z',
        other => other,
    }
}
