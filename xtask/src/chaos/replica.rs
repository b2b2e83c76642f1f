use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::chaos::link::Link;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server finds its database and Redis.
pub(crate) struct Upstreams {
    /// The database's address, and its URL around it: `postgres://USER@` and `/DATABASE`.
    pub(crate) postgres: (SocketAddr, String, String),
    pub(crate) redis: SocketAddr,
}

/// One server, and the wires that lead to it and from it.
pub(crate) struct Replica {
    name: String,
    folder: PathBuf,
    program: PathBuf,
    own: SocketAddr,
    callers: Link,
    postgres: Link,
    redis: Link,
    urls: [(&'static str, String); 2],
    child: Option<Child>,
    process: Arc<AtomicU32>,
}

impl Replica {
    pub(crate) async fn start(
        name: String,
        program: &Path,
        folder: &Path,
        upstreams: &Upstreams,
    ) -> anyhow::Result<Self> {
        let own = free_port().await?;
        let (address, before, behind) = &upstreams.postgres;
        let (callers, postgres, redis) =
            (Link::to(own).await?, Link::to(*address).await?, Link::to(upstreams.redis).await?);
        let urls = [
            ("DATABASE_URL", format!("{before}{}{behind}", postgres.address())),
            ("REDIS_URL", format!("redis://{}", redis.address())),
        ];
        let (folder, program) = (folder.to_owned(), program.to_owned());
        let mut replica = Self {
            name,
            folder,
            program,
            own,
            callers,
            postgres,
            redis,
            urls,
            child: None,
            process: Arc::default(),
        };
        replica.up()?;
        replica.ready().await?;
        Ok(replica)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where callers reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.callers.address()
    }

    /// The number of its process, 0 while there is none.
    pub(crate) fn process(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.process)
    }

    /// Starts the program; it is there a moment later.
    pub(crate) fn up(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.program)
            .args(["serve", "--listen", &self.own.to_string()])
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.urls.iter().map(|(name, url)| (*name, url.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be run", self.program.display()))?;
        self.process.store(child.id().unwrap_or_default(), Ordering::Relaxed);
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.store(0, Ordering::Relaxed);
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to stop; how long it took, and whether it said that all was well.
    pub(crate) async fn drain(&mut self) -> anyhow::Result<(Duration, bool)> {
        let Some(mut child) = self.child.take() else { return Ok((Duration::ZERO, false)) };
        let process = child.id().context("it has ended")?.to_string();
        let begun = Instant::now();
        Command::new("kill").args(["-TERM", &process]).status().await?;
        let status = tokio::time::timeout(PATIENCE, child.wait())
            .await
            .with_context(|| format!("{} did not stop; see {}", self.name, self.log().display()))??;
        self.process.store(0, Ordering::Relaxed);
        Ok((begun.elapsed(), status.success()))
    }

    /// No byte passes to it or from it.
    pub(crate) fn cut(&self) {
        [&self.callers, &self.postgres, &self.redis].into_iter().for_each(Link::cut);
    }

    pub(crate) fn mend(&self) {
        [&self.callers, &self.postgres, &self.redis].into_iter().for_each(Link::mend);
    }

    /// Waits until it takes requests.
    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("http://{}/readyz", self.address());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answer = reqwest::get(&url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                anyhow::bail!("{} ended, {status}: {}", self.name, log.trim());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{} does not get ready; see {}", self.name, self.log().display())
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }
}

/// A port that nobody listens on.
async fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").await?.local_addr()
}
