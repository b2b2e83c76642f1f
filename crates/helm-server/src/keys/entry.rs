//! Keys as a file or a variable names them.

use helm_core::TenantId;

use super::ring::{ApiKey, LastUse};
use super::role::Role;

/// A line that describes no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// It is not of the form `NAME:HASH`, `NAME:HASH:ROLE` or `NAME:HASH:ROLE:TENANT`.
    #[error(
        "entry {0} is no NAME:HASH:ROLE:TENANT with a SHA-256 in 64 hexadecimal digits; `helmctl keys new NAME` writes one"
    )]
    Malformed(usize),
    /// A name stands twice.
    #[error("the name {0:?} stands twice")]
    Repeated(String),
    /// There is no entry.
    #[error("there is no key; `helmctl keys new NAME` makes one")]
    Empty,
}

/// Reads entries, one a line or separated by commas. Lines that begin with `#` are comments.
pub(super) fn parse(text: &str) -> Result<Vec<ApiKey>, ApiKeysError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
    let mut keys: Vec<ApiKey> = Vec::new();
    for (index, entry) in entries.enumerate() {
        let key = key(entry).ok_or(ApiKeysError::Malformed(index + 1))?;
        if keys.iter().any(|known| known.name == key.name) {
            return Err(ApiKeysError::Repeated(key.name.to_string()));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(ApiKeysError::Empty) } else { Ok(keys) }
}

/// Without a role it is an administrator's, without a tenant of the installation's only one.
fn key(entry: &str) -> Option<ApiKey> {
    let mut parts = entry.splitn(4, ':').map(str::trim);
    let (name, hash) = (parts.next().filter(|name| !name.is_empty())?, hash(parts.next()?)?);
    let role: Role = parts.next().map_or(Some(Role::Admin), |role| role.parse().ok())?;
    let tenant = match parts.next() {
        Some(tenant) => Some(TenantId::new(tenant).ok()?),
        None => None,
    };
    Some(ApiKey {
        name: name.into(),
        hash,
        role: Some(role),
        tenant,
        expires: None,
        used: LastUse::default(),
    })
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::super::ApiKeys;
    use super::*;

    #[test]
    fn entries_are_read_and_what_is_none_is_told_without_it() {
        let text = format!(
            "# comment\n{}\n\n{}, {}",
            ApiKeys::entry("a", "hk_1_x"),
            ApiKeys::entry("b", "hk_2_y") + ":chat",
            ApiKeys::entry("c", "hk_3_z") + ":read:shop:eu"
        );
        let keys = parse(&text).unwrap();
        let brief =
            keys.iter().map(|key| (&*key.name, key.role.unwrap(), key.tenant.as_ref().map(TenantId::as_str)));
        let expected =
            [("a", Role::Admin, None), ("b", Role::Chat, None), ("c", Role::Read, Some("shop:eu"))];
        assert_eq!(brief.collect::<Vec<_>>(), expected);
        assert!(matches!(parse(" \n# x"), Err(ApiKeysError::Empty)));
        let twice = format!("{0},{0}", ApiKeys::entry("a", "x"));
        assert!(matches!(parse(&twice), Err(ApiKeysError::Repeated(name)) if name == "a"));
        let hash = ApiKeys::entry("a", "x");
        let wrong = ["hk_1_secret", "a:hk_1_secret", ":00", "a:zz"].map(str::to_owned);
        for wrong in
            wrong.into_iter().chain([format!("{hash}:boss"), format!("{hash}:chat: "), format!("{hash}:")])
        {
            let error = parse(&wrong).err().unwrap();
            assert_eq!(error, ApiKeysError::Malformed(1), "{wrong}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
