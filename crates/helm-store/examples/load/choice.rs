use std::time::{Duration, Instant};

use helm_store::{StateQuery, Store};

use crate::{Failure, Load, Mode, write};

/// With how few rewards loading is timed first.
const FEW: u64 = 1_000;
const LOADS: u32 = 4_000;

/// Loading a task's state costs the same however many rewards are in it.
pub(crate) async fn run(load: &Load) -> Result<(), Failure> {
    let few = Load { mode: Mode::Turns, count: FEW, ..load.clone() };
    let many = Load { mode: Mode::Turns, run: load.run + 1, ..load.clone() };
    let store = load.open().await?;
    fill(&few, &*store).await?;
    fill(&many, &*store).await?;
    // Both by turns, so that a change of the machine is a change for both.
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..LOADS {
        of_few.push(time(&few, &*store).await?);
        of_many.push(time(&many, &*store).await?);
    }
    let (of_few, of_many) = (median(of_few), median(of_many));
    println!("state of {FEW} rewards loaded in {of_few:.2?}, of {} in {of_many:.2?}", load.count);
    let ratio = of_many.as_secs_f64() / of_few.as_secs_f64();
    println!("ratio {ratio:.3}");
    crate::figures::figure("choice", "state of many rewards, beside that of few", ratio, "times");
    store.close().await;
    Ok(())
}

async fn fill(load: &Load, store: &dyn Store) -> Result<(), Failure> {
    use futures::{StreamExt, TryStreamExt};
    let writes = (0..load.count).map(|number| write(load, store, number));
    let begin = Instant::now();
    let written = futures::stream::iter(writes).buffer_unordered(load.callers.max(256));
    written.try_for_each(|_| std::future::ready(Ok(()))).await?;
    println!("{} turns at {:.0}/s", load.count, load.count as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}

async fn time(load: &Load, store: &dyn Store) -> Result<Duration, Failure> {
    let query = StateQuery::default().with_user("user-0".parse()?);
    let (tenant, task) = (helm_core::TenantId::single(), load.task()?);
    let begin = Instant::now();
    let state = store.bandits().load(&tenant, &task, &query).await?;
    let took = begin.elapsed();
    match state.rows.len() {
        1 => Ok(took),
        rows => Err(format!("there are {rows} rows of state").into()),
    }
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}
