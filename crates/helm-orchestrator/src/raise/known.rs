use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use helm_core::{PolicyHash, TaskId, TenantId};
use helm_store::Store;
use tokio::time::Instant;

use super::record::{CandidateStep, Record};
use crate::documents;
use crate::scoped::{Whose, of_tenant};

/// How old what a process knows of a candidate may be when it decides.
pub(crate) const FRESH: Duration = Duration::from_secs(10);

/// What this process knows of candidates that are raised by themselves.
#[derive(Default)]
pub(crate) struct Raised(RwLock<BTreeMap<(TenantId, TaskId), Known>>);

struct Known {
    /// Of which policy and candidate.
    pair: PolicyHash,
    looked: Instant,
    record: Record,
}

impl Raised {
    /// What became of this pair of policies.
    pub(crate) fn record(&self, tenant: &TenantId, task: &TaskId, pair: &PolicyHash) -> Record {
        self.known(tenant, task, pair, |known| known.record.clone()).unwrap_or_default()
    }

    /// Whether the candidate of this pair decides.
    pub(crate) fn is_live(&self, tenant: &TenantId, task: &TaskId, pair: &PolicyHash) -> bool {
        self.known(tenant, task, pair, |known| known.record.is_live()).unwrap_or_default()
    }

    fn known<T>(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        pair: &PolicyHash,
        read: impl Fn(&Known) -> T,
    ) -> Option<T> {
        let all = self.all();
        all.get(&(tenant.clone(), task.clone())).filter(|known| known.pair == *pair).map(read)
    }

    /// Looks what became of a pair, unless it has looked so short a time ago. What is known already holds when that fails.
    pub(crate) async fn look(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        (task, pair): (&TaskId, &PolicyHash),
        fresh: Duration,
    ) -> helm_store::Result<()> {
        let known = self.known(tenant, task, pair, |known| known.looked.elapsed());
        if known.is_some_and(|age| age < fresh) {
            return Ok(());
        }
        let looked = Instant::now();
        match documents::read::<Record>(store, tenant, task, pair).await {
            Ok(stored) => {
                let known = Known { pair: pair.clone(), looked, record: stored.document };
                self.keep((tenant.clone(), task.clone()), known);
                Ok(())
            }
            Err(error) if known.is_some() => {
                tracing::warn!(%task, %error, "what became of the candidate could not be read; who decides goes on deciding");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn keep(&self, place: (TenantId, TaskId), known: Known) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&place);
        // A slower reader brings nothing back.
        if before.is_some_and(|before| before.pair == known.pair && before.looked > known.looked) {
            return;
        }
        count(&place.1, before.is_some_and(|before| before.record.is_live()), known.record.is_live());
        all.insert(place, known);
    }

    /// Forgets pairs that are no longer configured.
    pub(crate) fn retain(&self, is_configured: impl Fn(&TaskId, &PolicyHash) -> bool) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, task), known| {
            let stays = is_configured(task, &known.pair);
            count(task, known.record.is_live(), stays && known.record.is_live());
            stays
        });
    }

    /// Who decides where that is not what is configured, and who was rolled back, in sentences for people.
    pub(crate) fn warnings(
        &self,
        whose: Whose<'_>,
        is_configured: impl Fn(&TaskId, &PolicyHash) -> bool,
    ) -> Vec<String> {
        let all = self.all();
        let told = all
            .iter()
            .filter(|((tenant, task), known)| whose.holds(tenant) && is_configured(task, &known.pair));
        told.filter_map(|(place, known)| warning(place, &known.record)).collect()
    }

    fn all(&self) -> RwLockReadGuard<'_, BTreeMap<(TenantId, TaskId), Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how many tenants a task's candidate decides, as far as this process knows.
fn count(task: &TaskId, before: bool, now: bool) {
    let more = f64::from(u8::from(now)) - f64::from(u8::from(before));
    metrics::gauge!("helm_candidate_live", "task" => task.to_string()).increment(more);
}

fn warning((tenant, task): &(TenantId, TaskId), record: &Record) -> Option<String> {
    let (last, of) = (record.changes.last()?, of_tenant(tenant));
    let (at, because) = (last.at, &last.because);
    let what = match last.step {
        CandidateStep::Raised => {
            format!("decides since {at} ({because}); configure it as the policy to keep it")
        }
        CandidateStep::RolledBack => {
            format!("was rolled back at {at} ({because}); take it out, or change it to have it tried again")
        }
    };
    Some(format!("the candidate of task {task} {what} (`helmctl policy gate --task {task}{of}`)"))
}
