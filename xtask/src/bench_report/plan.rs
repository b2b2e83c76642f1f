use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

/// What is run and compared: `benches/report.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(rename = "bench")]
    pub(crate) benches: Vec<Bench>,
}

/// One program that measures.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bench {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) reads: Reads,
    /// What cargo is given.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// The same for a short run, where criterion's options do not shorten it.
    #[serde(default)]
    pub(crate) quick: Vec<String>,
    /// Variables without which it cannot run.
    #[serde(default)]
    needs: Vec<String>,
    /// Packages whose versions are told.
    #[serde(default)]
    pub(crate) peers: Vec<String>,
    /// The folder of a `bench.py`.
    pub(crate) python: Option<PathBuf>,
    /// What its command measures beside Helm, with `--python`: a list of packages, for the Python that it is then told of.
    pub(crate) requirements: Option<PathBuf>,
    /// A figure, and what it is divided by.
    #[serde(default)]
    pub(crate) beside: BTreeMap<String, String>,
}

/// Where the measurements are.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reads {
    Criterion,
    Figures,
    Both,
}

impl Plan {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("benches/report.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }
}

impl Bench {
    /// What somebody types to run it alone.
    pub(crate) fn told(&self) -> String {
        match &self.python {
            Some(folder) => format!("{}/bench.py (--python)", folder.display()),
            None => format!("cargo {}", self.command.join(" ")),
        }
    }

    /// Why it cannot run, if it cannot.
    pub(crate) fn missing(&self, python: bool) -> Option<String> {
        if self.python.is_some() && !python {
            return Some("--python is not given".to_owned());
        }
        let unset = self.needs.iter().find(|name| std::env::var_os(name).is_none());
        unset.map(|name| format!("{name} is not set; see benches/README.md"))
    }

    /// The manifest that its command names, or the workspace's.
    pub(crate) fn manifest(&self) -> &Path {
        let named = self.command.iter().skip_while(|word| *word != "--manifest-path").nth(1);
        Path::new(named.map_or("Cargo.toml", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// The names of the benchmarks in a manifest.
    fn benches(manifest: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let benches = table.get("bench").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        benches.iter().map(|bench| bench["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_benchmark_is_in_the_plan() {
        let plan = Plan::read(root()).unwrap();
        let after = |bench: &Bench, option: &str| {
            bench.command.iter().skip_while(|word| *word != option).nth(1).cloned()
        };
        let planned: BTreeSet<(PathBuf, String)> = plan
            .benches
            .iter()
            .filter_map(|bench| {
                // The root's package has the name of all.
                let package = after(bench, "--package").filter(|name| name != "helm");
                let manifest = package.map_or_else(
                    || bench.manifest().to_owned(),
                    |name| format!("crates/{name}/Cargo.toml").into(),
                );
                Some((manifest, after(bench, "--bench")?))
            })
            .collect();
        let mut manifests = vec![
            PathBuf::from("Cargo.toml"),
            "benches/peers/Cargo.toml".into(),
            "crates/helm-guardrails/benches/peers/Cargo.toml".into(),
        ];
        let crates = std::fs::read_dir(root().join("crates")).unwrap();
        manifests.extend(
            crates.map(|entry| Path::new("crates").join(entry.unwrap().file_name()).join("Cargo.toml")),
        );
        let there: BTreeSet<(PathBuf, String)> = manifests
            .into_iter()
            .flat_map(|manifest| benches(&manifest).into_iter().map(move |name| (manifest.clone(), name)))
            .collect();
        assert_eq!(planned, there);
        assert!(there.len() > 10, "{there:?}");
    }

    #[test]
    fn names_are_told_apart_and_python_is_asked_for() {
        let plan = Plan::read(root()).unwrap();
        let names: BTreeSet<_> = plan.benches.iter().map(|bench| &bench.name).collect();
        assert_eq!(names.len(), plan.benches.len());
        let python = plan.benches.iter().find(|bench| bench.python.is_some()).unwrap();
        assert!(python.missing(false).is_some() && python.missing(true).is_none());
        let lists = plan.benches.iter().filter_map(|bench| bench.requirements.as_ref());
        let pinned = |list: &PathBuf| {
            let text = std::fs::read_to_string(root().join(list)).unwrap();
            text.lines().all(|line| line.contains("=="))
        };
        assert_eq!(lists.filter(|list| pinned(list)).count(), 2);
    }
}
