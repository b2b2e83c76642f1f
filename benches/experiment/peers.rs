//! The same by others, in Python.

use std::process::Command;

const SCRIPT: &str = include_str!("peers.py");

pub fn run() {
    let python = std::env::var("HELM_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    println!("\nothers, by {python}");
    match Command::new(&python).args(["-c", SCRIPT]).status() {
        Ok(status) if status.success() => {}
        Ok(_) | Err(_) => println!(
            "not measured: it has no SciPy; make an environment with scipy and gbstats, and name its python in HELM_BENCH_PYTHON"
        ),
    }
}
