use unicode_normalization::char::decompose_compatible;

use super::ignorable::is_ignorable;
use super::numerals::digit;
use super::{Folded, Folding, beyond_ascii};

/// Folds a text that is not all ASCII.
pub(super) fn fold(text: &str) -> Folded<'_> {
    let mut folding = Folding::new(text);
    let mut from = 0;
    while let Some((start, char)) = beyond_ascii(text, from) {
        let place = start..start + char.len_utf8();
        from = place.end;
        if is_ignorable(char) {
            folding.replace(place, "");
        } else if let Some(plain) = ascii(char) {
            folding.replace(place, plain.encode_utf8(&mut [0; 4]));
        }
    }
    folding.finish()
}

/// The ASCII form of a character that differs from it only in width, typeface or script of digits.
fn ascii(char: char) -> Option<char> {
    match char {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0),
        '\u{1d400}'..='\u{1d7ff}' => single(char).filter(char::is_ascii),
        _ => digit(char),
    }
}

/// The one character that `char` is another form of.
fn single(char: char) -> Option<char> {
    let (mut first, mut count) = (None, 0);
    decompose_compatible(char, |part| {
        first.get_or_insert(part);
        count += 1;
    });
    first.filter(|_| count == 1)
}
