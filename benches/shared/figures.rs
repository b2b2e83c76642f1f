//! Tells programs what a benchmark measured: one JSON object a line, added to the file that `HELM_BENCH_FIGURES` names.
//! Benchmarks of criterion keep theirs in files of its own, so only what is measured otherwise is told here.

use std::io::Write;

/// Tells one figure, where somebody asks for it. `unit` is what `name` within `group` is measured in, such as `us/KB`.
pub(crate) fn figure(group: &str, name: &str, value: f64, unit: &str) {
    let Some(path) = std::env::var_os("HELM_BENCH_FIGURES") else { return };
    // What names and units are written in needs no other escapes than those of Rust.
    let line = format!("{{\"group\":{group:?},\"name\":{name:?},\"value\":{value},\"unit\":{unit:?}}}\n");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let told = file.and_then(|mut file| file.write_all(line.as_bytes()));
    assert!(told.is_ok(), "HELM_BENCH_FIGURES={}: {told:?}", path.display());
}
