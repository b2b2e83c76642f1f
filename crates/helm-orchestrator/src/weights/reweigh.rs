use helm_core::{TaskId, TenantId};
use helm_store::NewJob;
use serde::{Deserialize, Serialize};

use super::adopted::{self, Stored};
use super::key;
use crate::background::Undone;
use crate::documents;
use crate::inner::Inner;
use crate::rebuild;

/// The kind of job that settles a task's log again under adopted weights.
pub(crate) const REWEIGH: &str = "reweigh";
/// After as many failures the job is dead; `helmctl policy rebuild` does the same.
const ATTEMPTS: u32 = 10;

/// Which task's log, and under which weights.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    task: TaskId,
    number: u64,
}

/// Has the log settled again once every process knows the weights: whoever settles by older ones until then is corrected.
pub(super) async fn enqueue(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    number: u64,
) -> helm_store::Result<()> {
    let job = NewJob {
        kind: REWEIGH.to_owned(),
        dedupe: format!("{REWEIGH}:{task}:{number}"),
        body: serde_json::json!(About { task: task.clone(), number }),
        run_at: inner.clock.now().after(inner.pace.known_everywhere()),
        max_attempts: ATTEMPTS,
    };
    inner.store.jobs().enqueue(tenant, &[job]).await.map(drop)
}

/// Settles a task's log again under adopted weights, unless others count by now.
pub(crate) async fn reweigh(inner: &Inner, tenant: &TenantId, about: &About) -> Result<(), Undone> {
    let task = inner.task(&about.task)?;
    let Some(key) = key(&task.reward) else { return Ok(()) };
    let number = adopted::read(&*inner.store, tenant, &task.id, &key).await?.document.number();
    if number != about.number {
        return Ok(());
    }
    let rebuilt = rebuild::rebuild(inner, tenant, &task.id, &mut |_| {}).await?;
    tracing::info!(task = %task.id, number, changed = rebuilt.changed, "the log was settled under learned weights");
    let Stored { revision, mut document } = adopted::read(&*inner.store, tenant, &task.id, &key).await?;
    document.settled = document.settled.max(number);
    match documents::write(&*inner.store, tenant, &task.id, &key, Stored { revision, document }).await? {
        true => Ok(()),
        false => Err(Undone::Failed("other weights were adopted at the same moment".to_owned())),
    }
}
