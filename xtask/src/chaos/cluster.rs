use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;
use tokio::time::Instant;

use crate::chaos::balancer::Balancer;
use crate::chaos::load::{TASK, message};
use crate::chaos::replica::{Replica, Upstreams};
use crate::chaos::services::Services;

/// How long a replica may be away after what failed is mended.
const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
[server]
drain_seconds = 10
[tasks.chaos.strategies.concise]
model = "main"
system = "Answer in at most three sentences."
[tasks.chaos.strategies.stepwise]
model = "main"
system = "Answer in numbered steps."
[tasks.chaos.strategies.thorough]
model = "main"
system = "Answer thoroughly and give reasons."
"#;

/// Servers on one database and one Redis, and what leads requests to them.
pub(crate) struct Cluster {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) services: Services,
    balancer: Arc<Balancer>,
    helmctl: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Cluster {
    pub(crate) async fn start(helmctl: &Path, replicas: u8) -> anyhow::Result<Self> {
        let root = crate::root().canonicalize()?;
        let services = tokio::task::block_in_place(|| Services::start(&root))?;
        let folder = root.join("target/chaos");
        // What an earlier run left; there may be none.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("helm.toml"), CONFIG)?;
        let name = format!("helm_chaos_{}", std::process::id());
        run_sql(&services.postgres, format!("CREATE DATABASE {name}")).await?;
        let mut cluster = Self {
            replicas: Vec::new(),
            services,
            balancer: Arc::new(Balancer::over([])?),
            helmctl: helmctl.to_owned(),
            folder,
            name,
        };
        cluster.helmctl(&["migrate"]).await?;
        for number in 1..=replicas {
            let upstreams = cluster.upstreams()?;
            let name = format!("replica {number}");
            cluster.replicas.push(Replica::start(name, helmctl, &cluster.folder, &upstreams).await?);
        }
        cluster.balancer = Arc::new(Balancer::over(cluster.replicas.iter().map(Replica::address))?);
        Ok(cluster)
    }

    pub(crate) fn balancer(&self) -> Arc<Balancer> {
        Arc::clone(&self.balancer)
    }

    /// The number of each replica's process.
    pub(crate) fn processes(&self) -> Vec<Arc<AtomicU32>> {
        self.replicas.iter().map(Replica::process).collect()
    }

    /// How long it took until each of these answered a turn, the slowest of them, and the turns they answered. `None`
    /// for longer than half a minute.
    pub(crate) async fn back(&self, replicas: &[usize]) -> (Option<Duration>, Vec<String>) {
        let begun = Instant::now();
        let mut turns = Vec::new();
        for replica in replicas.iter().filter_map(|index| self.replicas.get(*index)) {
            let decision = loop {
                if begun.elapsed() > PATIENCE {
                    return (None, turns);
                }
                let answer = self.balancer.probe(replica.address(), "/chat", &message(0)).await;
                let decision =
                    answer.as_ref().and_then(|answer| answer.get("decision_id")).and_then(Value::as_str);
                if let Some(decision) = decision {
                    break decision.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            turns.push(decision);
        }
        (Some(begun.elapsed()), turns)
    }

    /// Asks one replica after the other to stop, when nobody calls any more: how long each took, and whether it said that all
    /// was well.
    pub(crate) async fn drain(&mut self) -> anyhow::Result<Vec<(Duration, bool)>> {
        let mut drained = Vec::new();
        for replica in &mut self.replicas {
            drained.push(replica.drain().await?);
        }
        Ok(drained)
    }

    /// The log as an operator exports it, one turn a line.
    pub(crate) async fn log(&self) -> anyhow::Result<String> {
        self.helmctl(&["export", "--task", TASK]).await
    }

    /// Whether the state of learning is what a replay of the log gives.
    pub(crate) async fn agrees(&self) -> anyhow::Result<bool> {
        let checked = self.command(&["policy", "rebuild", "--task", TASK, "--check"]).output().await?;
        match checked.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => anyhow::bail!("policy rebuild --check: {}", String::from_utf8_lossy(&checked.stderr)),
        }
    }

    /// Removes the database.
    pub(crate) async fn forget(&self) -> anyhow::Result<()> {
        run_sql(&self.services.postgres, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }

    fn url(&self) -> anyhow::Result<(String, SocketAddr, String)> {
        let (scheme, rest) = self.services.postgres.split_once('@').context("the URL names a user")?;
        let (address, _) = rest.split_once('/').context("the URL names a database")?;
        Ok((format!("{scheme}@"), address.parse()?, format!("/{}", self.name)))
    }

    fn upstreams(&self) -> anyhow::Result<Upstreams> {
        let (before, address, behind) = self.url()?;
        let redis = self.services.redis.strip_prefix("redis://").context("the URL is redis://…")?.parse()?;
        Ok(Upstreams { postgres: (address, before, behind), redis })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.helmctl);
        let url = self.url().map(|(before, address, behind)| format!("{before}{address}{behind}"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .envs(url.map(|url| ("DATABASE_URL", url)))
            .args(arguments);
        command
    }

    async fn helmctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let told = self.command(arguments).output().await?;
        let why = String::from_utf8_lossy(&told.stderr);
        anyhow::ensure!(told.status.success(), "helmctl {}: {}", arguments.join(" "), why.trim());
        Ok(String::from_utf8(told.stdout)?)
    }
}

async fn run_sql(url: &str, sql: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}
