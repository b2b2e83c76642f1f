use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::Context;

/// PostgreSQL and Redis of this run alone, by `tests/services`. Dropping it stops both.
pub(crate) struct Services {
    script: PathBuf,
    folder: PathBuf,
    /// `postgres://…/postgres`
    pub(crate) postgres: String,
    /// `redis://…`
    pub(crate) redis: String,
}

impl Services {
    pub(crate) fn start(root: &Path) -> anyhow::Result<Self> {
        let (script, folder) = (root.join("tests/services"), crate::target(root).join("chaos-services"));
        let told = run(&script, "up", &folder)?;
        let address = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.map(str::to_owned).with_context(|| format!("tests/services did not say {name}"))
        };
        let (postgres, redis) = (address("HELM_TEST_PG")?, address("HELM_TEST_REDIS")?);
        Ok(Self { script, folder, postgres, redis })
    }

    /// Starts whichever does not run.
    pub(crate) fn up(&self) -> anyhow::Result<()> {
        run(&self.script, "up", &self.folder).map(drop)
    }

    /// `kill -9` of the whole database server.
    pub(crate) fn crash_postgres(&self) -> anyhow::Result<()> {
        run(&self.script, "crash", &self.folder).map(drop)
    }

    pub(crate) fn stop_redis(&self) -> anyhow::Result<()> {
        let told = Command::new("redis-cli").args(["-u", &self.redis, "shutdown", "nosave"]).output()?;
        succeeded("redis-cli shutdown", &told)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // Nothing can be done about servers that do not stop.
        let _ = run(&self.script, "down", &self.folder);
    }
}

fn run(script: &Path, action: &str, folder: &Path) -> anyhow::Result<String> {
    // A file takes what its servers inherit: a pipe would stay open as long as they run.
    let mut told = tempfile::tempfile()?;
    let status = Command::new(script).arg(action).arg(folder).stdout(told.try_clone()?).status()?;
    anyhow::ensure!(status.success(), "tests/services {action} failed");
    let mut text = String::new();
    std::io::Seek::rewind(&mut told)?;
    std::io::Read::read_to_string(&mut told, &mut text)?;
    Ok(text)
}

fn succeeded(what: &str, output: &Output) -> anyhow::Result<()> {
    let told = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{what} failed: {}", told.trim());
    Ok(())
}
