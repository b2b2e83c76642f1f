use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::chaos::cluster::Cluster;
use crate::chaos::ledger::Ledger;

/// How long something is broken, at most.
const BROKEN: Duration = Duration::from_secs(5);
/// One round of all faults takes about as long per fault.
const SLOT: Duration = Duration::from_secs(60);

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Kill,
    Redis,
    Postgres,
    Cut,
    Stop,
    None,
}

/// Something that failed.
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// What it happened to.
    pub(crate) whom: String,
    pub(crate) begun: Instant,
    /// When all was well again.
    pub(crate) over: Instant,
    /// From the moment it was mended until every replica concerned answered; `None` for never.
    pub(crate) back: Option<Duration>,
    /// Of a replica that was told to stop: how long it took, and whether it said that all was well.
    pub(crate) drained: Option<(Duration, bool)>,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Redis => "stopped and started",
            Self::Postgres => "kill -9 and started",
            Self::Cut => "cut off",
            Self::Stop => "told to stop under load",
            Self::None => "nothing",
        }
    }
}

/// Lets things fail in turn until `time` after `begun`, each in the middle of an equal share of it.
pub(crate) async fn play(
    kinds: &[Kind],
    cluster: &mut Cluster,
    ledger: &Ledger,
    begun: Instant,
    time: Duration,
) -> anyhow::Result<Vec<Fault>> {
    let bar = progress(time);
    let kinds: Vec<Kind> = kinds.iter().copied().filter(|kind| *kind != Kind::None).collect();
    let each = slots(kinds.len(), time);
    let slot = time / u32::try_from(each.max(1))?;
    let mut faults = Vec::new();
    for (nth, kind) in kinds.iter().cycle().take(each).enumerate() {
        let start = begun + slot * u32::try_from(nth)? + slot / 4;
        wait(&bar, begun, start, "all is well").await;
        let fault = play_one(*kind, nth, (slot / 3).min(BROKEN), cluster, ledger, (&bar, begun)).await?;
        faults.push(fault);
    }
    wait(&bar, begun, begun + time, "all is well").await;
    bar.finish_and_clear();
    Ok(faults)
}

/// How many faults fit: whole rounds, at least one.
fn slots(kinds: usize, time: Duration) -> usize {
    let round = SLOT.as_secs() * u64::try_from(kinds).unwrap_or(u64::MAX).max(1);
    kinds * usize::try_from(time.as_secs() / round).unwrap_or(usize::MAX).max(1)
}

async fn play_one(
    kind: Kind,
    nth: usize,
    broken: Duration,
    cluster: &mut Cluster,
    ledger: &Ledger,
    (bar, start): (&ProgressBar, Instant),
) -> anyhow::Result<Fault> {
    let index = nth % cluster.replicas.len();
    let all: Vec<usize> = (0..cluster.replicas.len()).collect();
    let name = cluster.replicas.get(index).map(|replica| replica.name().to_owned()).unwrap_or_default();
    let (whom, concerned) = match kind {
        Kind::Kill | Kind::Cut | Kind::Stop => (name, vec![index]),
        Kind::Redis => ("Redis".to_owned(), all),
        Kind::Postgres => ("PostgreSQL".to_owned(), all),
        Kind::None => ("nothing".to_owned(), Vec::new()),
    };
    let begun = Instant::now();
    let drained = fail(kind, index, cluster).await?;
    if kind != Kind::Postgres {
        wait(bar, start, begun + broken, &format!("{whom}: {}", kind.name())).await;
    }
    mend(kind, index, cluster)?;
    let (back, turns) = cluster.back(&concerned).await;
    turns.iter().for_each(|turn| ledger.turn(turn));
    Ok(Fault { kind, whom, begun, over: Instant::now(), back, drained })
}

/// Answers how a replica ended that was told to.
async fn fail(kind: Kind, index: usize, cluster: &mut Cluster) -> anyhow::Result<Option<(Duration, bool)>> {
    match kind {
        Kind::Redis => tokio::task::block_in_place(|| cluster.services.stop_redis())?,
        Kind::Postgres => tokio::task::block_in_place(|| cluster.services.crash_postgres())?,
        Kind::Kill => {
            if let Some(replica) = cluster.replicas.get_mut(index) {
                replica.kill().await?;
            }
        }
        Kind::Stop => {
            if let Some(replica) = cluster.replicas.get_mut(index) {
                return replica.drain().await.map(Some);
            }
        }
        Kind::Cut => cluster.replicas.get(index).into_iter().for_each(super::replica::Replica::cut),
        Kind::None => {}
    }
    Ok(None)
}

fn mend(kind: Kind, index: usize, cluster: &mut Cluster) -> anyhow::Result<()> {
    match kind {
        Kind::Redis | Kind::Postgres => tokio::task::block_in_place(|| cluster.services.up())?,
        Kind::Kill | Kind::Stop => {
            if let Some(replica) = cluster.replicas.get_mut(index) {
                replica.up()?;
            }
        }
        Kind::Cut => cluster.replicas.get(index).into_iter().for_each(super::replica::Replica::mend),
        Kind::None => {}
    }
    Ok(())
}

fn progress(time: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos:>4}/{len} s  {msg}");
    ProgressBar::new(time.as_secs()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Waits, and shows how time goes by.
async fn wait(bar: &ProgressBar, begun: Instant, until: Instant, state: &str) {
    bar.set_message(state.to_owned());
    while Instant::now() < until {
        bar.set_position(begun.elapsed().as_secs());
        let next = Instant::now() + Duration::from_millis(500);
        tokio::time::sleep_until(next.min(until)).await;
    }
}
