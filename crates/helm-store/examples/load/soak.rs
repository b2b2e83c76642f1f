use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use helm_core::{Clock, Feedback, SystemClock, TenantId};
use helm_store::{Selection, Store, VectorQuery};
use sqlx::{Connection, PgConnection, Row};

use crate::{Failure, Load, Simple, value, write};

/// Into how many parts the run is divided; what is held is told after each.
const PARTS: u64 = 10;
/// Whatever caches hold is there after so many of them.
const WARM: usize = 3;
/// How much more memory may be held in the end than after the warm parts.
const MEBIBYTES: f64 = 32.0;

/// What this process holds.
struct Held {
    turns: u64,
    mebibytes: f64,
    handles: usize,
    /// Of a server.
    connections: Option<i64>,
}

/// Plays whole turns: both transactions, a judgement, a search, a read of the log, and the jobs that follow.
pub(crate) async fn run(load: &Load) -> Result<(), Failure> {
    let load = &Load { mode: crate::Mode::Turns, ..load.clone() };
    let store = load.open().await?;
    let next = Arc::new(AtomicU64::new(0));
    let (mut held, begin) = (Vec::new(), Instant::now());
    for part in 1..=PARTS {
        let until = load.count * part / PARTS;
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..load.callers {
            callers.spawn(play(load.clone(), Arc::clone(&store), Arc::clone(&next), until));
        }
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        next.store(until, Ordering::SeqCst);
        let now = look(load, until).await?;
        now.print(begin);
        held.push(now);
    }
    store.close().await;
    judge(&held)
}

impl Held {
    fn print(&self, begin: Instant) {
        let connections = self.connections.map_or(String::new(), |count| format!(", {count} connections"));
        let rate = self.turns as f64 / begin.elapsed().as_secs_f64();
        let Self { turns, mebibytes, handles, .. } = self;
        println!("{turns} turns at {rate:.0}/s: {mebibytes:.1} MiB, {handles} file handles{connections}");
    }
}

fn judge(held: &[Held]) -> Result<(), Failure> {
    let (Some(warm), Some(last)) = (held.get(WARM - 1), held.last()) else { return Ok(()) };
    let more = last.mebibytes - warm.mebibytes;
    println!("{more:+.1} MiB since {} turns", warm.turns);
    let same = last.handles <= warm.handles && last.connections <= warm.connections;
    match more <= MEBIBYTES && same {
        true => Ok(()),
        false => Err("memory, file handles or connections have grown".into()),
    }
}

async fn play(load: Load, store: Arc<dyn Store>, next: Arc<AtomicU64>, until: u64) -> Result<(), Failure> {
    let tenant = TenantId::single();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= until {
            return Ok(());
        }
        write(&load, &*store, number).await?;
        let decision = load.decision(number)?;
        let (id, user, at) = (decision.id, decision.context.user, decision.at);
        let said = Feedback::new(id, value(number));
        store.record_feedback(&tenant, &said, at, Arc::new(Simple { keys: load.keys })).await?;
        if number.is_multiple_of(16) {
            let query = VectorQuery::new(Selection::of_user(user.clone(), "m"), vec![0.1; 33], 5);
            store.vectors().search(&tenant, &query).await?;
            store.log().turn(&tenant, id).await?;
            store.preferences().get(&tenant, &user).await?;
            let jobs = store.jobs().claim(SystemClock.now(), Duration::from_secs(60), 64, &["judge"]).await?;
            store.jobs().complete_all(&jobs).await?;
        }
    }
}

async fn look(load: &Load, turns: u64) -> Result<Held, Failure> {
    let pages: f64 = std::fs::read_to_string("/proc/self/statm")?
        .split_whitespace()
        .nth(1)
        .ok_or("the kernel does not tell how much memory is held")?
        .parse()?;
    let handles = std::fs::read_dir("/proc/self/fd")?.count();
    let connections = if load.url.starts_with("postgres") { Some(connections(load).await?) } else { None };
    Ok(Held { turns, mebibytes: pages * 4096.0 / f64::from(1 << 20), handles, connections })
}

async fn connections(load: &Load) -> Result<i64, Failure> {
    let mut connection = PgConnection::connect(&load.url).await?;
    let row = sqlx::query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'helm'",
    );
    let connections = row.fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(connections)
}
