//! How placeholders are written.

/// Letters of a tag, four bits each.
pub(super) const TAG: usize = 12;
/// The longest name of an entity.
const LONGEST_ENTITY: usize = 40;
/// The longest placeholder: no vault has a number of more than 10 digits.
const LONGEST: usize = 1 + LONGEST_ENTITY + 1 + 10 + 1 + TAG + 1;

/// An entity's name as it is written in placeholders.
pub(super) fn entity(name: &str) -> String {
    let letters = name.chars().take(LONGEST_ENTITY);
    let entity: String = letters
        .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' })
        .collect();
    if entity.is_empty() { "VALUE".to_owned() } else { entity }
}

/// What a text that begins with `<` begins with.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Head {
    /// Something written as a placeholder, of so many bytes.
    Placeholder(usize),
    /// What more text may make a placeholder.
    Unfinished,
    /// Something else.
    Other,
}

/// Reads `<ENTITY_number_tag>`.
pub(super) fn head(text: &str) -> Head {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = 1 + text.bytes().skip(1).take(LONGEST).take_while(|byte| inside(byte)).count();
    if length >= LONGEST {
        return Head::Other;
    }
    match text.as_bytes().get(length) {
        None => Head::Unfinished,
        Some(b'>') if is_name(text.get(1..length).unwrap_or_default()) => Head::Placeholder(length + 1),
        Some(_) => Head::Other,
    }
}

/// Whether this is `ENTITY_number_tag`.
fn is_name(name: &str) -> bool {
    let mut parts = name.rsplitn(3, '_');
    let (tag, number, entity) = (parts.next(), parts.next(), parts.next());
    let is_tag = |tag: &str| tag.len() == TAG && tag.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_entity =
        |entity: &str| !entity.is_empty() && !entity.bytes().any(|byte| byte.is_ascii_lowercase());
    tag.is_some_and(is_tag) && number.is_some_and(is_number) && entity.is_some_and(is_entity)
}
