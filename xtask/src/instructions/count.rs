use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// How often a path runs in the shorter of its two runs.
const STEPS: u64 = 200;

/// The program that runs the paths, optimised as a release.
pub(crate) fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    helm_testkit::without_package(&mut build);
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "instructions",
        "--package",
        "helm-instructions",
    ]);
    ensure!(build.current_dir(root).status()?.success(), "helm-instructions could not be built");
    Ok(crate::target(root).join("instructions/helm-instructions"))
}

/// What one step of a path executes.
pub(crate) fn per_step(program: &Path, name: &str) -> anyhow::Result<u64> {
    let (once, twice) = (counted(program, name, STEPS)?, counted(program, name, 2 * STEPS)?);
    Ok(twice.saturating_sub(once) / STEPS)
}

/// What a whole run executes.
fn counted(program: &Path, name: &str, steps: u64) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).args([name, &steps.to_string()]).output();
    let output = output.context("valgrind is needed to count: apt-get install valgrind")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed under valgrind: {told}");
    collected(&told).with_context(|| format!("valgrind did not say what it counted: {told}"))
}

/// The number in `==7== Collected : 123456`.
fn collected(told: &str) -> Option<u64> {
    let (_, rest) = told.split_once("Collected :")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_valgrind_says() {
        let told = "==7== Events    : Ir\n==7== Collected : 36413\n==7== \n==7== I   refs:      36,413\n";
        assert_eq!(collected(told), Some(36_413));
        assert_eq!(collected("==7== killed"), None);
    }
}
