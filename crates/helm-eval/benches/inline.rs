//! The time of all inline evaluators together: `cargo bench -p helm-eval --bench inline`.
//!
//! On answers of about 100 words to questions of about 15, with a passage of about 60, and on an answer of a megabyte. After
//! the means of criterion it prints the percentiles of single evaluations.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints and may panic"
)]

#[path = "../../../benches/shared/figures.rs"]
mod figures;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use helm_eval::{EvaluationEngine, Exchange};

const QUESTION: &str =
    "How can I plan a week of cycling along the coast of Portugal, and what should I take with me?";
const PASSAGE: &str = "The Atlantic route of Portugal runs 950 km from Caminha to Vila Real de Santo António. In summer the wind \
    blows from the north, so most cyclists ride south. Trains carry bicycles free of charge on regional lines, but not on \
    the Alfa Pendular. Camp sites lie every 20 to 40 km; between Sines and Sagres shops are rare.";
const ANSWER: &str = "Start in the north, at Caminha, and ride south with the wind in your back. Plan about 60 km a day: a week \
    brings you to Lisbon, if you skip the hills around Sintra. Regional trains carry bicycles free of charge, so you can \
    always shorten a day. Take a light tent, because camp sites lie every 20 to 40 km, a rain jacket, two spare tubes and \
    a pump. South of Sines shops are rare, so carry water and food for a day. However, in August the coast is crowded; \
    book the first night, and perhaps the last one, before you leave.";

/// Answers of the same length in other words, so that no branch is learned by heart.
fn answers() -> Vec<String> {
    let mut words: Vec<&str> = ANSWER.split(' ').collect();
    (0..64)
        .map(|turn| {
            words.rotate_left(1 + turn % 7);
            words.join(" ")
        })
        .collect()
}

fn judge(runtime: &tokio::runtime::Runtime, engine: &EvaluationEngine, answer: &str) -> usize {
    let passages = [PASSAGE];
    let exchange = Exchange::new(QUESTION, answer).with_passages(&passages).with_violations(&[]);
    runtime.block_on(engine.evaluate(&exchange)).len()
}

fn inline(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let engine = EvaluationEngine::all_inline().expect("built in");
    let answers = answers();
    let mut turn = 0;
    criterion.bench_function("inline/100 words", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % answers.len();
            judge(&runtime, &engine, black_box(&answers[turn]))
        });
    });
    let mut times: Vec<Duration> = (0..20_000)
        .map(|turn| {
            let begin = Instant::now();
            black_box(judge(&runtime, &engine, &answers[turn % answers.len()]));
            begin.elapsed()
        })
        .collect();
    times.sort();
    for percent in [50, 99] {
        let time = times[times.len() * percent / 100];
        println!("100 words: p{percent} {time:?}");
        figures::figure("inline", &format!("100 words, p{percent}"), time.as_secs_f64() * 1e9, "ns");
    }
    let huge = ANSWER.repeat(1_000_000 / ANSWER.len());
    let mut group = criterion.benchmark_group("inline");
    group.sample_size(10);
    group.bench_function("1 MB", |bencher| bencher.iter(|| judge(&runtime, &engine, black_box(&huge))));
    group.finish();
}

criterion_group!(benches, inline);
criterion_main!(benches);
