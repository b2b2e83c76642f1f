//! `cargo xtask chaos`: replicas under load while things fail, and a ledger of what was promised and what is there.

mod balancer;
mod cluster;
mod fault;
mod ledger;
mod link;
mod load;
mod memory;
mod replica;
mod report;
mod services;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use crate::chaos::cluster::Cluster;
use crate::chaos::fault::Kind;
use crate::chaos::ledger::Ledger;
use crate::chaos::load::Load;
use crate::chaos::memory::Memory;
use crate::chaos::report::Report;

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask chaos                                        five minutes, every fault in turn
  cargo xtask chaos --seconds 1200 --rate 200 --faults none    a soak: does memory stay flat?
  cargo xtask chaos --faults kill,cut --seconds 60
  cargo xtask chaos --output json > chaos.json

Faults, each for a twelfth of a round but at most five seconds:
  kill      kill -9 of a replica, which is then started again
  redis     Redis is stopped, then started again
  postgres  kill -9 of the whole PostgreSQL server, which is started again at once
  cut       a replica's connections to callers, PostgreSQL and Redis pass no byte, then go on
  stop      SIGTERM to a replica, which ends the turns that it has, within its deadline, and is then started again

Exit code 0: everything acknowledged is there once and every bar is held; 1: not; 2: it could not run.";

/// Runs replicas on PostgreSQL and Redis under load while things fail, then compares what callers were told with what
/// is in the database.
///
/// Everything runs on this machine, on loopback: `tests/services` installs and starts PostgreSQL and Redis, a
/// balancer in this program sends what fails to another replica, as a reverse proxy does.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How long turns are begun
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(10..=86_400))]
    seconds: u32,
    /// Turns a second, over all replicas; each is judged once or twice
    #[arg(long, default_value_t = 50, value_name = "TURNS", value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rate: u32,
    /// How many servers share the database
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=9))]
    replicas: u8,
    /// What fails, in this order, again and again in long runs; `none` for nothing
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "kill,redis,postgres,cut,stop",
        value_name = "FAULT,…"
    )]
    faults: Vec<Kind>,
    /// The program to run instead of one built from this tree
    #[arg(long, value_name = "FILE")]
    helmctl: Option<PathBuf>,
    /// How the ledger is printed
    #[arg(long, value_enum, default_value_t = report::Output::Table)]
    output: report::Output,
}

impl Arguments {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

/// Whether everything that was promised is there, and every bar is held.
///
/// # Errors
///
/// Fails when the replicas, their database or Redis cannot be started, or somebody interrupts.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let helmctl = match &arguments.helmctl {
        Some(path) => path.canonicalize().with_context(|| format!("{} cannot be used", path.display()))?,
        None => build()?,
    };
    tokio::select! {
        ended = under_load(arguments, &helmctl) => ended,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; what it had started was stopped"),
    }
}

/// `helmctl` as it is shipped.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    helm_testkit::without_package(&mut build);
    let root = crate::root();
    build.args(["build", "--release", "--locked", "--package", "helm-cli", "--bin", "helmctl"]);
    anyhow::ensure!(build.current_dir(&root).status()?.success(), "helmctl could not be built");
    Ok(crate::target(&root).join("release/helmctl").canonicalize()?)
}

async fn under_load(arguments: &Arguments, helmctl: &Path) -> anyhow::Result<bool> {
    let ledger = Arc::new(Ledger::default());
    let mut cluster = Cluster::start(helmctl, arguments.replicas).await?;
    let begun = Instant::now();
    let load = Load::start(cluster.balancer(), &ledger, arguments.rate, begun + arguments.time());
    let memory = Memory::watch(cluster.processes());
    let faults = fault::play(&arguments.faults, &mut cluster, &ledger, begun, arguments.time()).await?;
    load.ended(begun + arguments.time()).await?;
    let memory = memory.stop().await?;
    let drains = cluster.drain().await?;
    let found = verify::compare(&cluster, &ledger).await?;
    let report = Report::of(&ledger, &found, &faults, &memory, &drains);
    cluster.forget().await?;
    report.print(arguments.output)?;
    Ok(report.holds())
}
