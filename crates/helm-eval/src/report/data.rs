use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use helm_core::Message;

use crate::dataset::Sample;
use crate::view::{Signals, hash};

/// Why data could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is no row.
    #[error("{path}, line {line}, is no row of rated data")]
    Row {
        /// In which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One of the two halves of the requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Half {
    /// The first.
    First,
    /// The second.
    Second,
}

impl Half {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// One rated answer and what was measured of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The data set.
    pub source: String,
    /// What was said before.
    pub history: Vec<Message>,
    /// What was asked.
    pub user: String,
    /// What was answered.
    pub response: String,
    /// What the answer should rest on.
    pub knowledge: Option<String>,
    /// Who answered.
    pub model: Option<String>,
    /// Which pair the row is a side of.
    pub pair: Option<String>,
    /// What people said, by dimension.
    pub human: BTreeMap<String, f64>,
    /// The request: context and question, hashed.
    pub request: u64,
    /// What is measured of it.
    pub signals: Signals,
}

impl Row {
    fn new(sample: Sample) -> Option<Self> {
        let before: Vec<String> = sample.history.iter().map(Message::joined_text).collect();
        let request = hash(&before.join("\n")).rotate_left(1) ^ hash(&sample.user);
        let passages = sample.passages();
        let signals = Signals::of(&sample.exchange(&passages));
        Some(Self {
            source: sample.source?,
            history: sample.history,
            user: sample.user,
            response: sample.response?,
            knowledge: sample.knowledge.into_iter().next(),
            model: sample.model,
            pair: sample.pair,
            human: sample.human,
            request,
            signals,
        })
    }

    /// The half of the data that the row is in.
    #[must_use]
    pub const fn half(&self) -> Half {
        if self.request >> 40 & 1 == 0 { Half::First } else { Half::Second }
    }

    /// Which of `parts` equal parts of the data the row is in, from 0.
    pub(super) const fn part(&self, parts: u64) -> u64 {
        (self.request >> 40) % parts
    }

    /// A person's score in a dimension.
    #[must_use]
    pub fn rated(&self, dimension: &str) -> Option<f64> {
        self.human.get(dimension).copied()
    }
}

/// Reads all `.jsonl` files of a folder, in the order of their names.
///
/// # Errors
///
/// The first file or line that is not what it should be.
pub fn read(folder: &Path) -> Result<Vec<Row>, DataError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| DataError::Io { path, source }
    };
    let entries = std::fs::read_dir(folder).map_err(io(folder))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.map_err(io(folder))?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut rows = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
            let refuse = |source| DataError::Row { path: path.clone(), line: number, source };
            let sample: Sample = serde_json::from_str(line).map_err(|error| refuse(error.into()))?;
            let row = Row::new(sample).ok_or_else(|| refuse("it needs `source` and `response`".into()))?;
            rows.push(row);
        }
    }
    Ok(rows)
}
