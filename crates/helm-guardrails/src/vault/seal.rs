//! Vaults as bytes that only the holder of a key can read: XChaCha20-Poly1305 (Arciszewski 2020,
//! draft-irtf-cfrg-xchacha-03) over a list of lengths and bytes.

use std::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::Vault;
use crate::error::{Error, Result};

/// Says the format of what is sealed.
const FORMAT: &[u8; 4] = b"HGV1";
const NONCE: usize = 24;

/// The key that sealed vaults are read with. Shows nothing of itself and is wiped when dropped.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

impl VaultKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey")
    }
}

impl Vault {
    /// The vault as bytes that only this key reads, and only for this `conversation`, such as an id. Sealing twice gives
    /// different bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoRandomness`] when the operating system has none to give; [`Error::NotSealed`] for a vault of more
    /// than 256 GiB.
    pub fn seal(&self, key: &VaultKey, conversation: &str) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
        let mut content = self.written();
        let sealing =
            key.cipher().encrypt_in_place(&XNonce::from(nonce), conversation.as_bytes(), &mut *content);
        sealing.map_err(|_| Error::NotSealed)?;
        Ok([FORMAT.as_slice(), &nonce, &content].concat())
    }

    /// Reads what [`seal`](Self::seal) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::NotSealed`] when these are not the bytes of a vault that was sealed with this key for this
    /// conversation.
    pub fn unseal(sealed: &[u8], key: &VaultKey, conversation: &str) -> Result<Self> {
        let rest = sealed.strip_prefix(FORMAT).ok_or(Error::NotSealed)?;
        let (nonce, content) = rest.split_at_checked(NONCE).ok_or(Error::NotSealed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Error::NotSealed)?;
        let mut content = Zeroizing::new(content.to_vec());
        let opening = key.cipher().decrypt_in_place(&nonce, conversation.as_bytes(), &mut *content);
        opening.map_err(|_| Error::NotSealed)?;
        Self::read(&content).ok_or(Error::NotSealed)
    }

    fn written(&self) -> Zeroizing<Vec<u8>> {
        let parts = self.entries.iter().flat_map(|entry| [entry.entity.as_bytes(), entry.value.as_bytes()]);
        let room = parts.clone().map(|part| part.len() + 8).sum::<usize>();
        // Room for all of it and the tag: growing would leave copies behind.
        let mut content = Zeroizing::new(Vec::with_capacity(32 + room + 16));
        content.extend_from_slice(self.key.as_slice());
        for part in parts {
            content.extend_from_slice(&(part.len() as u64).to_le_bytes());
            content.extend_from_slice(part);
        }
        content
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (key, mut rest) = content.split_first_chunk::<32>()?;
        let mut vault = Self::with_key(Zeroizing::new(*key));
        while !rest.is_empty() {
            let (entity, after) = part(rest)?;
            let (value, after) = part(after)?;
            vault.placeholder(entity, value);
            rest = after;
        }
        Some(vault)
    }
}

fn part(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(part).ok()?, rest))
}
