//! Loads a store and counts afterwards: nothing lost, nothing counted twice, and how fast.
//!
//! ```text
//! load URL rewards|turns [--callers 64] [--count 40000] [--keys 1] [--duplicates PERCENT] [--rate PER_SECOND]
//!                        [--groups 2] [--kill ROUNDS]
//! load URL jobs [--callers 64] [--count 40000] [--batch 32]
//! load URL choice [--callers 64] [--count 1000000]
//! load URL soak [--callers 64] [--count 40000] [--keys 1]
//! ```
//!
//! `URL` is `sqlite://FILE` or `postgres://…`. `rewards` times feedback about decisions logged before, each a new
//! judgement under a key of its own, spread over `--keys` rows of learning state; `turns` times both transactions
//! of whole turns. Without `--rate` every caller sends its next write when the last one is acknowledged; with it,
//! writes begin at that rate. `--kill` runs the load in a process of its own that is killed and started again so
//! many times, while it writes, and counts then.
//!
//! `jobs` times claiming jobs and completing them, by the batch. `choice` times loading a task's learning state with a
//! thousand rewards behind it and with `--count`. `soak` plays whole turns with all that follows them, and watches this
//! process's memory and file handles, and the server's connections.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod choice;
#[path = "../../../../benches/shared/figures.rs"]
mod figures;
mod jobs;
mod soak;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Feedback, Layout, Message, Outcome, PolicyHash,
    Probability, Reward, RewardSpecId, RewardStage, Role, Scope, Stats, StatsRow, TaskId, TenantId,
    Timestamp, TurnStatus, UnitInterval,
};
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore};
use helm_store::{
    Applied, Case, Memory, MemoryId, NewJob, Settle, SettleError, Settlement, StateQuery, Store, TurnRecord,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let load = Load::parse(std::env::args().skip(1).collect())?;
    match (load.mode, load.kill) {
        (Mode::Jobs, _) => jobs::run(&load).await,
        (Mode::Choice, _) => choice::run(&load).await,
        (Mode::Soak, _) => soak::run(&load).await,
        (_, Some(rounds)) => killed(&load, rounds).await,
        (_, None) => timed(&load).await,
    }
}

/// What is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Rewards,
    Turns,
    Jobs,
    Choice,
    Soak,
}

/// What is asked for.
#[derive(Clone)]
struct Load {
    url: String,
    mode: Mode,
    callers: usize,
    count: u64,
    keys: u64,
    duplicates: u64,
    rate: Option<u64>,
    groups: u32,
    batch: usize,
    kill: Option<u64>,
    /// For the process that is killed: it names what was acknowledged.
    named: bool,
    /// Stands in every key, so that one database serves several loads.
    run: u64,
}

impl Load {
    fn parse(arguments: Vec<String>) -> Result<Self, Failure> {
        let mut arguments = arguments.into_iter();
        let url = arguments.next().ok_or("name a store: sqlite://FILE or postgres://…")?;
        let mode = match arguments.next().as_deref() {
            Some("rewards") => Mode::Rewards,
            Some("turns") => Mode::Turns,
            Some("jobs") => Mode::Jobs,
            Some("choice") => Mode::Choice,
            Some("soak") => Mode::Soak,
            _ => return Err("name a load: rewards, turns, jobs, choice or soak".into()),
        };
        let run = u64::from(std::process::id());
        let mut load = Self {
            url,
            mode,
            callers: 64,
            count: if mode == Mode::Choice { 1_000_000 } else { 40_000 },
            keys: 1,
            duplicates: 0,
            rate: None,
            groups: 2,
            batch: 32,
            kill: None,
            named: false,
            run,
        };
        while let Some(name) = arguments.next() {
            let value: u64 = arguments.next().ok_or("an option has a number")?.parse()?;
            match name.as_str() {
                "--callers" => load.callers = usize::try_from(value)?,
                "--count" => load.count = value,
                "--keys" => load.keys = value.max(1),
                "--duplicates" => load.duplicates = value,
                "--rate" => load.rate = Some(value),
                "--groups" => load.groups = u32::try_from(value)?,
                "--batch" => load.batch = usize::try_from(value)?.max(1),
                "--kill" => load.kill = Some(value),
                "--named" => load.named = value > 0,
                "--run" => load.run = value,
                other => return Err(format!("there is no option {other}").into()),
            }
        }
        Ok(load)
    }

    async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        if let Some(path) = self.url.strip_prefix("sqlite://") {
            return Ok(Arc::new(SqliteStore::open(SqliteOptions::new(path)).await?));
        }
        let options = PostgresOptions::new(&self.url).with_groups(self.groups);
        Ok(Arc::new(PostgresStore::open(options).await?))
    }

    /// What its figures are told under: the engine and what was written.
    fn group(&self) -> &'static str {
        match (self.url.starts_with("sqlite:"), self.mode) {
            (true, Mode::Rewards) => "SQLite, rewards",
            (true, _) => "SQLite, turns",
            (false, Mode::Rewards) => "PostgreSQL, rewards",
            (false, _) => "PostgreSQL, turns",
        }
    }

    /// Every load has a task of its own, so that its state can be counted.
    fn task(&self) -> Result<TaskId, Failure> {
        Ok(format!("load-{}", self.run).parse()?)
    }

    fn decision(&self, number: u64) -> Result<Decision, Failure> {
        let at = Timestamp::from_micros(1_764_000_000_000_000 + i64::try_from(number)?);
        let user = format!("user-{}", number % self.keys).parse()?;
        let id = DecisionId::from_bytes((u128::from(self.run) << 64 | u128::from(number)).to_be_bytes());
        Ok(Decision {
            id,
            context: Context::new(TenantId::single(), user, self.task()?, at),
            strategy: "concise@1".parse()?,
            propensity: Probability::new(0.5)?,
            mode: DecisionMode::Sampled,
            drawn_by: None,
            assignment: None,
            policy: "auto".parse()?,
            policy_hash: PolicyHash::of("auto"),
            epoch: Epoch::starting_at(0),
            candidates: vec![],
            floor: None,
            excluded: vec![],
            at,
        })
    }

    fn turn(&self, decision: &Decision) -> Result<TurnRecord, Failure> {
        let text = "A question of some length, as people ask them, and an answer to it. ".repeat(4);
        let mut embedding = vec![0.05_f32; 32];
        embedding.extend([1.0 / (1.0 + decision.at.as_micros() as f32)]);
        Ok(TurnRecord {
            id: decision.id,
            tenant: decision.context.tenant.clone(),
            user: decision.context.user.clone(),
            task: decision.context.task.clone(),
            conversation: Some("c".parse()?),
            input: text.clone(),
            output: Some(text.clone()),
            outcome: Outcome::new(TurnStatus::Completed, decision.at),
            began: decision.at,
            messages: vec![Message::text(Role::User, &text), Message::text(Role::Assistant, &text)],
            preferences: vec![],
            memories: vec![Memory {
                id: MemoryId { turn: decision.id, index: 0 },
                collection: "m".to_owned(),
                text,
                embedding,
                metadata: serde_json::Value::Null,
                at: decision.at,
            }],
            jobs: vec![NewJob {
                kind: "judge".to_owned(),
                dedupe: format!("judge:{}", decision.id),
                body: serde_json::json!({ "decision": decision.id }),
                run_at: decision.at,
                max_attempts: 5,
            }],
        })
    }
}

/// The last judgement, or 0.5 for a turn without one; into the user's row, or the task's if there is but one.
struct Simple {
    keys: u64,
}

impl Settle for Simple {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let value = match case.feedback.last() {
            Some((_, value)) => *value,
            None if case.outcome.is_some() => UnitInterval::clamped(0.5)?,
            None => return Ok(Settlement::default()),
        };
        let decision = case.decision;
        let scope = match self.keys {
            1 => Scope::Task,
            _ => Scope::User(decision.context.user.clone()),
        };
        let stats = Stats::of_reward(value);
        let (strategy, epoch) = (decision.strategy.clone(), decision.epoch);
        let spec = RewardSpecId::new("simple".parse()?, 1);
        let (coverage, stage) = (UnitInterval::ONE, RewardStage::Human);
        Ok(Settlement {
            reward: Some(Reward { value, stderr: None, coverage, stage, spec, components: vec![] }),
            contribution: vec![StatsRow { scope, strategy, epoch, layout: Layout::NONE, stats }],
        })
    }
}

fn value(number: u64) -> UnitInterval {
    UnitInterval::clamped((number * 37 % 101) as f64 / 100.0).unwrap_or(UnitInterval::ZERO)
}

/// One timed write; answers how often it was new.
async fn write(load: &Load, store: &dyn Store, number: u64) -> Result<u64, Failure> {
    let decision = load.decision(number)?;
    let settle: Arc<dyn Settle> = Arc::new(Simple { keys: load.keys });
    let applied = if load.mode == Mode::Turns {
        store.log_decision(&decision, Timestamp::from_micros(i64::MAX / 2)).await?;
        store.commit_turn(load.turn(&decision)?, settle).await?.applied
    } else {
        let key = format!("{}:{number}", load.run).parse()?;
        let said = Feedback::new(decision.id, value(number)).with_key(key);
        store.record_feedback(&decision.context.tenant, &said, decision.at, settle).await?.applied
    };
    Ok(u64::from(applied == Applied::Fresh))
}

/// The numbers to be written, with duplicates among them, each some time after the first.
fn numbers(load: &Load) -> Vec<u64> {
    let mut numbers = Vec::new();
    for number in 0..load.count {
        numbers.push(number);
        if number % 100 < load.duplicates {
            numbers.push(number.saturating_sub(50 + number % 400));
        }
    }
    numbers
}

async fn prepare(load: &Load, store: &dyn Store) -> Result<(), Failure> {
    if load.mode == Mode::Turns {
        return Ok(());
    }
    let deadline = Timestamp::from_micros(i64::MAX / 2);
    let logged = (0..load.count).map(|number| async move {
        let decision = load.decision(number)?;
        Ok::<_, Failure>(store.log_decision(&decision, deadline).await?)
    });
    let mut logged = futures::stream::iter(logged).buffer_unordered(512);
    while let Some(logged) = logged.next().await {
        logged?;
    }
    Ok(())
}

async fn timed(load: &Load) -> Result<(), Failure> {
    let store = load.open().await?;
    let begin = Instant::now();
    prepare(load, &*store).await?;
    if !load.named && load.mode == Mode::Rewards {
        println!(
            "logged {} decisions at {:.0}/s",
            load.count,
            load.count as f64 / begin.elapsed().as_secs_f64()
        );
    }
    let numbers = numbers(load);
    let sent = numbers.len();
    let begin = Instant::now();
    let pause = load.rate.map(|rate| Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX).max(1));
    let mut tasks = tokio::task::JoinSet::new();
    let numbers = Arc::new(numbers);
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..load.callers {
        let (load, store, numbers, next) =
            (load.clone(), Arc::clone(&store), Arc::clone(&numbers), Arc::clone(&next));
        tasks.spawn(async move {
            let (mut fresh, mut took) = (0, Vec::new());
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(number) = numbers.get(index).copied() else { break };
                if let Some(pause) = pause {
                    tokio::time::sleep_until((begin + pause * u32::try_from(index)?).into()).await;
                }
                let began = Instant::now();
                fresh += write(&load, &*store, number).await?;
                took.push(began.elapsed());
                if load.named {
                    // One write of a whole line, so that none is cut in two.
                    std::io::stdout().write_all(format!("acknowledged {number}\n").as_bytes())?;
                }
            }
            Ok::<_, Failure>((fresh, took))
        });
    }
    let (mut fresh, mut took) = (0, Vec::new());
    while let Some(task) = tasks.join_next().await {
        let (new, times) = task??;
        fresh += new;
        took.extend(times);
    }
    let elapsed = begin.elapsed();
    if !load.named {
        report(load, sent, fresh, elapsed, took);
        let found = count(load, &*store, load.count).await?;
        found.print(load.count);
    }
    store.close().await;
    Ok(())
}

fn report(load: &Load, sent: usize, fresh: u64, elapsed: Duration, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at =
        |part: usize| took.get((took.len().saturating_sub(1)) * part / 1000).copied().unwrap_or_default();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    println!("sent {sent}, new {fresh}, in {:.2} s", elapsed.as_secs_f64());
    let rate = sent as f64 / elapsed.as_secs_f64();
    println!("rate {rate:.0}/s");
    println!("p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", millis(at(500)), millis(at(990)), millis(at(1000)));
    figures::figure(load.group(), "at full load, or at the rate asked for", rate, "1/s");
    figures::figure(load.group(), "p50", at(500).as_secs_f64() * 1e9, "ns");
    figures::figure(load.group(), "p99", at(990).as_secs_f64() * 1e9, "ns");
}

/// What the store holds of a load.
struct Found {
    /// Numbers of decisions with a reward.
    rewarded: Vec<u64>,
    /// Rewards that learning state has too few or too many of.
    off: i64,
    /// Whether learning state is, bit for bit, what the log and what an independent replay add up to.
    equal: bool,
}

impl Found {
    fn print(&self, expected: u64) {
        let lost = expected.saturating_sub(self.rewarded.len() as u64);
        println!("lost {lost}, double {}, equal to a replay bit for bit: {}", self.off, self.equal);
    }
}

async fn count(load: &Load, store: &dyn Store, up_to: u64) -> Result<Found, Failure> {
    let (tenant, task) = (TenantId::single(), load.task()?);
    let mut rewarded = Vec::new();
    let mut after = None;
    loop {
        let page = store.log().settled(&tenant, &task, after, 10_000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.decision.id);
        let own = page.iter().filter(|settled| settled.reward.is_some());
        rewarded.extend(own.map(|settled| {
            let id = u128::from_be_bytes(*settled.decision.id.as_bytes());
            u64::try_from(id & u128::from(u64::MAX)).unwrap_or(u64::MAX)
        }));
    }
    let mut replay: BTreeMap<u64, Stats> = BTreeMap::new();
    for number in &rewarded {
        let value = if load.mode == Mode::Turns { UnitInterval::clamped(0.5)? } else { value(*number) };
        let sum = replay.entry(number % load.keys).or_default();
        *sum = sum.checked_add(&Stats::of_reward(value))?;
    }
    let (mut equal, mut off) = (rewarded.iter().all(|number| *number < up_to), 0);
    for (key, sum) in &replay {
        let query = match load.keys {
            1 => StateQuery::default(),
            _ => StateQuery::default().with_user(format!("user-{key}").parse()?),
        };
        let state = store.bandits().load(&tenant, &task, &query).await?;
        let found = state.rows.first().map(|row| row.stats.clone()).unwrap_or_default();
        off += found.count - sum.count;
        equal &= found == *sum && state.rows.len() == 1;
    }
    let audit = store.bandits().audit(&tenant, &task).await?;
    equal &= audit.mismatches.is_empty() && audit.decisions == rewarded.len() as u64;
    Ok(Found { rewarded, off, equal })
}

/// Kills the process that writes, again and again, and counts.
async fn killed(load: &Load, rounds: u64) -> Result<(), Failure> {
    let store = load.open().await?;
    prepare(load, &*store).await?;
    store.close().await;
    let mut acknowledged = std::collections::BTreeSet::new();
    for round in 0..rounds {
        let load = load.clone();
        // At other moments each time.
        let most = load.count / (rounds + 1) * (round + 1) + round * 13 % 97;
        let named = tokio::task::spawn_blocking(move || kill_one(&load, most)).await??;
        println!("round {round}: {} acknowledged before the kill", named.len());
        acknowledged.extend(named);
    }
    let store = load.open().await?;
    let found = count(load, &*store, load.count).await?;
    let held: std::collections::BTreeSet<_> = found.rewarded.iter().copied().collect();
    let lost = acknowledged.difference(&held).count();
    println!("{} acknowledged, {} held", acknowledged.len(), held.len());
    println!("lost {lost}, double {}, equal to a replay bit for bit: {}", found.off, found.equal);
    store.close().await;
    match lost == 0 && found.off == 0 && found.equal {
        true => Ok(()),
        false => Err("the store lost or doubled a write".into()),
    }
}

/// Starts the load in another process and kills it after `most` acknowledgements.
fn kill_one(load: &Load, most: u64) -> Result<Vec<u64>, Failure> {
    let mode = if load.mode == Mode::Turns { "turns" } else { "rewards" };
    let options = [
        ("--callers", load.callers as u64),
        ("--count", load.count),
        ("--keys", load.keys),
        ("--duplicates", load.duplicates),
        ("--groups", u64::from(load.groups)),
        ("--named", 1),
        ("--run", load.run),
    ];
    let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]);
    let mut writer = Command::new(std::env::current_exe()?)
        .args([load.url.as_str(), mode])
        .args(options)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = writer.stdout.take().ok_or("the writer has an output")?;
    let mut named = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        let number = line.strip_prefix("acknowledged ").and_then(|number| number.parse::<u64>().ok());
        named.extend(number);
        if named.len() as u64 == most {
            // SIGKILL on Unix. What is already in the pipe is read on.
            writer.kill()?;
        }
    }
    if named.len() < usize::try_from(most)? {
        eprintln!("the writer ended by itself after {} writes", named.len());
    }
    writer.wait()?;
    Ok(named)
}
