use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

/// The interpreter of a benchmark's environment, with what this file lists.
pub(crate) fn interpreter(root: &Path, bench: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let venv = crate::target(root).join("bench-python").join(bench);
    let python = venv.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    done(Command::new(&python).args(install).arg(root.join(requirements)))?;
    // Some are started in other folders; a link into an environment stays one.
    Ok(std::path::absolute(python)?)
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(std::io::stderr()).status()?;
    ensure!(status.success(), "{command:?} failed; python3 with venv and pip is needed");
    Ok(())
}
