use std::collections::HashMap;

use anyhow::Context;
use serde_json::Value;

use crate::chaos::cluster::Cluster;
use crate::chaos::ledger::Ledger;

/// How the log compares with what callers were told.
pub(crate) struct Found {
    /// Turns in the log.
    pub(crate) rows: usize,
    /// Turns that are there more than once.
    pub(crate) twice: usize,
    /// Turns that were answered and are not there.
    pub(crate) missing: Vec<String>,
    /// Turns whose judgement is not the last that was acknowledged.
    pub(crate) misjudged: Vec<String>,
    /// Whether the state of learning is what a replay of the log gives.
    pub(crate) agrees: bool,
}

/// Reads the log as an operator does, and compares.
pub(crate) async fn compare(cluster: &Cluster, ledger: &Ledger) -> anyhow::Result<Found> {
    let (log, agrees) = (cluster.log().await?, cluster.agrees().await?);
    let mut found = HashMap::new();
    let (mut rows, mut twice) = (0, 0);
    for line in log.lines() {
        let (id, judgement) = row(line)?;
        rows += 1;
        twice += usize::from(found.insert(id, judgement).is_some());
    }
    let book = ledger.book();
    let missing = book.turns.keys().filter(|turn| !found.contains_key(*turn)).cloned().collect();
    let misjudged = |(turn, judged): (&String, &super::ledger::Judged)| {
        let there = found.get(turn)?;
        (!judged.admits(*there)).then(|| turn.clone())
    };
    Ok(Found { rows, twice, missing, misjudged: book.turns.iter().filter_map(misjudged).collect(), agrees })
}

/// A turn and what its user said of it.
fn row(line: &str) -> anyhow::Result<(String, Option<f64>)> {
    let row: Value = serde_json::from_str(line)?;
    let id = row.get("id").and_then(Value::as_str).context("a row of the log has no id")?;
    let feedback =
        row.get("feedback").and_then(Value::as_array).context("a row of the log has no feedback")?;
    anyhow::ensure!(feedback.len() <= 1, "{id} has {} judgements of one person", feedback.len());
    Ok((id.to_owned(), feedback.first().and_then(|one| one.get("value")).and_then(Value::as_f64)))
}
