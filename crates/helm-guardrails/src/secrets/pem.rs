//! Private keys in PEM (RFC 7468) and in OpenPGP's armour (RFC 9580, 6.2).

use crate::bytes::run;

/// The entity of a private key.
pub(super) const PRIVATE_KEY: &str = "PRIVATE_KEY";

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The longest label between the dashes.
const LABEL: usize = 48;

/// What stands at five dashes.
pub(super) enum Boundary {
    /// Something else.
    None,
    /// The text ends before it can be told.
    Undecided,
    /// A private key begins, and its first line ends here.
    Begins(usize),
}

/// Whether a private key may begin at the dashes at `at`.
pub(super) fn may_begin(text: &[u8], at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(BEGIN.trim_ascii_end()))
}

/// What stands at the dashes at `at`.
pub(super) fn boundary(text: &[u8], at: usize) -> Boundary {
    let rest = text.get(at..).unwrap_or_default();
    if rest.len() < BEGIN.len() {
        return if BEGIN.starts_with(rest) { Boundary::Undecided } else { Boundary::None };
    }
    let Some(label) = rest.strip_prefix(BEGIN) else {
        return Boundary::None;
    };
    let length =
        run(label, 0, LABEL, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let name = label.get(..length).unwrap_or_default();
    let after = label.get(length..).unwrap_or_default();
    let dashes = run(after, 0, 5, |byte| byte == b'-');
    if dashes == after.len() && dashes < 5 && length < LABEL {
        return Boundary::Undecided;
    }
    let private = name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK");
    if private && dashes == 5 { Boundary::Begins(at + BEGIN.len() + length + 5) } else { Boundary::None }
}

/// Where the private key whose first line ended at `from` ends.
pub(super) fn end(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let mut at = 0;
    while let Some(found) = last_line(rest, at) {
        let label = rest.get(found + END.len()..).unwrap_or_default();
        let length =
            run(label, 0, LABEL, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
        if label.get(length..length + 5) == Some(b"-----") {
            return Some(from + found + END.len() + length + 5);
        }
        at = found + END.len();
    }
    None
}

/// Where the next last line of a key begins.
fn last_line(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'-')?;
        if text.get(at..)?.starts_with(END) {
            return Some(at);
        }
        at += 1;
    }
}
