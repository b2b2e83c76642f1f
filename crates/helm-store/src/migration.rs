//! What migrating has in common for all databases.

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::store::MigrationStatus;

/// One step of a schema.
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

impl Migration {
    /// The SHA-256 of its text, which is kept beside its number.
    pub(crate) fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every migration of a backend ever released, in order; none is ever changed.
pub(crate) struct Migrations {
    pub(crate) backend: &'static str,
    pub(crate) all: &'static [Migration],
}

impl Migrations {
    /// The version that this build needs.
    pub(crate) fn newest(&self) -> u32 {
        self.all.last().map_or(0, |migration| migration.version)
    }

    /// What a schema of this version lacks.
    pub(crate) fn after(&self, version: u32) -> impl Iterator<Item = &'static Migration> {
        self.all.iter().filter(move |migration| migration.version > version)
    }

    /// Every migration that this build knows, for a schema of this version.
    pub(crate) fn statuses(&self, applied: u32) -> Vec<MigrationStatus> {
        let status = |migration: &Migration| MigrationStatus {
            version: migration.version,
            name: migration.name,
            applied: migration.version <= applied,
        };
        self.all.iter().map(status).collect()
    }

    /// Refuses a schema that is not this build's.
    pub(crate) fn require_newest(&self, version: u32) -> Result<()> {
        let expected = self.newest();
        if version == expected {
            return Ok(());
        }
        let message =
            format!("the schema is at version {version}, this build needs {expected}; run `helmctl migrate`");
        Err(Error::new(ErrorKind::SchemaMismatch, self.backend, "open", message))
    }

    /// Refuses an applied migration that this build does not know, or knows otherwise.
    pub(crate) fn compare(&self, version: u32, checksum: &str) -> Result<()> {
        let message = match self.all.iter().find(|migration| migration.version == version) {
            None => {
                format!("the schema has version {version}, which is newer than this build; upgrade helm")
            }
            Some(known) if known.checksum() != checksum => format!(
                "migration {version} was applied with other content; restore the database or use the build that made it"
            ),
            Some(_) => return Ok(()),
        };
        Err(Error::new(ErrorKind::SchemaMismatch, self.backend, "migrate", message))
    }
}
