use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::bench_report::plan::Bench;

/// Where and when it was measured, in half a sentence.
pub(crate) struct Machine(pub(crate) String);

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// This machine, now, with the tree that is measured.
pub(crate) fn describe(root: &Path) -> Machine {
    let told = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts = [
        told("date", &["-u", "+%F"]),
        field("/proc/cpuinfo", "model name").or_else(|| Some(std::env::consts::ARCH.to_owned())),
        Some(format!("{cores} cores")),
        memory(),
        told("uname", &["-sr"]),
        told("rustc", &["--version"]).and_then(|text| Some(text.split(" (").next()?.to_owned())),
        told("git", &["describe", "--always", "--dirty", "--abbrev=10"]).map(|text| format!("commit {text}")),
    ];
    Machine(format!("{}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory() -> Option<String> {
    let kilobytes: u64 = field("/proc/meminfo", "MemTotal")?.split(' ').next()?.parse().ok()?;
    Some(format!("{} GiB", (kilobytes + (1 << 19)) >> 20))
}

/// The peers with their versions: those of Rust from the lock file beside the manifest that is run, and Python's, where they
/// were measured, from the lists of what is installed.
pub(crate) fn versions(root: &Path, bench: &Bench, python: bool) -> Vec<String> {
    let folder = bench.python.as_ref().map(|folder| folder.join("requirements.txt"));
    let mut versions = locked(root, bench);
    for list in [folder, bench.requirements.clone()].into_iter().flatten().filter(|_| python) {
        let required = std::fs::read_to_string(root.join(list)).unwrap_or_default();
        versions.extend(required.lines().map(|line| line.replace("==", " ")));
    }
    versions
}

fn locked(root: &Path, bench: &Bench) -> Vec<String> {
    let lock = std::fs::read_to_string(root.join(bench.manifest()).with_file_name("Cargo.lock"));
    let lock: toml::Table = toml::from_str(&lock.unwrap_or_default()).unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let version = |name: &String| {
        let package =
            packages.iter().find(|one| one.get("name").and_then(toml::Value::as_str) == Some(name))?;
        Some(format!("{name} {}", package.get("version")?.as_str()?))
    };
    bench.peers.iter().filter_map(version).collect()
}
