//! A file of results: what run it is of on the first line, then one row a line, as each was done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use helm_core::EvaluatorName;
use helm_orchestrator::eval::dataset::{RowResult, Sample};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::by_key;
use crate::error::{Failure, Result};
use crate::locked_file;

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
    /// Changes with that strategy, its prompt and its model.
    #[serde(default)]
    pub(super) strategy: Option<String>,
    /// The judges, and what changes with their questions and models.
    #[serde(default)]
    pub(super) judges: BTreeMap<EvaluatorName, String>,
}

#[derive(Serialize, Deserialize)]
struct First {
    run: Header,
}

/// How a file of results begins.
const BEGINNING: &str = "{\"run\":";

impl Header {
    fn is_named_as(&self, other: &Self) -> bool {
        (&self.dataset, &self.reward, &self.answered_by)
            == (&other.dataset, &other.reward, &other.answered_by)
    }
}

/// What a row cost, and whether that is known; `None` when nobody was asked.
pub(super) fn cost(row: &RowResult) -> Option<Option<f64>> {
    (row.dollars.is_some() || row.seconds.is_some()).then_some(row.dollars)
}

/// Results, also on the disk when a file was named.
pub(super) struct ResultsFile {
    file: Option<(PathBuf, File)>,
    rows: BTreeMap<String, RowResult>,
    /// What all lines cost, also those that were tried again; `None` where nobody knows.
    costs: Vec<Option<f64>>,
}

impl ResultsFile {
    /// Opens a file to go on with, or begins it. No other run may write to it meanwhile.
    pub(super) fn open(path: Option<&Path>, header: &Header) -> Result<Self> {
        let mut results = Self { file: None, rows: BTreeMap::new(), costs: Vec::new() };
        let Some(path) = path else { return Ok(results) };
        let wrong =
            |error: &dyn std::fmt::Display| Failure::wrong(format!("cannot use {}: {error}", path.display()));
        let (mut file, text) = locked_file::open(path)?;
        // Whatever ended a run in the middle of a line has lost that line, and nothing else.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let kept = text.get(..whole).unwrap_or_default();
        if !kept.is_empty() {
            results.go_on(kept, path, header)?;
        } else if !text.is_empty() && !text.starts_with(BEGINNING) {
            return Err(wrong(&"it is no file of results of `eval run`"));
        }
        // Only what is known to be ours is cut.
        file.set_len(whole as u64).map_err(|error| wrong(&error))?;
        file.seek(SeekFrom::End(0)).map_err(|error| wrong(&error))?;
        results.file = Some((path.to_owned(), file));
        if kept.is_empty() {
            results.line(&First { run: header.clone() })?;
        }
        Ok(results)
    }

    fn go_on(&mut self, text: &str, path: &Path, header: &Header) -> Result<()> {
        let (found, rows) = parse(text, path)?;
        if found != *header {
            return Err(Failure::wrong(format!(
                "{} holds results of another run ({} with {}{}); name another file, or remove it",
                path.display(),
                found.dataset,
                found.reward,
                if found.is_named_as(header) { ", of which something has been changed since" } else { "" }
            )));
        }
        self.costs = rows.iter().filter_map(cost).collect();
        self.rows = rows.into_iter().map(|row| (row.key(), row)).collect();
        Ok(())
    }

    /// Forgets results that are tried again: of rows that failed, and of those that have changed since, or whose answer has. Rows
    /// that the data set has not are of another one.
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
            let is_same = |row: &&Sample| {
                let is_answer = is_answered_here || row.response == result.response;
                is_answer && result.row.as_ref() == Some(&row.fingerprint())
            };
            known.get(key).is_some_and(is_same) && result.error.is_none()
        });
        Ok(())
    }

    pub(super) fn has(&self, row: &Sample) -> bool {
        self.rows.contains_key(&row.id.to_string())
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// What each result here has cost, those of failures too; `None` where nobody knows.
    pub(super) fn costs(&self) -> impl Iterator<Item = Option<f64>> {
        self.costs.iter().copied()
    }

    pub(super) fn add(&mut self, result: RowResult) -> Result<()> {
        self.line(&result)?;
        self.costs.extend(cost(&result));
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
