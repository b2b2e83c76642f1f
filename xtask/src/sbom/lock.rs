use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use super::tree::Id;

/// The SHA-256 of each crate that comes from a registry, as Cargo.lock has it.
pub(super) struct Checksums(BTreeMap<Id, String>);

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

impl Checksums {
    /// Reads them.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("Cargo.lock");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let lock: Lock = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        let sum = |one: Locked| Some((Id { name: one.name, version: one.version }, one.checksum?));
        Ok(Self(lock.package.into_iter().filter_map(sum).collect()))
    }

    /// That of a crate; `None` for those of this workspace.
    pub(super) fn of(&self, id: &Id) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}
