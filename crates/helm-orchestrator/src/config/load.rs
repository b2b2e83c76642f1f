use std::path::{Path, PathBuf};

use super::environment;
use super::mistakes;
use super::places::{Places, position};
use super::sections::HelmConfig;
use crate::error::{Error, Result};

/// A complete, commented configuration file: what `helmctl init` writes, and what holds without any file.
pub const TEMPLATE: &str = include_str!("helm.toml");

/// Where the configuration file is looked for: `helm.toml` in the working directory.
#[must_use]
pub fn default_path() -> &'static Path {
    Path::new("helm.toml")
}

impl HelmConfig {
    /// The configuration that holds without a file and without an environment.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn standard() -> Result<Self> {
        let mut config = Self::from_toml(TEMPLATE, Path::new("helm.toml"))?;
        config.places = config.places.built_in();
        Ok(config)
    }

    /// Reads configuration text. `path` is named in errors, and relative paths in the text are relative to its
    /// folder.
    ///
    /// # Errors
    ///
    /// [`Error::ConfigSyntax`] with file, line and key when the text is not a configuration, for each mistake that can be
    /// told from the others.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        let mut config: Self = mistakes::parse(text).map_err(|found| syntax(&found, text, path))?;
        config.places = Places::of(text, path);
        config.folder = path.parent().map(PathBuf::from).unwrap_or_default();
        Ok(config)
    }

    /// Reads the file at `path`; without one, `helm.toml` in the working directory if it exists, else the
    /// standard configuration. Then applies the environment, of which `variable` gives the values.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or is not a configuration, or a variable's value is refused.
    pub fn load(path: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let config = match path {
            Some(path) => Self::read(path)?,
            None if default_path().exists() => Self::read(default_path())?,
            None => Self::standard()?,
        };
        config.with_environment(variable)
    }

    /// Applies the environment, of which `variable` gives the values.
    ///
    /// # Errors
    ///
    /// Fails when a variable's value is refused.
    pub fn with_environment(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        environment::apply(&mut self, variable)?;
        Ok(self)
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::ConfigFile { path: path.display().to_string(), source })?;
        Self::from_toml(&text, path)
    }
}

/// A line for each mistake. The parser's own text would show the line, and the line may hold a key.
fn syntax(found: &[(usize, toml::de::Error)], text: &str, path: &Path) -> Error {
    let path = path.display().to_string();
    let place = |error: &toml::de::Error| match error.span().map(|span| position(text, span.start)) {
        Some((line, column)) => format!("{path}, line {line}, column {column}"),
        None => path.clone(),
    };
    let said = |error: &toml::de::Error| error.message().trim_end().to_owned();
    let mut found = found.iter().map(|(_, error)| error);
    let (place_of_first, mut message) =
        found.next().map_or_else(|| (path.clone(), String::new()), |first| (place(first), said(first)));
    for error in found {
        message.push_str(&format!("\n{}: {}", place(error), said(error)));
    }
    Error::ConfigSyntax { path: place_of_first, message }
}
