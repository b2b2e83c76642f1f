//! The machine's own part: on which core something runs, and what its disk takes.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether programs are held to single cores.
static HELD: AtomicBool = AtomicBool::new(false);

/// Holds this program, which has one thread so far, to a core, as Linux does with `taskset` and two of them; whether that
/// worked. What it starts can be held to others then.
pub(crate) fn stay_on(core: u8) -> bool {
    let mut command = Command::new("taskset");
    command.args(["-pc", &core.to_string(), &std::process::id().to_string()]);
    let held =
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    HELD.store(held, Ordering::Relaxed);
    held
}

/// A program on this core, where programs are held to cores.
pub(crate) fn on(core: u8, program: OsString) -> Command {
    if !HELD.load(Ordering::Relaxed) {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// How long it takes until 4 KiB at a file's end are on the disk, half of the times.
pub(crate) fn fdatasync(folder: &Path) -> std::io::Result<Duration> {
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4_096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
