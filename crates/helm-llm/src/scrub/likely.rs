//! What looks like a secret, by its beginning or by the name before it. Plain scanning: every text is read a few times
//! from its beginning to its end, however it is made.

use super::DOTS;

/// Names of fields that hold secrets whatever their value; `-` counts as `_`, and case for nothing.
const FIELDS: [&str; 11] = [
    "api_key",
    "apikey",
    "x_api_key",
    "authorization",
    "access_token",
    "refresh_token",
    "id_token",
    "password",
    "secret",
    "client_secret",
    "private_key",
];
/// Names that say so in an address's query, where they are no words of a text.
const PARAMETERS: [&str; 6] = ["key", "token", "auth", "sig", "signature", "code"];
/// How keys of providers and of their surroundings begin.
const BEGINNINGS: [&str; 16] = [
    "sk-",
    "sk_",
    "hk_",
    "xai-",
    "gsk_",
    "hf_",
    "AIza",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "nvapi-",
];
/// What begins like a key and is shorter is a word.
const SHORTEST_KEY: usize = 12;

/// A text in which dots stand for what looks like a secret.
pub(super) fn without(text: &str) -> String {
    without_words(&without_users(&without_parameters(&without_fields(text))))
}

fn is_part(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_')
}

/// Whether a field of this name holds a secret whatever its value.
pub(super) fn is_secret_field(name: &str) -> bool {
    is_one_of(name, &FIELDS)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    let same = |known: &&str| {
        known.len() == name.len()
            && known
                .bytes()
                .zip(name.bytes())
                .all(|(known, char)| known == char.to_ascii_lowercase() || (known == b'_' && char == b'-'))
    };
    names.iter().any(same)
}

/// Without words that begin like a key, and without what follows `Bearer`.
fn without_words(text: &str) -> String {
    let (mut clean, mut rest, mut bears) = (String::with_capacity(text.len()), text, false);
    while let Some(begin) = rest.find(is_part) {
        let (before, word_on) = rest.split_at(begin);
        let (word, after) = word_on.split_at(word_on.find(|char| !is_part(char)).unwrap_or(word_on.len()));
        let begins = BEGINNINGS.iter().any(|start| word.starts_with(start));
        let is_key = word.len() >= SHORTEST_KEY && (begins || (bears && before == " "));
        clean.push_str(before);
        if is_key {
            clean.push_str(DOTS);
            // A token may go on after a dot.
            rest =
                after.trim_start_matches(|char| is_part(char) || matches!(char, '.' | '+' | '/' | '=' | '~'));
        } else {
            clean.push_str(word);
            rest = after;
        }
        bears = word.eq_ignore_ascii_case("bearer");
    }
    clean.push_str(rest);
    clean
}

/// Without the texts of JSON fields whose names say that they are secret, also where JSON stands in a text of JSON.
fn without_fields(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon + 1);
        clean.push_str(before);
        rest = after;
        let Some((start, end)) = secret_value(before.strip_suffix(':').unwrap_or(before), after) else {
            continue;
        };
        clean.push_str(after.get(..start).unwrap_or_default());
        clean.push_str(DOTS);
        rest = after.get(end..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}

/// Where in `after` the text stands that the field named at the end of `before` has, when it is secret.
fn secret_value(before: &str, after: &str) -> Option<(usize, usize)> {
    let quoted = before.trim_end().strip_suffix('"')?;
    let name = quoted.trim_end_matches('\\');
    let depth = quoted.len() - name.len();
    let name = name.get(name.rfind(|char| !is_part(char)).map_or(0, |end| end + 1)..)?;
    let quoted = after.trim_start().trim_start_matches('\\');
    let opening = after.len() - quoted.len();
    let slashes = after.trim_start().len() - quoted.len();
    let value = quoted.strip_prefix('"').filter(|_| slashes == depth && is_secret_field(name))?;
    Some((opening + 1, opening + 1 + end_of(value, depth)))
}

/// Where a text ends that is quoted with so many backslashes before each quote.
fn end_of(value: &str, depth: usize) -> usize {
    for (place, _) in value.match_indices('"') {
        let head = value.get(..place).unwrap_or_default();
        let slashes = head.len() - head.trim_end_matches('\\').len();
        if slashes % (2 * (depth + 1)) == depth {
            return place - depth;
        }
    }
    value.len()
}

/// Without the values of an address's query whose names say that they are secret.
fn without_parameters(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        clean.push_str(before);
        rest = after;
        let name = before.strip_suffix('=').unwrap_or(before);
        let begin = name.rfind(|char| !is_part(char));
        let asks =
            begin.is_some_and(|begin| name.get(begin..).is_some_and(|name| name.starts_with(['?', '&'])));
        let name = begin.and_then(|begin| name.get(begin + 1..)).unwrap_or_default();
        if asks && (is_secret_field(name) || is_one_of(name, &PARAMETERS)) {
            let end = after.find(ends_address).unwrap_or(after.len());
            clean.push_str(if end == 0 { "" } else { DOTS });
            rest = after.get(end..).unwrap_or_default();
        }
    }
    clean.push_str(rest);
    clean
}

fn ends_address(char: char) -> bool {
    char.is_whitespace() || matches!(char, '&' | '#' | '"' | '\'' | '<' | '>' | ')' | ']' | '\\' | ',' | ';')
}

/// Without user and password of addresses.
fn without_users(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let ends = |char: char| {
            char.is_whitespace() || matches!(char, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\')
        };
        let authority = after.get(..after.find(ends).unwrap_or(after.len())).unwrap_or_default();
        rest = match authority.rfind('@') {
            Some(at) => {
                clean.push_str(DOTS);
                after.get(at..).unwrap_or_default()
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out_and_nothing_else() {
        for (text, clean) in [
            ("sk-short, \"sk-0123456789abc\" ☃", "sk-short, \"…\" ☃"),
            ("use AIzaSyA0123456789 or ghp_0123456789ab", "use … or …"),
            ("Authorization: Bearer abc.def-ghi_0123", "Authorization: Bearer abc.def-ghi_0123"),
            ("Authorization: Bearer abcdef0123456.ghi/jkl== x", "Authorization: Bearer … x"),
            (r#"{"Api-Key" : "x", "keys": ["y"]}"#, r#"{"Api-Key" : "…", "keys": ["y"]}"#),
            (
                r#"data: {"a":"{\"password\":\"a\\\"b\",\"c\":1}"}"#,
                r#"data: {"a":"{\"password\":\"…\",\"c\":1}"}"#,
            ),
            (r#"{"password":"a\"b","c":"d"}"#, r#"{"password":"…","c":"d"}"#),
            (r#"{"password":"open"#, r#"{"password":"…"#),
            (r#"{"password":null,"token":"word"}"#, r#"{"password":null,"token":"word"}"#),
            ("see https://x.com/v1?id=7&key=abc&x=1.", "see https://x.com/v1?id=7&key=…&x=1."),
            ("(https://x.com?Token=abc)", "(https://x.com?Token=…)"),
            ("a key=abc in words, and 1 == 1", "a key=abc in words, and 1 == 1"),
            ("at postgres://u:p@db/x and http://h/a@b", "at postgres://…@db/x and http://h/a@b"),
        ] {
            assert_eq!(without(text), clean);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end_and_a_clean_one_stays(text in "[a-z\"\\\\:{}=?&@/ ☃]{0,60}") {
            let clean = without(&text);
            prop_assert_eq!(&without(&clean), &clean);
        }
    }
}
