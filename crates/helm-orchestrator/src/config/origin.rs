use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::experiments::ExperimentsSection;
use super::sections::HelmConfig;
use crate::error::Result;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// Somebody wrote it there.
    File {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable says so.
    Environment {
        /// Its name.
        variable: &'static str,
    },
    /// A flag of the command line says so.
    Flag {
        /// Its name.
        flag: &'static str,
    },
    /// Nobody says anything else.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One value that holds in the end.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Setting {
    /// Its name with those of its tables, joined by dots.
    pub key: String,
    /// As [`HelmConfig::shown`] shows it.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

impl HelmConfig {
    /// Every value that holds in the end, and where it comes from. Defaults that depend on who reads the configuration are told
    /// in words.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn settings(&self) -> Result<Vec<Setting>> {
        let mut settings = Vec::new();
        self.collect(String::new(), self.shown()?, &mut settings);
        let told = self.told().into_iter();
        settings.extend(told.map(|(key, value)| Setting {
            key: key.to_owned(),
            value,
            origin: Origin::Default,
        }));
        settings.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(settings)
    }

    /// Notes that a flag has said what a key is.
    pub fn note_flag(&mut self, key: &str, flag: &'static str) {
        self.overridden.insert(key.to_owned(), Origin::Flag { flag });
    }

    /// The files that it is made of beside its own: prompts, and specifications of experiments with their folders.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let strategies = self.tasks.values().flat_map(|task| task.strategies.values());
        let prompts = strategies.filter_map(|strategy| strategy.system_file.as_deref());
        let mut files: Vec<_> = prompts.map(|path| self.folder.join(path)).collect();
        if let ExperimentsSection::Files(paths) = &self.experiments {
            files.extend(paths.iter().map(|path| self.folder.join(path)));
        }
        files
    }

    fn collect(&self, key: String, value: Value, settings: &mut Vec<Setting>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                    self.collect(key, value, settings);
                }
            }
            value => {
                let origin = self.origin(&key);
                settings.push(Setting { key, value, origin });
            }
        }
    }

    fn origin(&self, key: &str) -> Origin {
        let said = self.overridden.get(key).cloned();
        said.or_else(|| self.places.origin(key)).unwrap_or(Origin::Default)
    }
}
