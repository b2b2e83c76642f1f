use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The secret under which pseudonyms are made. Shows nothing of itself and is wiped when dropped.
#[derive(Clone)]
pub struct PseudonymKey(Zeroizing<Vec<u8>>);

/// Fewer bytes can be guessed.
const SHORTEST: usize = 16;

impl PseudonymKey {
    /// A key of at least 16 bytes, which should be random.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`] when there are fewer.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() < SHORTEST {
            return Err(Error::InvalidKey);
        }
        Ok(Self(bytes))
    }

    /// The pseudonym of a value of a kind, without its brackets.
    pub(crate) fn pseudonym(&self, entity: &str, value: &str) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Error::InvalidKey)?;
        // A separator that is in no entity, so that no two pairs give the same input.
        for part in [entity.as_bytes(), b"\0", value.as_bytes()] {
            mac.update(part);
        }
        Ok(consonants(&mac.finalize().into_bytes(), 8))
    }

    /// A fingerprint that tells keys apart and says nothing about them.
    pub(crate) fn fingerprint(&self) -> String {
        self.pseudonym("", "fingerprint").unwrap_or_default()
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

/// The hash of a value, without its brackets.
pub(crate) fn hash(value: &str) -> String {
    consonants(&Sha256::digest(value.as_bytes()), 8)
}

/// The first so many bytes, four bits to a letter: letters that make neither numbers nor words.
pub(crate) fn consonants(bytes: &[u8], count: usize) -> String {
    const LETTERS: [char; 16] =
        ['b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v'];
    let halves = bytes.iter().take(count).flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| LETTERS.get(usize::from(half))).collect()
}
