use std::hint::black_box;
use std::time::{Duration, Instant};

use helm_core::Stage;
use helm_orchestrator::guardrails::{GuardrailEngine, StreamStep};
use serde::Deserialize;

use super::{lines, stage};
use crate::arguments::Direction;
use crate::error::{Failure, Result};
use crate::output;

#[derive(Deserialize)]
struct Line {
    text: String,
}

/// How many bytes a piece of a stream has, about as many as a token.
const PIECE: usize = 4;

/// How fast the guards are on the texts of standard input, on one core.
pub(super) fn run(guard: &GuardrailEngine, direction: Direction, seconds: u64) -> Result<()> {
    let texts = lines().map(|line| line.map(|line: Line| line.text)).collect::<Result<Vec<_>>>()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    if bytes == 0 {
        return Err(Failure::wrong(
            "there is no text on standard input; write lines of {\"text\": \"…\"}".to_owned(),
        ));
    }
    let stage = stage(direction);
    let budget = Duration::from_secs(seconds);
    let whole = time(&texts, budget, |text| drop(black_box(guard.check(stage, text))));
    let streamed = time(&texts, budget, |text| stream(guard, stage, text));
    let row = |name: &str, took: f64| {
        let (per_kb, rate) = (took * 1e6 * 1024.0 / bytes as f64, bytes as f64 / took / 1e6);
        [name.to_owned(), format!("{per_kb:.2}"), format!("{rate:.1}")]
    };
    let rows = [row("whole", whole), row("streamed, 4 bytes at a time", streamed)];
    output::line(&output::table(["text", "µs/KB", "MB/s"], rows))?;
    output::line(&format!("{} texts, {bytes} bytes, one core", texts.len()))
}

/// The seconds of the fastest of the rounds that fit into the budget: the others were disturbed.
fn time(texts: &[String], budget: Duration, check: impl Fn(&str)) -> f64 {
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    loop {
        let round = Instant::now();
        texts.iter().for_each(|text| check(text));
        best = best.min(round.elapsed().as_secs_f64());
        if begin.elapsed() >= budget {
            return best;
        }
    }
}

fn stream(guard: &GuardrailEngine, stage: Stage, text: &str) {
    let mut stream = guard.stream(stage);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.ceil_char_boundary(PIECE.min(rest.len()));
        let (piece, later) = rest.split_at(end);
        if let StreamStep::Blocked(result) = stream.push(piece) {
            drop(black_box(result));
            return;
        }
        rest = later;
    }
    drop(black_box(stream.finish()));
}
