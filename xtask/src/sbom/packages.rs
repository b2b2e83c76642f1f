use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::cargo;
use super::tree::Id;

/// What crates say of themselves.
pub(super) struct Packages(BTreeMap<Id, Package>);

/// What a crate says of itself.
#[derive(Deserialize)]
pub(super) struct Package {
    name: String,
    version: String,
    pub(super) license: Option<String>,
    pub(super) description: Option<String>,
    pub(super) repository: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Packages {
    /// Asks cargo.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let arguments = ["metadata", "--locked", "--format-version", "1", "--all-features"];
        let metadata: Metadata = serde_json::from_str(&cargo(root, &arguments)?)?;
        let with_id = |one: Package| (Id { name: one.name.clone(), version: one.version.clone() }, one);
        Ok(Self(metadata.packages.into_iter().map(with_id).collect()))
    }

    /// What this crate says.
    pub(super) fn of(&self, id: &Id) -> Option<&Package> {
        self.0.get(id)
    }
}
