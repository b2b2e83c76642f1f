//! How much follow-up work has died: nobody misses it unless they are told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use helm_core::TenantId;
use helm_store::Store;

use crate::error::Result;
use crate::scoped::of_tenant;

/// The dead jobs of each tenant as of the last count, for those who ask often.
#[derive(Default)]
pub(crate) struct DeadJobs(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// `None` before the first count.
    counts: Option<Counts>,
    /// How many have died in this process, and how many of them the count holds.
    died: u64,
    held: u64,
}

type Counts = BTreeMap<TenantId, u64>;

impl DeadJobs {
    /// Counts anew.
    pub(crate) async fn count(&self, store: &dyn Store) -> helm_store::Result<()> {
        let held = self.locked().died;
        let counts = store.jobs().dead_counts().await?;
        let mut counted = self.locked();
        (counted.counts, counted.held) = (Some(counts), held);
        Ok(())
    }

    /// Notes that one more has died.
    pub(crate) fn note(&self) {
        self.locked().died += 1;
    }

    /// The dead jobs of each tenant: the last count, unless one has died here since.
    pub(crate) async fn counts(&self, store: &dyn Store) -> Result<Counts> {
        if let Some(counts) = self.kept() {
            return Ok(counts);
        }
        // Whoever only looks counts by itself, and keeps nothing that nobody would renew.
        if self.locked().counts.is_none() {
            return Ok(store.jobs().dead_counts().await?);
        }
        self.count(store).await?;
        Ok(self.locked().counts.clone().unwrap_or_default())
    }

    fn kept(&self) -> Option<Counts> {
        let counted = self.locked();
        counted.counts.clone().filter(|_| counted.held == counted.died)
    }

    fn locked(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sentence for people on a tenant that has dead jobs.
pub(crate) fn warning(tenant: &TenantId, dead: u64) -> String {
    let of = of_tenant(tenant);
    format!(
        "dead jobs, whose work is not done: {dead}; `helmctl jobs list{of}` tells why, `helmctl jobs replay --all{of}` tries them \
         again, `helmctl jobs drop --all{of}` gives them up"
    )
}
