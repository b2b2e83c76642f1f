//! Texts that are slow for careless detectors.

/// What they are compared with.
const PROSE: &str = "The river had risen in the night, and nobody in the village could say how far it would come. \
    They carried what they could up to the church, and then they waited. ";

const PIECES: [(&str, &str); 42] = [
    ("prose", PROSE),
    ("a@", "a@"),
    ("@@@", "@"),
    ("digits", "7"),
    ("1-1-", "1-"),
    ("123 456 ", "123 456 "),
    ("4111 ", "4111 "),
    ("4111 in lines", "4111 1111 1111 1111\n"),
    ("5 5 5 ", "5 "),
    ("1.1.1.1 ", "1.1.1.1 "),
    ("12:34:", "12:34:56:78:"),
    ("sk-", "sk-"),
    ("((((", "("),
    ("zero-width", "\u{200b}"),
    ("zero-width between letters", "a\u{200b}"),
    ("marks", "e\u{301}\u{302}\u{303}\u{304}\u{305}"),
    ("quotes", "\"'"),
    ("a.a.a.", "a."),
    ("....", "."),
    ("lines", "\n"),
    ("http://", "http://"),
    ("www.", "www."),
    ("password=", "password="),
    ("SSN 1234567", "SSN 1234567 "),
    ("labels", "ssn phone card "),
    ("-----BEGIN ", "-----BEGIN "),
    ("eyJ.", "eyJ."),
    ("[at]", "a [at] b [dot] "),
    ("&#64;", "a&#64;b"),
    ("ab:", "ab:"),
    ("GB82 ", "GB82 WEST "),
    ("addresses", "a.b@c.de "),
    ("swearing", "fuck "),
    ("spaced", "f u c k "),
    ("masked", "f*f*ck "),
    ("suspects", "assclass cockpit scrape "),
    ("threats", "i will kill "),
    ("overrides", "ignore all "),
    ("Cyrillic", "пароль: "),
    ("other digits", "٤١ "),
    ("mixed scripts", "aа"),
    ("ideographs", "你好，世界。"),
];

/// Each text by its name, of 64 kB; the first is prose.
pub(crate) fn hostile() -> Vec<(&'static str, String)> {
    let repeated = |piece: &str| piece.repeat(65_536 / piece.len());
    let mut texts: Vec<_> = PIECES.iter().map(|(name, piece)| (*name, repeated(piece))).collect();
    texts.push(("http://a)))", format!("http://a{}", repeated(")"))));
    texts.push(("Base64", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")));
    texts
}

fn random(letters: &[u8]) -> String {
    let mut state = 7_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters.get((state >> 33) as usize % letters.len()).map_or(' ', |letter| char::from(*letter))
    };
    (0..65_536).map(|_| letter()).collect()
}
