//! How many decisions and updates a second: `cargo bench --bench policy`.
//!
//! Processor time of one core, each decision with its exact probability but where the name says otherwise. Beside other libraries:
//! `cargo bench --manifest-path benches/peers/Cargo.toml`.

mod cpu_time;
mod loops;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};

fn bench(criterion: &mut Criterion<CpuTime>) {
    loops::all(criterion).expect("the bandits are valid");
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime::default());
    targets = bench
}
criterion_main!(benches);
