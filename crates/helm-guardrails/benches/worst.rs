//! Time a kilobyte of the standard engine on texts that are made to be slow, and how many times that of prose it is:
//! `cargo bench -p helm-guardrails --bench worst`.
//!
//! Wall time on one thread, the best of some rounds.

#![expect(clippy::print_stdout, reason = "a bench shows what it measures")]

#[path = "../../../benches/shared/figures.rs"]
mod figures;
mod hostile;

use std::hint::black_box;
use std::time::Instant;

use helm_guardrails::core::Stage;
use helm_guardrails::{GuardrailEngine, StreamStep};
use hostile::hostile;

/// The best of some rounds, in microseconds a kilobyte.
fn best(text: &str, work: impl Fn(&str)) -> f64 {
    let round = |_| {
        let began = Instant::now();
        work(text);
        began.elapsed().as_secs_f64()
    };
    (0..5).map(round).fold(f64::INFINITY, f64::min) * 1e6 * 1_024.0 / text.len() as f64
}

/// Streams a text in pieces of a token's length, until it is blocked.
fn stream(guard: &GuardrailEngine, text: &str) {
    let (mut stream, mut rest) = (guard.stream(Stage::Input), text);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.ceil_char_boundary(4.min(rest.len())));
        if matches!(stream.push(piece), StreamStep::Blocked(_)) {
            return;
        }
        rest = later;
    }
    black_box(stream.finish());
}

fn main() {
    let (guard, texts) = (GuardrailEngine::standard(), hostile());
    let whole = |text: &str| best(text, |text| drop(black_box(guard.check_input(text))));
    let streamed = |text: &str| best(text, |text| stream(&guard, text));
    let mut prose = None;
    println!("{:<28}{:>10}{:>8}{:>12}{:>8}", "us/KB", "whole", "times", "streamed", "times");
    for (name, text) in &texts {
        let times = (whole(text), streamed(text));
        let of = *prose.get_or_insert(times);
        let (slower, streamed_slower) = (times.0 / of.0, times.1 / of.1);
        println!("{name:<28}{:>10.1}{slower:>8.1}{:>12.1}{streamed_slower:>8.1}", times.0, times.1);
        figures::figure("whole", name, times.0, "us/KB");
        figures::figure("streamed", name, times.1, "us/KB");
    }
}
