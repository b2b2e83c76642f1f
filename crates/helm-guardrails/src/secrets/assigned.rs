//! Secrets without a form of their own, known by the name that they are assigned to: `DB_PASSWORD=…`,
//! `my password is …`, `"client_secret": "…"`.

use super::entropy::{bits, is_placeholder};
use crate::bytes::{HUMP, Token, is_alnum, run, run_back};

/// What a name says about its value.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Name {
    /// People choose it, so it may be short and need not be random.
    Password,
    /// Machines make it.
    Key,
    /// As [`Key`](Self::Key), when the name says of what: `api_key`, not `key`.
    Part,
    /// The value follows after a space: `Bearer …`.
    Scheme,
}

/// The last run of letters and digits of a name, in small letters.
const NAMES: &[(&[u8], Name)] = &[
    (b"password", Name::Password),
    (b"passwd", Name::Password),
    (b"passphrase", Name::Password),
    (b"passcode", Name::Password),
    (b"pwd", Name::Password),
    (b"pass", Name::Password),
    (b"passwort", Name::Password),
    (b"kennwort", Name::Password),
    (b"contrasena", Name::Password),
    (b"senha", Name::Password),
    (b"wachtwoord", Name::Password),
    (b"parola", Name::Password),
    (b"haslo", Name::Password),
    (b"salasana", Name::Password),
    (b"sifre", Name::Password),
    (b"dbpassword", Name::Password),
    (b"userpassword", Name::Password),
    (b"secret", Name::Key),
    (b"secrets", Name::Key),
    (b"token", Name::Key),
    (b"apikey", Name::Key),
    (b"apitoken", Name::Key),
    (b"authtoken", Name::Key),
    (b"accesstoken", Name::Key),
    (b"refreshtoken", Name::Key),
    (b"bearertoken", Name::Key),
    (b"clientsecret", Name::Key),
    (b"secretkey", Name::Key),
    (b"accesskey", Name::Key),
    (b"privatekey", Name::Key),
    (b"signingkey", Name::Key),
    (b"encryptionkey", Name::Key),
    (b"masterkey", Name::Key),
    (b"sessiontoken", Name::Key),
    (b"credential", Name::Key),
    (b"credentials", Name::Key),
    (b"auth", Name::Part),
    (b"key", Name::Part),
    (b"keys", Name::Part),
    (b"base", Name::Part),
    (b"code", Name::Part),
    (b"bearer", Name::Scheme),
    (b"basic", Name::Scheme),
];

/// What makes a [`Name::Part`] a secret's name.
const QUALIFIERS: &[&[u8]] = &[
    b"api",
    b"access",
    b"secret",
    b"private",
    b"auth",
    b"encryption",
    b"signing",
    b"master",
    b"client",
    b"account",
    b"subscription",
    b"license",
    b"service",
    b"storage",
    b"app",
    b"application",
    b"admin",
    b"deploy",
    b"webhook",
    b"hmac",
    b"session",
    b"recovery",
    b"backup",
    b"authentication",
    b"x",
    b"shared",
    b"consumer",
];

/// A value that was assigned.
pub(super) struct Assigned {
    pub(super) entity: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The lengths of the names by their first and last letters: nearly all words are told apart by them.
static LENGTHS: [u32; 32 * 32] = {
    let mut lengths = [0; 32 * 32];
    let mut place = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "in a constant, where an index out of range does not compile"
    )]
    while place < NAMES.len() {
        let name = NAMES[place].0;
        lengths[ends(name[0], name[name.len() - 1])] |= 1 << name.len();
        place += 1;
    }
    lengths
};

/// The place of what begins and ends with these letters.
const fn ends(first: u8, last: u8) -> usize {
    (first & 31) as usize * 32 + (last & 31) as usize
}

/// Whether a run of letters and digits may end a name.
#[inline]
pub(super) fn may_name(text: &[u8], token: Token) -> bool {
    let at = |place: usize| text.get(place).copied().unwrap_or(0);
    let last = at(token.end - 1);
    let named = |length: usize| {
        let lengths = LENGTHS.get(ends(at(token.end - length), last)).copied().unwrap_or(0);
        length < 32 && lengths & 1 << length != 0
    };
    if named(token.len()) {
        return true;
    }
    if !token.has(HUMP) {
        return false;
    }
    let word = run_back(text, token.end, token.len(), |byte| !byte.is_ascii_uppercase()) + 1;
    word < token.len() && named(word)
}

/// The secret that is assigned to the name which ends with this run of letters and digits.
pub(super) fn read(text: &[u8], token: Token) -> Option<Assigned> {
    let (name, known) = name(text, token)?;
    // Names go on: `secret_key_base`, `token_v2`.
    let suffix = run(text, token.end, 32, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let (start, quoted) = value_start(text, token.end + suffix, known)?;
    let end = value_end(text, start, quoted);
    let value = text.get(start..end)?;
    let accepted = match known {
        Name::Password => is_password(value, quoted.is_some()),
        Name::Key | Name::Part => is_key(value, 16),
        Name::Scheme => is_key(value, 20) || is_basic(name, value),
    };
    accepted.then(|| Assigned { entity: entity(text, token, known, value), start, end })
}

fn name(text: &[u8], token: Token) -> Option<(&'static [u8], Name)> {
    let written = text.get(token.start..token.end)?;
    let (name, known) =
        NAMES.iter().find(|(name, _)| written.eq_ignore_ascii_case(name)).or_else(|| camel(written))?;
    let qualified = || {
        let gap = run_back(text, token.start, 1, |byte| matches!(byte, b'_' | b'-' | b' ' | b'.'));
        let end = token.start - gap;
        let length = run_back(text, end, 16, |byte| byte.is_ascii_alphanumeric());
        let word = text.get(end - length..end).unwrap_or_default();
        gap == 1 && QUALIFIERS.iter().any(|known| word.eq_ignore_ascii_case(known))
    };
    (*known != Name::Part || qualified()).then_some((*name, *known))
}

/// `dbPassword`, `githubToken`: the last word of a name in camel case.
fn camel(written: &[u8]) -> Option<&'static (&'static [u8], Name)> {
    let last = written.iter().rposition(u8::is_ascii_uppercase).filter(|place| *place > 0)?;
    let humped = written.get(last - 1).is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let word = written.get(last..).filter(|_| humped)?;
    NAMES
        .iter()
        .find(|(name, kind)| matches!(kind, Name::Password | Name::Key) && word.eq_ignore_ascii_case(name))
}

/// Where the value begins, and the quote that it is in.
fn value_start(text: &[u8], end: usize, known: Name) -> Option<(usize, Option<u8>)> {
    let mut at = end + run(text, end, 3, |byte| is_quote(byte) || matches!(byte, b')' | b']' | b'\\'));
    let spaces = run(text, at, 4, |byte| matches!(byte, b' ' | b'\t'));
    let rest = text.get(at + spaces..)?;
    let sign = [&b":="[..], b"=>", b"==", b"->", b":", b"="].into_iter().find(|sign| rest.starts_with(sign));
    let word = [&b"is "[..], b"was ", b"is: ", b"are ", b"to ", b"of "]
        .into_iter()
        .find(|word| rest.starts_with(word));
    at += spaces;
    match (sign, word) {
        (Some(sign), _) => at += sign.len(),
        (None, Some(word)) if spaces > 0 => at += word.len(),
        _ if known == Name::Scheme && spaces > 0 => {}
        _ => return None,
    }
    at += run(text, at, 4, |byte| matches!(byte, b' ' | b'\t'));
    at += run(text, at, 1, |byte| byte == b'\\');
    let quoted = text.get(at).copied().filter(|byte| is_quote(*byte));
    Some((at + usize::from(quoted.is_some()), quoted))
}

/// Whether a byte may stand before and behind a value.
pub(super) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether a byte is rare in words and not in passwords.
pub(super) const fn is_sign(byte: u8) -> bool {
    matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'?' | b'~' | b'=')
}

/// The longest value.
const LONGEST: usize = 512;

fn value_end(text: &[u8], start: usize, quoted: Option<u8>) -> usize {
    let stops = |byte: u8| match quoted {
        Some(quote) => byte == quote || byte == b'\\',
        None => matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b';'),
    };
    let mut end = start;
    while let Some(byte) = text.get(end).filter(|byte| !stops(**byte) && byte.is_ascii_graphic()) {
        // The next assignment begins.
        if end == start + LONGEST || (*byte == b'=' && quoted.is_none() && is_alnum(text, end + 1)) {
            break;
        }
        end += 1;
    }
    if quoted.is_none() {
        end -= run_back(text, end, end - start, |byte| matches!(byte, b'.' | b')' | b']' | b'}' | b'?'));
    }
    end
}

/// Six and more characters with at least a letter and either a digit or a sign that is rare in words, that neither
/// stand for one nor are code.
fn is_password(value: &[u8], quoted: bool) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let signed = has(|byte| is_sign(*byte));
    let mixed = has(u8::is_ascii_alphabetic) && (has(u8::is_ascii_digit) || signed);
    let plain =
        quoted && value.len() >= 8 && has(u8::is_ascii_alphabetic) && bits(value) >= 2.5 && !is_word(value);
    let numeric = value.len() >= 6 && value.iter().all(u8::is_ascii_digit) && bits(value) > 1.5 && quoted;
    (6..=128).contains(&value.len())
        && (mixed || plain || numeric)
        && !is_code(value)
        && !is_placeholder(value)
}

/// What a quoted value of letters alone is when it is no password.
fn is_word(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"password",
        b"required",
        b"undefined",
        b"optional",
        b"username",
        b"disabled",
        b"incorrect",
        b"invalid",
        b"notempty",
        b"nullable",
    ];
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A run of at least `least` characters with letters and digits, random, and of none of the forms of things that are
/// not secret.
fn is_key(value: &[u8], least: usize) -> bool {
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+/=.~:!@#$%^&*".contains(byte);
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let body = value.iter().rev().skip_while(|byte| **byte == b'=').count();
    let inner = value.get(..body).unwrap_or_default().contains(&b'=');
    (least..=LONGEST).contains(&value.len())
        && value.iter().all(alphabet)
        && letters
        && digits >= 2
        && !inner
        && bits(value) >= 3.0
        && !is_code(value)
        && !is_placeholder(value)
        && !is_public(value)
}

/// User and password of RFC 7617 in Base64.
fn is_basic(name: &[u8], value: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mixed = value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    name == b"basic"
        && value.len() >= 12
        && value.len().is_multiple_of(4)
        && value.iter().all(base64)
        && mixed
}

/// A reference to where the secret is: a variable, a call, a template, another assignment.
fn is_code(value: &[u8]) -> bool {
    let calls = value.windows(2).any(|pair| {
        matches!(pair, [name, b'(' | b'['] if name.is_ascii_alphanumeric())
            || matches!(pair, b"${" | b"{{" | b"$(" | b"%(")
    });
    let template = matches!(value.first(), Some(b'<' | b'{' | b'[' | b'('))
        || value.starts_with(b"$")
            && value.iter().skip(1).all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let pointer = matches!(value, [b'*' | b'&', rest @ ..] if rest.iter().all(u8::is_ascii_alphabetic));
    let address = value.windows(3).any(|part| part == b"://");
    let prefixes: [&[u8]; 12] = [
        b"data:",
        b"os.",
        b"process.",
        b"env.",
        b"self.",
        b"this.",
        b"config.",
        b"settings.",
        b"sha256:",
        b"sha512-",
        b"ssh-",
        b"vault:",
    ];
    let named = prefixes.iter().any(|prefix| value.starts_with(prefix));
    let types: [&[u8]; 6] = [b"string", b"str", b"String", b"&str", b"null", b"none"];
    calls || template || pointer || address || named || types.contains(&value)
}

/// What has the form of a path or of a name that is not secret.
fn is_public(value: &[u8]) -> bool {
    let uuid = value.len() == 36 && [8, 13, 18, 23].iter().all(|place| value.get(*place) == Some(&b'-'));
    let words = value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':'));
    let plain = |word: &[u8]| word.iter().all(u8::is_ascii_alphabetic) || word.iter().all(u8::is_ascii_digit);
    let spoken = words.clone().count() > 1 && words.clone().all(plain);
    uuid || spoken
}

fn entity(text: &[u8], token: Token, known: Name, value: &[u8]) -> &'static str {
    let length = run_back(text, token.start, 40, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ')
    });
    let before = text.get(token.start - length..token.end).unwrap_or_default().to_ascii_lowercase();
    let says = |word: &[u8]| before.windows(word.len()).any(|part| part == word);
    let aws = value.len() == 40 && (says(b"aws") || says(b"secret_access") || says(b"secret access"));
    match known {
        Name::Password => "GENERIC_PASSWORD",
        Name::Scheme if before.ends_with(b"basic") => "BASIC_AUTH",
        Name::Scheme => "BEARER_TOKEN",
        Name::Key | Name::Part if aws => "AWS_SECRET_KEY",
        Name::Key | Name::Part => "GENERIC_API_KEY",
    }
}

/// The names of what is found here.
pub(super) const ENTITIES: [&str; 5] =
    ["GENERIC_PASSWORD", "GENERIC_API_KEY", "AWS_SECRET_KEY", "BEARER_TOKEN", "BASIC_AUTH"];

/// The password that is assigned, in other scripts than Latin or with letters beyond ASCII, to the name before it.
pub(super) fn other_script(text: &[u8], token: Token) -> Option<Assigned> {
    const NAMES: [&str; 10] =
        ["密码", "口令", "密碼", "密钥", "пароль", "パスワード", "비밀번호", "รหัสผ่าน", "contraseña", "şifre"];
    let sign = |byte| matches!(byte, b':' | b'=');
    let gap = run_back(text, token.start, 6, |byte| sign(byte) || matches!(byte, b' ' | b'"' | b'\''));
    let mut before = text.get(..token.start - gap)?;
    let mut assigned = text.get(token.start - gap..token.start)?.iter().any(|byte| sign(*byte));
    for word in ["：", "是", "为", "は", "="] {
        if let Some(rest) = before.strip_suffix(word.as_bytes()) {
            (before, assigned) = (rest.trim_ascii_end(), true);
        }
    }
    if !assigned || !NAMES.iter().any(|name| before.ends_with(name.as_bytes())) {
        return None;
    }
    let quote = token.start.checked_sub(1).and_then(|at| text.get(at)).copied();
    let quoted = quote.filter(|byte| matches!(byte, b'"' | b'\''));
    let end = value_end(text, token.start, quoted);
    let value = text.get(token.start..end)?;
    let accepted = is_password(value, quoted.is_some()) && value.iter().any(u8::is_ascii_digit);
    accepted.then_some(Assigned { entity: "GENERIC_PASSWORD", start: token.start, end })
}
