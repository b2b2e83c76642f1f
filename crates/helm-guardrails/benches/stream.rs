//! What guarding costs, whole and while it streams, and how much a stream holds back.
//!
//! `cargo bench -p helm-guardrails --bench stream`
//!
//! Time is wall time on one thread, the best of some rounds.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench shows what it measures, and may panic"
)]

#[path = "../../../benches/shared/figures.rs"]
mod figures;

use std::hint::black_box;
use std::time::{Duration, Instant};

use helm_guardrails::core::Stage;
use helm_guardrails::{GuardrailEngine, StreamStep};

/// Ordinary prose, with a number and a name here and there.
const PROSE: &str = "Thank you for your patience while we looked into the delay. The parcel left our warehouse in Leipzig on \
    Tuesday morning, and the carrier expects to deliver it within three working days. If nothing has arrived by the end \
    of next week, please write to us again, and we will either send a replacement or return the 24 euros that you paid. \
    It helps when you tell us whether a neighbour could have taken it in; about half of what seems lost is found that \
    way. We are sorry for the trouble: the autumn has been busier than we had planned for, and a well-meant change of \
    carriers did not go as smoothly as it should have. ";

fn best(rounds: u32, mut work: impl FnMut()) -> Duration {
    let round = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..rounds).map(|_| round(&mut work)).min().unwrap_or_default()
}

/// Streams a text; how much was held back after each piece.
fn stream(guard: &GuardrailEngine, text: &str, size: usize) -> Vec<usize> {
    let mut stream = guard.stream(Stage::Output);
    let (mut arrived, mut left, mut held) = (0, 0, Vec::with_capacity(text.len() / size + 1));
    for piece in text.as_bytes().chunks(size) {
        arrived += piece.len();
        match stream.push(std::str::from_utf8(piece).unwrap()) {
            StreamStep::Emit(text) => left += text.len(),
            StreamStep::Blocked(_) => break,
        }
        held.push(arrived - left);
    }
    black_box(stream.finish());
    held
}

fn main() {
    let guard = GuardrailEngine::standard();
    let text = PROSE.repeat(24);
    let per_kb = |time: Duration| time.as_secs_f64() * 1e6 / (text.len() as f64 / 1024.0);
    let parts: Vec<&str> =
        text.as_bytes().chunks(1024).map(|part| std::str::from_utf8(part).unwrap()).collect();
    let whole = best(20, || parts.iter().for_each(|part| drop(black_box(guard.check_output(part)))));
    println!("whole, messages of 1 KB: {:.1} us/KB", per_kb(whole));
    figures::figure("guards", "whole, messages of 1 KB", per_kb(whole), "us/KB");
    let short: String = text.chars().take(200).collect();
    let chat = best(200, || drop(black_box(guard.check_output(&short))));
    println!("whole, 200 bytes: {:.2} us", chat.as_secs_f64() * 1e6);
    figures::figure("guards", "whole, 200 bytes", chat.as_secs_f64() * 1e9, "ns");
    for size in [4, 16, 64] {
        let time = best(10, || parts.iter().for_each(|part| drop(black_box(stream(&guard, part, size)))));
        let mut held: Vec<usize> = parts.iter().flat_map(|part| stream(&guard, part, size)).collect();
        held.sort_unstable();
        println!(
            "stream, pieces of {size}: {:.1} us/KB, {:.2} times the whole; held back: median {}, most {}",
            per_kb(time),
            time.as_secs_f64() / whole.as_secs_f64(),
            held.get(held.len() / 2).unwrap(),
            held.last().unwrap(),
        );
        figures::figure("guards", &format!("stream, pieces of {size}"), per_kb(time), "us/KB");
    }
}
