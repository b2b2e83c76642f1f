//! Letters that look like Latin ones (a part of the confusables of Unicode UTS 39).

/// The Latin letter that a letter of the Latin script is a variant of, where no decomposition says so.
pub(super) const fn variant(char: char) -> Option<char> {
    Some(match char {
        'ɑ' | 'ᴀ' => 'a',
        'ʙ' | 'ɓ' => 'b',
        'ᴄ' => 'c',
        'đ' | 'ɗ' | 'ᴅ' => 'd',
        'ᴇ' | 'ǝ' | 'ə' => 'e',
        'ꜰ' => 'f',
        'ɡ' | 'ɢ' => 'g',
        'ħ' | 'ʜ' | 'ɦ' => 'h',
        'ı' | 'ɪ' | 'ɩ' => 'i',
        'ȷ' | 'ᴊ' => 'j',
        'ᴋ' | 'ĸ' => 'k',
        'ł' | 'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ø' | 'ᴏ' | 'ɵ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ŧ' | 'ᴛ' => 't',
        'ᴜ' | 'ʋ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        _ => return None,
    })
}

/// The Latin letter that a letter of another script looks like; in lower case.
pub(crate) const fn look_alike(char: char) -> Option<char> {
    Some(match char {
        'а' | 'А' | 'α' | 'Α' | 'Ꭺ' => 'a',
        'в' | 'В' | 'β' | 'Β' | 'ь' | 'Ь' | 'Ᏼ' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'Ꮯ' | 'ⲥ' => 'c',
        'ԁ' | 'Ꭰ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' | 'Ꭼ' | 'є' | 'ҽ' => 'e',
        'ց' | 'Ꮐ' => 'g',
        'һ' | 'Һ' | 'н' | 'Н' | 'Η' | 'Ꮋ' | 'հ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'Ꭵ' => 'i',
        'ј' | 'Ј' | 'Ꭻ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'Ꮶ' => 'k',
        'ӏ' | 'Ӏ' | 'Ꮮ' => 'l',
        'м' | 'М' | 'Μ' | 'Ꮇ' => 'm',
        'Ν' | 'ո' | 'η' | 'п' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'σ' | 'ⲟ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'Ꮲ' => 'p',
        'ԛ' => 'q',
        'г' | 'Ꮢ' => 'r',
        'ѕ' | 'Ѕ' | 'Ꮪ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'Ꭲ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' | 'Ꮩ' => 'v',
        'ԝ' | 'ѡ' | 'Ꮃ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'ү' | 'Υ' | 'γ' | 'Ꮍ' => 'y',
        'Ζ' | 'Ꮓ' => 'z',
        _ => return None,
    })
}

/// Look-alikes that hardly any text of their own script is made of alone: a word of nothing but look-alikes with
/// one of these is Latin in disguise.
pub(super) const fn is_rare(char: char) -> bool {
    matches!(char, 'ѕ' | 'Ѕ' | 'ј' | 'Ј' | 'һ' | 'Һ' | 'ԁ' | 'ԛ' | 'ԝ' | 'ӏ' | 'ѵ' | 'ϲ' | 'і' | 'І')
}
