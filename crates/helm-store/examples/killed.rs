//! Eight writers, and the whole PostgreSQL server killed with `kill -9` in the middle, three times: nothing that was
//! acknowledged is lost, and nothing counts twice.
//!
//! ```text
//! cargo run --release -p helm-store --example killed --features postgres,conformance
//! ```
//!
//! The server is one of its own, started by `tests/services` in a temporary folder and listening on loopback only.
//! Options: `--writers` (8), `--rewards` of each (5,000), `--kills` (3).

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use helm_core::{Scope, Stats, Timestamp, UnitInterval};
use helm_store::conformance::{MeanSettle, deadline, decision, decision_id, feedback, tenant};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::{Result as StoreResult, StateQuery, Store};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Judged again and again, so that most judgements are corrections, and some are duplicates.
const DECISIONS_EACH: u64 = 250;

/// So many writes of one writer are on their way at once.
const AT_ONCE: usize = 32;

struct Plan {
    writers: u64,
    rewards: u64,
    kills: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut plan = Plan { writers: 8, rewards: 5_000, kills: 3 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = arguments.next().ok_or("an option has a number")?.parse()?;
        match argument.as_str() {
            "--writers" => plan.writers = number,
            "--rewards" => plan.rewards = number,
            "--kills" => plan.kills = number,
            other => return Err(format!("{other:?} is none of --writers, --rewards, --kills").into()),
        }
    }
    let folder = tempfile::Builder::new().prefix("helm-killed-").tempdir_in("/var/tmp")?;
    open_to_all(folder.path())?;
    let url = services("up", folder.path())?;
    let done = run(&plan, &url, folder.path()).await;
    services("down", folder.path())?;
    done
}

async fn run(plan: &Plan, url: &str, folder: &Path) -> Result<(), Failure> {
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(PostgresOptions::new(url)).await?);
    let acknowledged = AtomicU64::new(0);
    let begun = Instant::now();
    let log = (0..plan.writers * DECISIONS_EACH).map(|number| {
        let store = &store;
        async move {
            let decision = decision(number);
            patiently(|| store.log_decision(&decision, deadline())).await.map(drop)
        }
    });
    stream::iter(log).buffer_unordered(256).try_collect::<()>().await?;
    let writers = (0..plan.writers).map(|writer| write(plan, &*store, writer, &acknowledged));
    let (written, killed) =
        futures::join!(futures::future::join_all(writers), kill(plan, folder, &acknowledged));
    killed?;
    let again: u64 = written.into_iter().sum::<Result<u64, _>>()?;
    let total = acknowledged.load(Ordering::Relaxed);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{total} rewards acknowledged in {seconds:.1} s, {again} of them sent again after a failure");
    check(plan, &*store).await
}

/// A writer's judgements, each until it is acknowledged. Answers how many had to be sent again.
async fn write(
    plan: &Plan,
    store: &dyn Store,
    writer: u64,
    acknowledged: &AtomicU64,
) -> Result<u64, Failure> {
    let (again, tenant) = (AtomicU64::new(0), tenant("t"));
    // A round judges each decision once, and the next one comes after it.
    for round in 0..plan.rewards.div_ceil(DECISIONS_EACH) {
        let steps = round * DECISIONS_EACH..((round + 1) * DECISIONS_EACH).min(plan.rewards);
        let sent = steps.map(|step| {
            let (again, tenant) = (&again, &tenant);
            async move {
                let (number, value) = judgement(writer, step);
                let said = feedback(number, "user", value);
                let mut tries = 0_u64;
                patiently(|| {
                    tries += 1;
                    store.record_feedback(tenant, &said, Timestamp::from_micros(1), Arc::new(MeanSettle))
                })
                .await?;
                again.fetch_add(u64::from(tries > 1), Ordering::Relaxed);
                acknowledged.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Failure>(())
            }
        });
        stream::iter(sent).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(again.into_inner())
}

/// Judgement number `step` of a writer; every third round repeats the round before it.
fn judgement(writer: u64, step: u64) -> (u64, f64) {
    let round = step / DECISIONS_EACH;
    let round = round - u64::from(round % 3 == 2);
    let number = writer * DECISIONS_EACH + step % DECISIONS_EACH;
    (number, ((number * 7 + round * 13) % 101) as f64 / 100.0)
}

/// Does something until it is done; a server that has gone comes back.
async fn patiently<T, F: Future<Output = StoreResult<T>>>(mut call: impl FnMut() -> F) -> Result<T, Failure> {
    let begun = Instant::now();
    loop {
        match call().await {
            Ok(done) => return Ok(done),
            Err(error) if error.is_retryable() && begun.elapsed() < Duration::from_secs(120) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills the server and starts it again, at even distances.
async fn kill(plan: &Plan, folder: &Path, acknowledged: &AtomicU64) -> Result<(), Failure> {
    let total = plan.writers * plan.rewards;
    for number in 1..=plan.kills {
        let at = total * number / (plan.kills + 1);
        while acknowledged.load(Ordering::Relaxed) < at {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let folder = folder.to_owned();
        let restarted = tokio::task::spawn_blocking(move || {
            services("crash", &folder)?;
            services("up", &folder)
        });
        restarted.await??;
        println!("the server was killed after {at} rewards, and is back");
    }
    Ok(())
}

/// Compares log and state with what the writers know.
async fn check(plan: &Plan, store: &dyn Store) -> Result<(), Failure> {
    let (tenant, task) = (tenant("t"), decision(0).context.task);
    let (mut expected, mut lost) = (BTreeMap::<_, Stats>::new(), 0);
    for writer in 0..plan.writers {
        for step in plan.rewards.saturating_sub(DECISIONS_EACH)..plan.rewards {
            let (number, value) = judgement(writer, step);
            let sum = expected.entry(decision(number).strategy).or_default();
            *sum = sum.checked_add(&Stats::of_reward(UnitInterval::new(value)?))?;
            let view = store.log().turn(&tenant, decision_id(number)).await?;
            let found = view.and_then(|view| view.feedback.first().map(|said| said.value.get()));
            lost += u64::from(found != Some(value));
        }
    }
    let state = store.bandits().load(&tenant, &task, &StateQuery::default()).await?;
    let found: BTreeMap<_, _> = state
        .rows
        .into_iter()
        .filter(|row| row.scope == Scope::Task)
        .map(|row| (row.strategy, row.stats))
        .collect();
    let audit = store.bandits().audit(&tenant, &task).await?;
    store.close().await;
    println!(
        "{lost} lost; the state {} a replay; {} decisions add up, {} rows differ",
        if found == expected { "is bit for bit that of" } else { "is NOT that of" },
        audit.decisions,
        audit.mismatches.len()
    );
    if lost > 0 || found != expected || !audit.mismatches.is_empty() {
        return Err("what was acknowledged is not what is there".into());
    }
    Ok(())
}

/// Lets the server's own user in, where root lends it one.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))
}

/// Runs `tests/services`; the server's address, if it said one.
fn services(action: &str, folder: &Path) -> Result<String, Failure> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/services");
    let done =
        Command::new(script).arg(action).arg(folder).stderr(std::process::Stdio::inherit()).output()?;
    if !done.status.success() {
        return Err(format!("tests/services {action} failed").into());
    }
    let said = String::from_utf8(done.stdout)?;
    let address = said.lines().find_map(|line| line.strip_prefix("export HELM_TEST_PG="));
    Ok(address.unwrap_or_default().to_owned())
}
