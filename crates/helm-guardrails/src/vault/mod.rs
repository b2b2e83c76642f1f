//! Values replaced by placeholders, and back.

mod placeholder;
mod restore;
mod seal;

use std::collections::HashMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::key::consonants;
pub use restore::{Restored, Restorer};
pub use seal::VaultKey;

/// What one conversation's placeholders stand for.
///
/// A placeholder is `<ENTITY_number_tag>`, such as `<EMAIL_1_kdbqpmtrvcfg>`. The same value has the same placeholder
/// within a vault. The tag is 48 bits that nobody can guess who has not seen the placeholder: neither another user, nor
/// a text that the model reads and that would have a value written where it does not belong.
///
/// Values are wiped when the vault is dropped, and nothing of them is shown. What is restored is the caller's to keep.
///
/// ```
/// use helm_core::Stage;
/// use helm_guardrails::{GuardrailEngine, Vault};
///
/// let guard = GuardrailEngine::standard();
/// let mut vault = Vault::new()?;
/// let message = "Write to ana@example.com, then to ana@example.com again.";
/// let result = guard.pseudonymise(Stage::Input, message, &mut vault);
/// let hidden = result.text(message);
/// assert!(!hidden.contains("ana@"));
///
/// // The model answers with the placeholder.
/// let placeholder = hidden.split_whitespace().nth(2).unwrap().trim_end_matches(',');
/// let answer = format!("I wrote to {placeholder}; <EMAIL_9_bcdfghjkmnpq> is nobody's.");
/// let restored = vault.restore(&answer);
/// assert_eq!(restored.text, "I wrote to ana@example.com; <EMAIL_9_bcdfghjkmnpq> is nobody's.");
/// assert_eq!(restored.unknown.len(), 1);
/// # Ok::<(), helm_guardrails::Error>(())
/// ```
pub struct Vault {
    /// What tags and look-ups are made with.
    key: Zeroizing<[u8; 32]>,
    entries: Vec<Entry>,
    /// How many there are of each entity.
    numbers: HashMap<String, usize>,
    /// By the HMAC of entity and value, so that values are kept once.
    by_value: HashMap<[u8; 32], usize>,
    by_placeholder: HashMap<String, usize>,
}

struct Entry {
    entity: String,
    placeholder: String,
    value: Zeroizing<String>,
}

impl Vault {
    /// An empty vault.
    ///
    /// # Errors
    ///
    /// [`Error::NoRandomness`] when the operating system has none to give.
    pub fn new() -> Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| Error::NoRandomness)?;
        Ok(Self::with_key(key))
    }

    fn with_key(key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            key,
            entries: Vec::new(),
            numbers: HashMap::new(),
            by_value: HashMap::new(),
            by_placeholder: HashMap::new(),
        }
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The placeholder of a value, which is kept. Of the entity's name what is no ASCII letter or digit becomes `_`,
    /// and what is longer than 40 characters is cut.
    pub fn placeholder(&mut self, entity: &str, value: &str) -> &str {
        let entity = placeholder::entity(entity);
        let known = self.mac(&[b"value", entity.as_bytes(), value.as_bytes()]);
        let place = *self.by_value.entry(known).or_insert(self.entries.len());
        if place == self.entries.len() {
            self.insert(entity, value);
        }
        self.entries.get(place).map(|entry| entry.placeholder.as_str()).unwrap_or_default()
    }

    fn insert(&mut self, entity: String, value: &str) {
        let number = self.numbers.entry(entity.clone()).or_insert(0);
        *number += 1;
        let number = *number as u64;
        let tag = self.mac(&[b"tag", entity.as_bytes(), &number.to_le_bytes()]);
        let placeholder = format!("<{entity}_{number}_{}>", consonants(&tag, placeholder::TAG / 2));
        self.by_placeholder.insert(placeholder.clone(), self.entries.len());
        self.entries.push(Entry { entity, placeholder, value: Zeroizing::new(value.to_owned()) });
    }

    /// The HMAC of parts, each with its length before it, so that no two lists give the same input.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(&part.len().to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn value(&self, placeholder: &str) -> Option<&str> {
        let entry = self.entries.get(*self.by_placeholder.get(placeholder)?)?;
        Some(&entry.value)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("len", &self.len()).finish_non_exhaustive()
    }
}
