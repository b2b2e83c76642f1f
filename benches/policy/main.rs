//! How many decisions and updates a second: `cargo bench --bench policy`.
//!
//! One core, each decision with its exact probability but where the name says otherwise. Beside other libraries:
//! `cargo bench --manifest-path benches/peers/Cargo.toml`.

mod loops;

use criterion::{Criterion, criterion_group, criterion_main};

fn bench(criterion: &mut Criterion) {
    loops::all(criterion).expect("the bandits are valid");
}

criterion_group!(benches, bench);
criterion_main!(benches);
