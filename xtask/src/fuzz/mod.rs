//! `cargo xtask fuzz`: looks for bytes that break what reads from outside, and keeps what it finds.

mod found;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::tool;

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz                                 every target for two minutes
  cargo xtask fuzz --seconds 3600 --only decoder
  cargo xtask fuzz --list

Needs a nightly compiler (rustup toolchain install nightly), a C++ compiler, and cargo-fuzz (cargo install cargo-fuzz).
What breaks a target is copied into fuzz/seeds/TARGET, which tests/fuzz.rs replays on the stable compiler, so it stays
found. Exit code 1 when something is found.";

/// Looks for bytes that break what reads from outside; fuzz/README.md says what each target holds.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How long each target is run, in seconds
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// One target; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the targets
    #[arg(long)]
    list: bool,
}

/// Whether nothing was found.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let root = crate::root();
    let targets = targets(&root)?;
    if arguments.list {
        writeln!(std::io::stdout(), "{}", targets.join("\n"))?;
        return Ok(true);
    }
    for name in &arguments.only {
        ensure!(targets.contains(name), "there is no target {name}; --list names them");
    }
    tool::need("rustc", &["+nightly", "--version"], "rustup toolchain install nightly")?;
    tool::need("cargo", &["fuzz", "--version"], "cargo install cargo-fuzz")?;
    let wanted = |name: &&String| arguments.only.is_empty() || arguments.only.contains(name);
    let mut found = Vec::new();
    for name in targets.iter().filter(wanted) {
        let new = look(&root, name, Duration::from_secs(arguments.seconds))?;
        let told =
            if new.is_empty() { "nothing found".to_owned() } else { format!("FOUND {}", new.join(", ")) };
        writeln!(std::io::stdout(), "{name}: {told}")?;
        found.extend(new);
    }
    Ok(found.is_empty())
}

/// The programs of `fuzz/Cargo.toml`.
fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let text =
        std::fs::read_to_string(root.join("fuzz/Cargo.toml")).context("cannot read fuzz/Cargo.toml")?;
    let manifest: toml::Table = toml::from_str(&text).context("fuzz/Cargo.toml")?;
    let programs =
        manifest.get("bin").and_then(toml::Value::as_array).context("fuzz/Cargo.toml has no program")?;
    let name = |program: &toml::Value| Some(program.get("name")?.as_str()?.to_owned());
    Ok(programs.iter().filter_map(name).collect())
}

/// Runs one target; the names of what it found, as they are kept.
fn look(root: &Path, name: &str, time: Duration) -> anyhow::Result<Vec<String>> {
    let (seeds, corpus) = (root.join("fuzz/seeds").join(name), root.join("fuzz/corpus").join(name));
    std::fs::create_dir_all(&corpus)?;
    let artifacts = root.join("fuzz/artifacts").join(name);
    let before = found::names(&artifacts)?;
    let mut fuzz = tool::cargo();
    // The host's own target, where the nightly was installed for that alone.
    fuzz.args(["+nightly", "fuzz", "run", name]).arg(&corpus).arg(&seeds);
    fuzz.args(["--", "-timeout=10", "-max_len=4096"]).arg(format!("-max_total_time={}", time.as_secs()));
    let status = fuzz.current_dir(root).stdout(std::io::stderr()).status()?;
    let kept = found::keep(&artifacts, &before, &seeds)?;
    ensure!(status.success() || !kept.is_empty(), "{name} could not be run: {status}");
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_that_are_replayed() {
        let targets = targets(&crate::root()).unwrap();
        let kept = |name: &String| crate::root().join("fuzz/seeds").join(name).is_dir();
        assert!(targets.len() >= 15 && targets.iter().all(kept), "{targets:?}");
    }
}
