//! Exports are whole, exact, and read by pandas and DuckDB as they were written.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use helm_core::{
    Candidate, Category, Features, GuardAction, NanoUsd, NotScored, Probability, Score, ScoreEntry,
    ScoreOutcome, Severity, Stage, Timestamp, TokenCount, UnitInterval, Violation,
};
use helm_store::conformance::{MeanSettle, deadline, decision, feedback, tenant, turn};
use helm_store::export::{JsonLines, Parquet, ParquetOptions, RowWriter, export};
use helm_store::memory::MemoryStore;
use helm_store::{ErrorKind, InteractionLogExt, RowQuery, Store, TurnRow};

fn unit(value: f64) -> UnitInterval {
    UnitInterval::new(value).unwrap()
}

/// A log of 100 turns, every fourth without a decision, with values that are easily lost.
async fn filled() -> MemoryStore {
    let store = MemoryStore::new();
    for number in 0..100_u64 {
        let (mut decision, mut turn) = (decision(number), turn(number));
        let third = number as f64 / 3.0;
        decision.at = Timestamp::from_micros(1_790_000_000_000_001 + 1_000_003 * number as i64);
        turn.began = decision.at;
        turn.outcome.at = decision.at.after(Duration::from_micros(number));
        turn.input = format!("question {number}: \"ü\\\n\t😀");
        let probability = Probability::new(1.0 / 3.0).unwrap();
        decision.context.features =
            Features::new(u64::MAX - number, vec![third; (number % 4) as usize]).unwrap();
        decision.candidates = vec![Candidate {
            strategy: decision.strategy.clone(),
            probability,
            mean: third,
            deviation: 0.1,
            pulls: number,
        }];
        let outcome = &mut turn.outcome;
        outcome.usage.input = TokenCount::new(number);
        outcome.latency = Duration::from_micros(1_000 * number + 1);
        outcome.cost = (number % 5 > 0).then(|| NanoUsd::from_nanos(9_007_199_254_740_993 + number as i64));
        let entry = |name: &str, outcome| ScoreEntry { evaluator: name.parse().unwrap(), outcome };
        outcome.scores = vec![
            entry("length", ScoreOutcome::Scored(Score::new(unit((third / 100.0).min(1.0)), unit(1.0)))),
            entry("judge", ScoreOutcome::NotScored(NotScored::Incomplete)),
        ];
        outcome.violations = vec![Violation {
            stage: Stage::Input,
            category: Category::Pii,
            entity: "EMAIL".to_owned(),
            span: None,
            severity: Severity::Low,
            score: unit(1.0),
            action: GuardAction::Redact,
            detector: "d".to_owned(),
        }];
        if number % 4 > 0 {
            store.log_decision(&decision, deadline()).await.unwrap();
        }
        store.commit_turn(turn, Arc::new(MeanSettle)).await.unwrap();
        if number % 4 == 1 {
            let said = feedback(number, "user", (number % 7) as f64 / 7.0);
            let settle = Arc::new(MeanSettle);
            store.record_feedback(&tenant("t"), &said, decision.at, settle).await.unwrap();
        }
    }
    store
}

async fn rows(store: &MemoryStore, query: &RowQuery) -> Vec<TurnRow> {
    store.stream_rows(&tenant("t"), query).try_collect().await.unwrap()
}

async fn exported(store: &MemoryStore, query: &RowQuery, writer: &mut dyn RowWriter) -> u64 {
    let mut told = 0;
    let rows = export(store, &tenant("t"), query, writer, &mut |rows| told = rows).await.unwrap();
    assert_eq!(told, rows);
    rows
}

#[tokio::test]
async fn lines_hold_what_rows_hold() {
    let store = filled().await;
    for query in [RowQuery::default(), RowQuery::default().with_texts().with_reward(true)] {
        let mut lines = JsonLines::new(Vec::new());
        let written = exported(&store, &query, &mut lines).await;
        let text = String::from_utf8(lines.into_inner().unwrap()).unwrap();
        let read: Vec<TurnRow> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((read.len() as u64, &read), (written, &rows(&store, &query).await));
        assert!(text.contains("\"began\":\"2026-") && text.ends_with("}\n"));
        assert_eq!(text.contains("question"), query.texts);
    }
}

/// Takes a few bytes and then no more.
#[derive(Clone, Default)]
struct Full(Arc<Mutex<usize>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut taken = self.0.lock().unwrap();
        *taken += bytes.len();
        if *taken > 1_000 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let store = filled().await;
    let (query, mut progress) = (RowQuery::default(), |_| {});
    let mut writers: Vec<Box<dyn RowWriter>> = vec![
        Box::new(JsonLines::new(Full::default())),
        Box::new(Parquet::new(Full::default(), ParquetOptions::default()).unwrap()),
    ];
    for writer in &mut writers {
        let error = export(&store, &tenant("t"), &query, &mut **writer, &mut progress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unwritable);
        assert!(std::error::Error::source(&error).is_some(), "{error}");
    }
}

/// A Python with pandas, pyarrow and DuckDB, installed once below `target`. `None`, and a note, when it cannot be.
fn python() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("analysts-python");
    let python = place.join("bin/python");
    let has_all = || {
        let imported = Command::new(&python).args(["-c", "import duckdb, pandas, pyarrow"]).output();
        imported.is_ok_and(|imported| imported.status.success())
    };
    if has_all() {
        return Some(python);
    }
    let install = || -> std::io::Result<bool> {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&place).output()?;
        let pip = ["-m", "pip", "install", "--quiet", "duckdb", "pandas", "pyarrow"];
        Ok(made.status.success() && Command::new(&python).args(pip).output()?.status.success())
    };
    if install().is_ok_and(|installed| installed) && has_all() {
        return Some(python);
    }
    helm_testkit::skip("reading exports", "python3 with duckdb, pandas and pyarrow cannot be installed");
    None
}

#[tokio::test]
async fn pandas_and_duckdb_read_what_was_written() {
    let Some(python) = python() else { return };
    let (store, folder) = (filled().await, tempfile::tempdir().unwrap());
    let query = RowQuery::default().with_texts();
    let create = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
    let mut lines = JsonLines::new(create("turns.jsonl"));
    assert_eq!(exported(&store, &query, &mut lines).await, 100);
    let options = ParquetOptions::default().with_texts().with_group(30, 1 << 20);
    let mut parquet = Parquet::new(create("turns.parquet"), options).unwrap();
    assert_eq!(exported(&store, &query, &mut parquet).await, 100);
    let expected = serde_json::to_string(&rows(&store, &query).await).unwrap();
    std::fs::write(folder.path().join("rows.json"), expected).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/export/read.py");
    let read = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&read.stdout).into_owned() + &String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    eprintln!("{said}");
}
