use anyhow::Context;
use serde::Serialize;

use super::lock::Checksums;
use super::packages::Packages;
use super::tree::{Id, Tree};

/// A CycloneDX document: <https://cyclonedx.org/docs/1.5/json/>. It has no time and no serial number, so the same crates
/// give the same bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: About,
    components: Vec<Component>,
    dependencies: Vec<Needs>,
}

#[derive(Serialize)]
struct About {
    component: Component,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    scope: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licence>,
    purl: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Licence {
    expression: String,
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needs {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

impl Document {
    /// Describes what is in `all`; what is not in `runs` only helps to build.
    pub(super) fn new(
        all: &Tree,
        runs: &Tree,
        packages: &Packages,
        checksums: &Checksums,
    ) -> anyhow::Result<Self> {
        let component = |id: &Id| {
            let scope = if runs.needs.contains_key(id) { "required" } else { "excluded" };
            component(id, scope, packages, checksums)
        };
        let program = Component { kind: "application", ..component(&all.root)? };
        let others = all.needs.keys().filter(|id| **id != all.root);
        Ok(Self {
            bom_format: "CycloneDX",
            spec_version: "1.5",
            version: 1,
            metadata: About { component: program },
            components: others.map(component).collect::<anyhow::Result<_>>()?,
            dependencies: all
                .needs
                .iter()
                .map(|(id, needs)| Needs {
                    reference: purl(id),
                    depends_on: needs.iter().map(purl).collect(),
                })
                .collect(),
        })
    }
}

fn component(
    id: &Id,
    scope: &'static str,
    packages: &Packages,
    checksums: &Checksums,
) -> anyhow::Result<Component> {
    let package =
        packages.of(id).with_context(|| format!("cargo metadata has no {} {}", id.name, id.version))?;
    let licence = package.license.as_deref().map(expression);
    let hash = checksums.of(id).map(|sum| Hash { alg: "SHA-256", content: sum.to_owned() });
    let home = package.repository.clone().map(|url| Reference { kind: "vcs", url });
    Ok(Component {
        kind: "library",
        reference: purl(id),
        name: id.name.clone(),
        version: id.version.clone(),
        description: package.description.as_deref().map(|text| text.trim().to_owned()),
        scope,
        hashes: hash.into_iter().collect(),
        licenses: licence.into_iter().map(|expression| Licence { expression }).collect(),
        purl: purl(id),
        external_references: home.into_iter().collect(),
    })
}

/// The address of a crate: <https://github.com/package-url/purl-spec>. The `+` of build metadata is written as `%2B`.
fn purl(id: &Id) -> String {
    format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B"))
}

/// An SPDX expression; before there were such, crates wrote `MIT/Apache-2.0`.
fn expression(licence: &str) -> String {
    let parts: Vec<_> = licence.split('/').map(str::trim).collect();
    parts.join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_licences_become_expressions() {
        assert_eq!(expression("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("MIT OR Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("(MIT OR Apache-2.0) AND Unicode-3.0"), "(MIT OR Apache-2.0) AND Unicode-3.0");
    }

    #[test]
    fn addresses_are_escaped() {
        let id = Id { name: "a".to_owned(), version: "1.0.0+2".to_owned() };
        assert_eq!(purl(&id), "pkg:cargo/a@1.0.0%2B2");
    }
}
