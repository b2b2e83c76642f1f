use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use helm_core::{TaskId, TenantId};

type Key = (TenantId, TaskId);

/// When priors are due to be estimated again: for each tenant and task after so many settled decisions, and
/// never twice at the same time.
#[derive(Clone, Default)]
pub(crate) struct Refits {
    progress: Arc<Mutex<BTreeMap<Key, Progress>>>,
}

#[derive(Default)]
struct Progress {
    settled: u64,
    running: bool,
}

impl Refits {
    /// Counts one more settled decision. Answers a flight when an estimate is due and none is under way; the
    /// next one may begin when it is dropped.
    pub(crate) fn settled(&self, tenant: &TenantId, task: &TaskId, every: u64) -> Option<Flight> {
        let key = (tenant.clone(), task.clone());
        let mut all = self.locked();
        let progress = all.entry(key.clone()).or_default();
        progress.settled += 1;
        if progress.running || progress.settled < every.max(1) {
            return None;
        }
        *progress = Progress { settled: 0, running: true };
        Some(Flight { refits: self.clone(), key })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Key, Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An estimate under way.
pub(crate) struct Flight {
    refits: Refits,
    key: Key,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(progress) = self.refits.locked().get_mut(&self.key) {
            progress.running = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_and_task_is_counted_alone_and_estimated_once_at_a_time() {
        let (refits, one, two) =
            (Refits::default(), TenantId::new("one").unwrap(), TenantId::new("two").unwrap());
        let task = TaskId::new("t").unwrap();
        assert!((0..2).all(|_| refits.settled(&one, &task, 3).is_none()));
        assert!((0..2).all(|_| refits.settled(&two, &task, 3).is_none()), "another tenant's count");
        let flight = refits.settled(&one, &task, 3).unwrap();
        assert!((0..5).all(|_| refits.settled(&one, &task, 3).is_none()), "one is under way");
        assert!(refits.settled(&two, &task, 3).is_some());
        drop(flight);
        assert!(refits.settled(&one, &task, 3).is_some(), "what came in meanwhile counts");
    }
}
