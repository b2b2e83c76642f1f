use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use helm_core::{Clock, SystemClock, TenantId};
use helm_orchestrator::store::{DeadJob, JobId, JobState, Store};
use serde::Serialize;

use crate::arguments::{Global, JobsCommand, OfTenant, WhichJobs};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

/// Looks at work that has died, and brings it back or drops it.
pub(super) async fn run(global: &Global, command: &JobsCommand) -> Result<()> {
    let store = open::store(global).await?;
    let done = match command {
        JobsCommand::List { limit, of } => list(global, &store, of, *limit).await,
        JobsCommand::Show { id, of } => show(global, &store, of, JobId(*id)).await,
        JobsCommand::Replay(which) => change(global, &store, which, Change::Replay).await,
        JobsCommand::Drop(which) => change(global, &store, which, Change::Drop).await,
    };
    store.close().await;
    done
}

#[derive(Serialize)]
struct ListJson {
    /// Of all tenants.
    counts: JobState,
    /// Of each tenant that has any.
    dead_of: BTreeMap<TenantId, u64>,
    /// Of the tenant that was named.
    dead: Vec<DeadJob>,
}

async fn list(global: &Global, store: &Arc<dyn Store>, of: &OfTenant, limit: usize) -> Result<()> {
    let counts = store.jobs().counts().await?;
    let dead_of = store.jobs().dead_counts().await?;
    let dead = store.jobs().dead(&of.tenant, limit).await?;
    match global.output {
        Format::Table => {
            let JobState { waiting, leased, dead: all } = counts;
            let whose = dead_of.iter().map(|(tenant, dead)| format!("{dead} of {tenant}"));
            let whose =
                if all == 0 { String::new() } else { format!(" ({})", whose.collect::<Vec<_>>().join(", ")) };
            output::note(&format!(
                "{waiting} jobs wait, {leased} run, {all} are dead{whose}, over all tenants"
            ));
            let rows = dead.into_iter().map(|job| {
                let why = job.error.unwrap_or_default();
                [job.id.0.to_string(), job.kind, job.attempts.to_string(), why]
            });
            output::line(&output::texts(["id", "kind", "attempts", "died of"], rows))
        }
        Format::Jsonl => dead.iter().try_for_each(|job| output::json(Format::Jsonl, job)),
        format => output::json(format, &ListJson { counts, dead_of, dead }),
    }
}

async fn show(global: &Global, store: &Arc<dyn Store>, of: &OfTenant, id: JobId) -> Result<()> {
    let dead = store.jobs().dead(&of.tenant, usize::MAX).await?;
    let job = dead.into_iter().find(|job| job.id == id).ok_or_else(|| no_such(id))?;
    match global.output {
        Format::Table => {
            let rows = [
                ["kind".to_owned(), job.kind],
                ["attempts".to_owned(), job.attempts.to_string()],
                ["died of".to_owned(), job.error.unwrap_or_default()],
                ["body".to_owned(), job.body],
            ];
            output::line(&output::texts(["job", &id.0.to_string()], rows))
        }
        format => output::json(format, &job),
    }
}

fn no_such(id: JobId) -> Failure {
    Failure::wrong(format!("there is no dead job {}; see `helmctl jobs list`", id.0))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Replay,
    Drop,
}

#[derive(Serialize)]
struct ChangedJson {
    changed: u64,
}

async fn change(global: &Global, store: &Arc<dyn Store>, which: &WhichJobs, change: Change) -> Result<()> {
    let tenant = &which.of.tenant;
    let mut changed = 0;
    // All are looked for first: nothing is done by half.
    for id in chosen(store, tenant, which).await? {
        let done = match change {
            Change::Replay => store.jobs().retry(tenant, id, SystemClock.now()).await,
            Change::Drop => store.jobs().discard(tenant, id).await,
        };
        // Where not, somebody else was first.
        changed += u64::from(done?);
    }
    let word = if change == Change::Replay { "due again, with all their attempts" } else { "dropped" };
    match global.output {
        Format::Table => output::line(&format!("{changed} jobs are {word}")),
        format => output::json(format, &ChangedJson { changed }),
    }
}

async fn chosen(store: &Arc<dyn Store>, tenant: &TenantId, which: &WhichJobs) -> Result<BTreeSet<JobId>> {
    let dead = store.jobs().dead(tenant, usize::MAX).await?;
    if !which.all {
        let named: BTreeSet<_> = which.ids.iter().copied().map(JobId).collect();
        return match named.iter().find(|id| dead.iter().all(|job| job.id != **id)) {
            Some(missing) => Err(no_such(*missing)),
            None => Ok(named),
        };
    }
    let wanted = |job: &DeadJob| which.kind.as_ref().is_none_or(|kind| job.kind == *kind);
    Ok(dead.into_iter().filter(wanted).map(|job| job.id).collect())
}
