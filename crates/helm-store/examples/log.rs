//! How fast the log is written, exported and kept in bounds.
//!
//! ```text
//! cargo run --release -p helm-store --example log --features postgres,parquet -- sqlite:///tmp/log.db write
//! cargo run --release -p helm-store --example log --features postgres,parquet -- sqlite:///tmp/log.db fill export retain
//! ```
//!
//! `write` commits turns without a decision; `fill` logs decisions and commits their turns with a reward; `export`
//! writes all as JSON lines and Parquet to nowhere; `retain` removes all. Options: `--rows` (default 100,000) and
//! `--callers` (default 512), how many writes are on their way at once.

#![expect(clippy::print_stdout, reason = "an example prints what it measures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use helm_core::{
    Candidate, Context, Decision, DecisionId, DecisionMode, Epoch, Features, Layout, NanoUsd, Outcome,
    PolicyHash, Probability, Reward, RewardSpecId, RewardStage, Scope, Score, ScoreEntry, ScoreOutcome,
    Stats, StatsRow, TenantId, Timestamp, TokenCount, TurnStatus, UnitInterval,
};
use helm_store::export::{JsonLines, Parquet, ParquetOptions, RowWriter, export};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore};
use helm_store::{Case, Retention, RowQuery, Settle, SettleError, Settlement, Store, TurnRecord};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// 2026-01-01, and then a turn every 20 ms.
const BEGIN: i64 = 1_767_225_600_000_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("name a store: sqlite://FILE or postgres://…")?;
    let (mut rows, mut callers, mut modes) = (100_000, 512, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().ok_or("an option has a number")?.parse().map_err(Failure::from);
        match argument.as_str() {
            "--rows" => rows = number()?,
            "--callers" => callers = number()?,
            _ => modes.push(argument),
        }
    }
    let store = open(&url).await?;
    for mode in &modes {
        match mode.as_str() {
            "write" => write(&store, rows, callers, false).await?,
            "fill" => write(&store, rows, callers, true).await?,
            "export" => read(&*store).await?,
            "retain" => retain(&*store).await?,
            other => return Err(format!("{other:?} is none of write, fill, export, retain").into()),
        }
    }
    store.close().await;
    Ok(())
}

async fn open(url: &str) -> Result<Arc<dyn Store>, Failure> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        return Ok(Arc::new(SqliteStore::open(SqliteOptions::new(path)).await?));
    }
    Ok(Arc::new(PostgresStore::open(PostgresOptions::new(url)).await?))
}

/// As a policy of four strategies makes it.
fn decision(turn: &TurnRecord, number: u64) -> Result<Decision, Failure> {
    let mut context = Context::new(turn.tenant.clone(), turn.user.clone(), turn.task.clone(), turn.began);
    context.features = Features::new(7, (0..8).map(|part| 1.0 / (number + part + 1) as f64).collect())?;
    let candidate = |index: u64| {
        let strategy = format!("s{index}@1").parse()?;
        let probability = Probability::new(0.25)?;
        Ok(Candidate { strategy, probability, mean: 0.5, deviation: 0.01, pulls: number })
    };
    Ok(Decision {
        id: turn.id,
        context,
        strategy: format!("s{}@1", number % 4).parse()?,
        propensity: Probability::new(0.25)?,
        mode: DecisionMode::Assigned,
        drawn_by: None,
        assignment: None,
        policy: "auto".parse()?,
        policy_hash: PolicyHash::of("auto"),
        epoch: Epoch::starting_at(0),
        candidates: (0..4).map(candidate).collect::<Result<_, Failure>>()?,
        floor: None,
        excluded: vec![],
        at: turn.began,
    })
}

fn turn(number: u64) -> Result<TurnRecord, Failure> {
    let began = Timestamp::from_micros(BEGIN + 20_000 * i64::try_from(number)?);
    let mut outcome = Outcome::new(TurnStatus::Completed, began);
    outcome.usage.input = TokenCount::new(150);
    outcome.usage.output = TokenCount::new(60);
    outcome.cost = Some(NanoUsd::from_nanos(412_345));
    let score = Score::new(UnitInterval::clamped(0.7)?, UnitInterval::ONE);
    outcome.scores = vec![ScoreEntry { evaluator: "length".parse()?, outcome: ScoreOutcome::Scored(score) }];
    let text = "A question of some length, as people ask them, and an answer to it. ".repeat(2);
    Ok(TurnRecord {
        id: DecisionId::generate(began),
        tenant: TenantId::single(),
        user: format!("user-{}", number % 1_000).parse()?,
        task: "support".parse()?,
        conversation: None,
        input: text.clone(),
        output: Some(text),
        outcome,
        began,
        messages: vec![],
        preferences: vec![],
        memories: vec![],
        jobs: vec![],
    })
}

/// Half a point for everything.
struct Half;

impl Settle for Half {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let value = UnitInterval::clamped(0.5)?;
        let (strategy, epoch) = (case.decision.strategy.clone(), case.decision.epoch);
        let spec = RewardSpecId::new("half".parse()?, 1);
        let (coverage, stage) = (UnitInterval::ONE, RewardStage::Provisional);
        let stats = Stats::of_reward(value);
        Ok(Settlement {
            reward: Some(Reward { value, stderr: None, coverage, stage, spec, components: vec![] }),
            contribution: vec![StatsRow { scope: Scope::Task, strategy, epoch, layout: Layout::NONE, stats }],
        })
    }
}

async fn write(store: &Arc<dyn Store>, rows: u64, callers: u64, decided: bool) -> Result<(), Failure> {
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let callers = (0..callers).map(|_| {
        let (store, next) = (Arc::clone(store), Arc::clone(&next));
        async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rows {
                    return Ok::<_, Failure>(());
                }
                let turn = turn(number)?;
                if decided {
                    let deadline = Timestamp::from_micros(i64::MAX / 2);
                    store.log_decision(&decision(&turn, number)?, deadline).await?;
                }
                store.commit_turn(turn, Arc::new(Half)).await?;
            }
        }
    });
    for done in futures::future::join_all(callers).await {
        done?;
    }
    let name = if decided { "decisions and turns" } else { "turns" };
    report(&format!("{rows} {name} written"), rows, begun);
    Ok(())
}

async fn read(store: &dyn Store) -> Result<(), Failure> {
    let sink = std::io::sink;
    let writers: [(&str, Box<dyn RowWriter>); 2] = [
        ("JSON lines", Box::new(JsonLines::new(sink()))),
        ("Parquet", Box::new(Parquet::new(sink(), ParquetOptions::default())?)),
    ];
    for (name, mut writer) in writers {
        let begun = Instant::now();
        let query = RowQuery::default();
        let rows = export(store.log(), &TenantId::single(), &query, &mut *writer, &mut |_| {}).await?;
        report(&format!("{rows} rows exported as {name}"), rows, begun);
    }
    Ok(())
}

async fn retain(store: &dyn Store) -> Result<(), Failure> {
    let begun = Instant::now();
    let retention = Retention::before(Timestamp::from_micros(i64::MAX / 2));
    let retained = store.log().retain(&TenantId::single(), &retention, &mut |_| {}).await?;
    report(&format!("{} turns removed, {} kept", retained.turns, retained.kept), retained.turns, begun);
    let audit = store.bandits().audit(&TenantId::single(), &"support".parse()?).await?;
    println!("{} decisions add up, {} rows differ", audit.decisions, audit.mismatches.len());
    Ok(())
}

fn report(what: &str, rows: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what} in {seconds:.2} s: {:.0}/s", rows as f64 / seconds);
}
