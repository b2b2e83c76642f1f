//! Helm's main job on the embedded default: simulated users talk to the built-in model, rate its answers by
//! hidden preferences, and the policy learns which strategy suits whom.
//!
//! ```text
//! cargo run --release --example quickstart                  # 6,000 turns; run it again and it goes on
//! cargo run --release --example quickstart -- --no-learning # the same with uniform play, to compare
//! cargo run --release --example quickstart -- --picture learning.svg
//! cargo run --release --example quickstart -- --live        # at most 20 turns on a real endpoint; asks first
//! ```

mod baseline;
mod live;
mod picture;
mod play;
#[path = "../shared/say.rs"]
mod say;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use helm_orchestrator::{Helm, HelmConfig};

/// Plays simulated conversations and shows what was learnt.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  quickstart\n  quickstart --turns 20000 --users 100\n  quickstart --no-learning --database uniform.db"
)]
struct Options {
    /// How many turns to play.
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    turns: u64,
    /// How many simulated users there are.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    users: u64,
    /// The SQLite file that state is kept in; a second run goes on from it [default: quickstart.db, or
    /// quickstart-uniform.db with --no-learning]
    #[arg(long)]
    database: Option<PathBuf>,
    /// Play uniformly instead of learning.
    #[arg(long)]
    no_learning: bool,
    /// Draws the mean reward over time to this SVG file.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Use the endpoint of OPENAI_API_KEY for at most 20 turns and 0.10 dollars, after asking.
    #[arg(long)]
    live: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: Options) -> Result<()> {
    if options.live {
        return live::run().await;
    }
    let policy = if options.no_learning { play::RANDOM } else { play::AUTO };
    // What uniform play decides would teach the learning policy, so it has a file of its own.
    let usual = if options.no_learning { "quickstart-uniform.db" } else { "quickstart.db" };
    let database = options.database.unwrap_or_else(|| PathBuf::from(usual));
    let helm = open(&database, policy).await?;
    let users = usize::try_from(options.users)?;
    let world = Arc::new(play::World::new(users)?);
    let before = play::turns_so_far(&helm).await?;
    show::opening(&database, before, options.turns, users);

    let schedule = before..before + options.turns;
    let learnt = play::play(&helm, &world, schedule.clone(), play::Chooser::Policy, "playing").await?;
    let best = baseline::best_strategies(&world).await?;
    let uniform = baseline::uniform(&world, schedule.clone()).await?;
    let ideal = baseline::ideal(&world, schedule, &best).await?;

    for task in helm.tasks() {
        show::task(&helm.report(&task).await?, &best);
    }
    show::learning(&learnt, &uniform, &ideal);
    show::verdict(&learnt, &uniform, &ideal, options.no_learning);
    if let Some(path) = &options.picture {
        let written = std::fs::write(path, picture::svg(&learnt, &uniform, &ideal));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(decision) = learnt.last_decision {
        show::explanation(&helm.explain(decision).await?, &database);
    }
    check(&helm).await?;
    helm.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

/// Always the built-in model, whatever keys the shell holds.
async fn open(database: &Path, policy: &str) -> Result<Helm> {
    let builder = play::builder(policy)?.sqlite(database);
    builder
        .build()
        .await
        .map_err(|error| anyhow::anyhow!(error.report()))
        .with_context(|| format!("cannot open {}; name another file with --database", database.display()))
}

/// What was learnt must be the sum of what was logged.
async fn check(helm: &Helm) -> Result<()> {
    for task in helm.tasks() {
        let audit = helm.audit(&task).await?;
        if !audit.mismatches.is_empty() {
            bail!("{} rows of learning state of {task} differ from the log", audit.mismatches.len());
        }
    }
    Ok(())
}

/// The standard configuration, with every task under this policy.
fn standard(policy: &str) -> Result<HelmConfig> {
    let mut config = HelmConfig::standard()?;
    for task in config.tasks.values_mut() {
        task.policy = Some(serde_json::json!({ "kind": policy }));
    }
    Ok(config)
}
