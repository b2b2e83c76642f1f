use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file's form that this build writes and reads.
const FORMAT_VERSION: u32 = 1;

/// Exchanges with a provider, in the order of their ends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    format_version: u32,
    /// What was said.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What was asked.
    pub request: RecordedRequest,
    /// What was answered.
    pub reply: RecordedReply,
}

/// A request without anything secret.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRequest {
    /// Always `POST`.
    pub method: String,
    /// The path, without the address before it and the query behind it.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// An answer without anything secret.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedReply {
    /// The status.
    pub status: u16,
    /// The headers that the client reads.
    pub headers: BTreeMap<String, String>,
    /// The body as text, however it was cut on its way.
    pub body: String,
    /// Whether the connection broke before the body's end. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_broken: bool,
}

/// Why a cassette cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The file cannot be read or written.
    #[error("the cassette {path} cannot be read or written")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is not a cassette.
    #[error("{path} is not a cassette")]
    Form {
        /// Which file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file was written by a later version.
    #[error("{path} has format version {found}; this build reads {FORMAT_VERSION}: record it anew")]
    Version {
        /// Which file.
        path: String,
        /// Its version.
        found: u32,
    },
}

impl Default for Cassette {
    fn default() -> Self {
        Self { format_version: FORMAT_VERSION, exchanges: Vec::new() }
    }
}

impl Cassette {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read, or is not a cassette of a version that this build knows.
    pub fn load(path: &Path) -> Result<Self, CassetteError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| CassetteError::File { path: shown.clone(), source })?;
        let cassette: Self = serde_json::from_str(&text)
            .map_err(|source| CassetteError::Form { path: shown.clone(), source: source.into() })?;
        match cassette.format_version {
            FORMAT_VERSION => Ok(cassette),
            found => Err(CassetteError::Version { path: shown, found }),
        }
    }

    /// Writes a file: all of it, or nothing.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), CassetteError> {
        let shown = path.display().to_string();
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|source| CassetteError::Form { path: shown.clone(), source: source.into() })?;
        text.push('\n');
        let beside = path.with_extension("json.new");
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|source| CassetteError::File { path: shown, source })
    }
}
