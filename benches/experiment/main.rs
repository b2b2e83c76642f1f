//! What reading experiments costs: `cargo bench --bench experiment`.
//!
//! Processor time of one core, the least of some runs, beside what is wanted. Where `python3`, or what
//! `HELM_BENCH_PYTHON` names, has SciPy and gbstats, the same is measured of them in the same run.

#[path = "../policy/cpu_time.rs"]
mod cpu_time;
#[path = "../shared/figures.rs"]
mod figures;
mod peers;
mod reports;
mod statistics;

use std::time::Duration;

use cpu_time::CpuTime;
use criterion::measurement::Measurement;

/// A figure: its name, what it came to, and what is wanted of it.
pub struct Figure {
    pub name: &'static str,
    pub took: Duration,
    /// How many times the thing was done in that.
    pub times: u32,
    pub wanted: Duration,
}

/// The least processor time of some runs of the same.
pub fn least(runs: usize, mut work: impl FnMut()) -> Duration {
    let clock = CpuTime::default();
    let run = |_| {
        let begin = clock.start();
        work();
        clock.end(begin)
    };
    (0..runs).map(run).min().unwrap_or_default()
}

fn main() {
    let measured = statistics::all().into_iter().chain(reports::all());
    println!("{:<64} {:>12} {:>12}", "helm", "took", "wanted");
    for Figure { name, took, times, wanted } in measured {
        let (once, verdict) = (took / times, if took / times <= wanted { "" } else { "  MISSED" });
        println!("{name:<64} {once:>12.3?} {wanted:>12.3?}{verdict}");
        figures::figure("experiments", name, once.as_secs_f64() * 1e9, "ns");
    }
    peers::run();
}
