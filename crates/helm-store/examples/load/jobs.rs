use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helm_core::{TenantId, Timestamp};
use helm_store::{JobId, NewJob, Store};

use crate::{Failure, Load};

const LEASE: Duration = Duration::from_secs(60);

/// Claims jobs and completes them by the batch; each must be held once.
pub(crate) async fn run(load: &Load) -> Result<(), Failure> {
    let store = load.open().await?;
    let kind = format!("load-{}", load.run);
    let begin = Instant::now();
    enqueue(load, &*store, &kind).await?;
    println!("queued {} jobs at {:.0}/s", load.count, rate(load.count, begin));
    let begin = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..load.callers {
        workers.spawn(work(Arc::clone(&store), kind.clone(), load.batch));
    }
    let (mut held, mut sum) = (HashSet::new(), 0);
    while let Some(worker) = workers.join_next().await {
        let done = worker??;
        sum += done.len() as u64;
        held.extend(done);
    }
    let rate = rate(sum, begin);
    println!("claimed and completed {sum} jobs, {} at a time, at {rate:.0}/s", load.batch);
    crate::figures::figure("jobs", "claimed and completed", rate, "1/s");
    let (lost, twice) = (load.count.saturating_sub(held.len() as u64), sum - held.len() as u64);
    println!("lost {lost}, held by two {twice}");
    store.close().await;
    match lost + twice {
        0 => Ok(()),
        _ => Err("a job was lost or held by two".into()),
    }
}

fn rate(count: u64, begin: Instant) -> f64 {
    count as f64 / begin.elapsed().as_secs_f64()
}

async fn enqueue(load: &Load, store: &dyn Store, kind: &str) -> Result<(), Failure> {
    let numbers: Vec<u64> = (0..load.count).collect();
    for numbers in numbers.chunks(500) {
        let job = |number: &u64| NewJob {
            kind: kind.to_owned(),
            dedupe: format!("{kind}:{number}"),
            body: serde_json::json!({ "number": number }),
            run_at: Timestamp::from_micros(1),
            max_attempts: 5,
        };
        let jobs: Vec<_> = numbers.iter().map(job).collect();
        store.jobs().enqueue(&TenantId::single(), &jobs).await?;
    }
    Ok(())
}

/// The jobs that this worker held.
async fn work(store: Arc<dyn Store>, kind: String, batch: usize) -> Result<Vec<JobId>, Failure> {
    let mut held = Vec::new();
    loop {
        let now = Timestamp::from_micros(2);
        let jobs = store.jobs().claim(now, LEASE, batch, &[&kind]).await?;
        if jobs.is_empty() {
            return Ok(held);
        }
        held.extend(jobs.iter().map(|job| job.id));
        if store.jobs().complete_all(&jobs).await?.contains(&false) {
            return Err("a lease was lost that holds for a minute".into());
        }
    }
}
