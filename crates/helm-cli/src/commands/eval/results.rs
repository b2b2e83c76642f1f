//! A file of results: what run it is of on the first line, then one row a line, as each was done.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use helm_orchestrator::eval::dataset::{RowResult, Sample};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::by_key;
use crate::error::{Failure, Result};

/// Which run results are of: those of another are not gone on with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// Raised when a line changes its meaning.
    pub(super) format: u32,
    /// The file of the data set.
    pub(super) dataset: String,
    /// The reward's name and version.
    pub(super) reward: String,
    /// The reward as configuration writes it.
    pub(super) spec: Value,
    /// The strategy that answered; `None` when the data set holds the answers.
    pub(super) answered_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct First {
    run: Header,
}

/// Results, also on the disk when a file was named.
pub(super) struct ResultsFile {
    file: Option<(PathBuf, File)>,
    rows: BTreeMap<String, RowResult>,
    /// Dollars of all lines, also of those that were tried again.
    spent: f64,
}

impl ResultsFile {
    /// Opens a file to go on with, or begins it.
    pub(super) fn open(path: Option<&Path>, header: &Header) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { file: None, rows: BTreeMap::new(), spent: 0.0 }) };
        let wrong = |error: std::io::Error| Failure::wrong(format!("cannot use {}: {error}", path.display()));
        let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let mut file = options.map_err(wrong)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(wrong)?;
        // Whatever ended a run in the middle of a line has lost that line, and nothing else.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let kept = text.get(..whole).unwrap_or_default();
        file.set_len(whole as u64).map_err(wrong)?;
        file.seek(SeekFrom::End(0)).map_err(wrong)?;
        let mut results = Self { file: Some((path.to_owned(), file)), rows: BTreeMap::new(), spent: 0.0 };
        if kept.is_empty() {
            results.line(&First { run: header.clone() })?;
            return Ok(results);
        }
        let (found, rows) = parse(kept, path)?;
        if found != *header {
            return Err(Failure::wrong(format!(
                "{} holds results of another run ({} with {}); name another file, or remove it",
                path.display(),
                found.dataset,
                found.reward
            )));
        }
        results.spent = rows.iter().filter_map(|row| row.dollars).sum();
        results.rows = rows.into_iter().map(|row| (row.key(), row)).collect();
        Ok(results)
    }

    /// Forgets results that are tried again: of rows that failed, and of those whose answer has changed since. Rows that the
    /// data set has not are of another one.
    pub(super) fn keep_only(&mut self, rows: &[Sample], is_answered_here: bool) -> Result<()> {
        let known = by_key(rows);
        if let (Some(stranger), Some((path, _))) =
            (self.rows.keys().find(|key| !known.contains_key(*key)), &self.file)
        {
            let path = path.display();
            return Err(Failure::wrong(format!(
                "{path} holds a result of {stranger}, which the rows have not; name another file, or remove it"
            )));
        }
        self.rows.retain(|key, result| {
            let same = is_answered_here || known.get(key).is_some_and(|row| row.response == result.response);
            same && result.error.is_none()
        });
        Ok(())
    }

    pub(super) fn has(&self, row: &Sample) -> bool {
        self.rows.contains_key(&row.id.to_string())
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// What the results here have cost, those of failures too.
    pub(super) fn dollars(&self) -> f64 {
        self.spent
    }

    pub(super) fn add(&mut self, result: RowResult) -> Result<()> {
        self.line(&result)?;
        self.spent += result.dollars.unwrap_or(0.0);
        self.rows.insert(result.key(), result);
        Ok(())
    }

    /// The results in the order of the rows.
    pub(super) fn in_order(&self, rows: &[Sample]) -> Vec<RowResult> {
        rows.iter().filter_map(|row| self.rows.get(&row.id.to_string())).cloned().collect()
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let text = serde_json::to_string(value)? + "\n";
        let written = file.write_all(text.as_bytes());
        written.map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))
    }
}

/// The rows of a file of results, each at its last value.
pub(super) fn read_results(path: &Path) -> Result<Vec<RowResult>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::wrong(format!("cannot read {}: {error}", path.display())))?;
    let (_, rows) = parse(&text, path)?;
    let mut last: BTreeMap<String, RowResult> = BTreeMap::new();
    let mut order = Vec::new();
    for row in rows {
        let key = row.key();
        if last.insert(key.clone(), row).is_none() {
            order.push(key);
        }
    }
    Ok(order.iter().filter_map(|key| last.remove(key)).collect())
}

fn parse(text: &str, path: &Path) -> Result<(Header, Vec<RowResult>)> {
    let wrong = |line: usize, error: &dyn std::fmt::Display| {
        Failure::wrong(format!(
            "{}, line {line}: {error}; it is no file of results of `eval run`",
            path.display()
        ))
    };
    let mut lines = text.lines().zip(1..);
    let first = lines.next().map_or("", |(line, _)| line);
    let First { run } = serde_json::from_str(first).map_err(|error| wrong(1, &error))?;
    if run.format != 1 {
        return Err(wrong(1, &format!("its format {} is not known here", run.format)));
    }
    let rows = lines.filter(|(line, _)| !line.trim().is_empty());
    let rows = rows.map(|(line, number)| serde_json::from_str(line).map_err(|error| wrong(number, &error)));
    Ok((run, rows.collect::<Result<_>>()?))
}
