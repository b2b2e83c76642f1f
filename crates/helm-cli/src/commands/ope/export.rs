//! Helm's own log, from a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use helm_orchestrator::PastTurn;

pub(super) fn read(path: &Path) -> Result<Vec<PastTurn>, String> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) {
        return Err(
            "JSON lines and CSV are read; write the former with `helmctl export --to FILE.jsonl`".to_owned()
        );
    }
    let mut turns = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| format!("line {}: {error}", number + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let turn = serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", number + 1))?;
        turns.push(turn);
    }
    Ok(turns)
}
