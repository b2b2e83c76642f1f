//! Experiments as the configuration writes them: in files of their own, or in short in the configuration itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use helm_core::{ExperimentKey, StrategyName, TaskId, VariantName};
use helm_experiment::{Spec, Variant};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::sections::HelmConfig;
use super::strategies::read;
use crate::error::{Error, Result};

/// Experiments: paths of specifications and of folders of them (`experiments = ["tone.toml"]`), or in short by key
/// (`[experiments.KEY]`).
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ExperimentsSection {
    /// Paths, relative to the configuration file.
    Files(Vec<PathBuf>),
    /// By key.
    Short(
        #[schemars(with = "BTreeMap<String, ExperimentSection>")] BTreeMap<ExperimentKey, ExperimentSection>,
    ),
}

impl Default for ExperimentsSection {
    fn default() -> Self {
        Self::Short(BTreeMap::new())
    }
}

/// An experiment in short. Its goal is reward a turn, which may be read at any time; its control is the variant called
/// `control`, else the first by name.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExperimentSection {
    /// The task it runs on.
    #[schemars(with = "String")]
    pub task: TaskId,
    /// Its variants by name, at least two.
    #[schemars(with = "BTreeMap<String, VariantSection>")]
    pub variants: BTreeMap<VariantName, VariantSection>,
}

/// A variant.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VariantSection {
    /// Its share is its weight over the sum of weights. Default: 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// The strategy its users get; without it the policy chooses.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub strategy: Option<StrategyName>,
}

fn one() -> f64 {
    1.0
}

impl<'de> Deserialize<'de> for ExperimentsSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ExperimentsSection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of files, or tables [experiments.KEY]")
            }

            fn visit_str<E>(self, path: &str) -> Result<Self::Value, E> {
                Ok(ExperimentsSection::Files(vec![path.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut paths: A) -> Result<Self::Value, A::Error> {
                let mut files = Vec::new();
                while let Some(path) = paths.next_element()? {
                    files.push(path);
                }
                Ok(ExperimentsSection::Files(files))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(ExperimentsSection::Short)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl HelmConfig {
    /// The configured experiments, checked each for itself.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read, or with everything that is wrong with a specification.
    pub fn experiments(&self) -> Result<Vec<Spec>> {
        match &self.experiments {
            ExperimentsSection::Short(sections) => {
                sections.iter().map(|(key, section)| short(key, section)).collect()
            }
            ExperimentsSection::Files(paths) => {
                let mut specs = Vec::new();
                for path in paths {
                    for file in files(&self.folder.join(path))? {
                        specs.push(spec(&file)?);
                    }
                }
                Ok(specs)
            }
        }
    }
}

fn short(key: &ExperimentKey, section: &ExperimentSection) -> Result<Spec> {
    let variants = section.variants.iter();
    let variants = variants
        .map(|(name, variant)| (Variant::new(name.clone(), variant.weight), variant.strategy.clone()));
    Ok(Spec::plain(key.clone(), section.task.clone(), variants.collect())?)
}

/// A file, or the specifications of a folder by name.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let unread = |source| Error::ConfigFile { path: path.display().to_string(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        if file.extension().is_some_and(|ending| ending == "toml") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn spec(file: &Path) -> Result<Spec> {
    let text = read(file)?;
    Spec::from_toml(&text).map_err(|problems| {
        let lines: Vec<_> =
            problems.all().iter().map(|problem| format!("{}, {problem}", file.display())).collect();
        Error::config("experiments", lines.join("\n"))
    })
}
