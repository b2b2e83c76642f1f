use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::episode::Episode;
use super::law::Law;
use super::table::Table;
use crate::error::{Error, Result};

/// A list of worlds with their files and seeds, in the format of the published bandit environments: a JSON
/// object whose `envs` have `name`, `type`, `file`, `seeds`, for tables `d` and `K`, and where they apply `delay`
/// and `range`.
#[derive(Clone, Debug)]
pub struct Manifest {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct File {
    envs: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    file: PathBuf,
    seeds: Vec<u64>,
    #[serde(default)]
    d: usize,
    #[serde(default, rename = "K")]
    arms: usize,
    #[serde(default)]
    delay: usize,
    #[serde(default)]
    range: Option<(f64, f64)>,
}

impl Manifest {
    /// Reads a manifest. Files are named relative to it.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] or [`Error::Malformed`].
    pub fn read(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file: File = serde_json::from_value(json(&path)?)
            .map_err(|error| Error::Malformed { path: path.clone(), message: error.to_string() })?;
        Ok(Self { path, entries: file.envs })
    }

    /// The worlds' names, in the manifest's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Reads one world.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownWorld`], [`Error::Read`] or [`Error::Malformed`].
    pub fn world(&self, name: &str) -> Result<World> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Error::UnknownWorld {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })?;
        let path = self.path.parent().unwrap_or(Path::new("")).join(&entry.file);
        let source = match entry.kind.as_str() {
            "table" => Source::Table(Table::read(&path, entry.d, entry.arms)?),
            _ => Source::Law(law(&path, &entry.kind)?),
        };
        Ok(World {
            name: entry.name.clone(),
            seeds: entry.seeds.clone(),
            delay: entry.delay,
            range: entry.range,
            source,
        })
    }
}

fn json(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text)
        .map_err(|error| Error::Malformed { path: path.to_owned(), message: error.to_string() })
}

fn law(path: &Path, kind: &str) -> Result<Law> {
    let malformed = |message: String| Error::Malformed { path: path.to_owned(), message };
    let mut value = json(path)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("type".to_owned(), Value::from(kind));
    }
    let law: Law = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
    law.problem().map_or(Ok(law), |problem| Err(malformed(problem)))
}

/// A world to try policies on.
#[derive(Clone, Debug)]
pub struct World {
    name: String,
    seeds: Vec<u64>,
    delay: usize,
    range: Option<(f64, f64)>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Table(Table),
    Law(Law),
}

impl World {
    /// A world of this law, with seeds 1 to 20 and no delay.
    #[must_use]
    pub fn new(name: impl Into<String>, law: Law) -> Self {
        Self { name: name.into(), seeds: (1..=20).collect(), delay: 0, range: None, source: Source::Law(law) }
    }

    /// Sets after how many further steps a reward is learnt.
    #[must_use]
    pub fn with_delay(mut self, steps: usize) -> Self {
        self.delay = steps;
        self
    }

    /// Declares the range that rewards lie in. Default: what the law or the table says.
    #[must_use]
    pub fn with_range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its published seeds.
    #[must_use]
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Plays one seed out.
    #[must_use]
    pub fn episode(&self, seed: u64) -> Episode {
        let mut episode = match &self.source {
            Source::Table(table) => table.episode(seed),
            Source::Law(law) => law.episode(seed),
        };
        episode.delay = self.delay;
        episode.range = self.range.unwrap_or(episode.range);
        episode
    }
}
