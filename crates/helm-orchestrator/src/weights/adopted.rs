use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use helm_core::{PolicyHash, RewardSpecId, TaskId, TenantId, Timestamp};
use helm_eval::stats::Estimate;
use helm_eval::{LearnedWeights, RewardSpec};
use helm_store::Store;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::documents;
use crate::scoped::Whose;

/// What was seen longer ago may have been done since.
const WORTH_TELLING: Duration = Duration::from_secs(60);
/// How many adoptions are kept with their weights.
const KEPT: usize = 100;

/// Weights that were learned from people and counted from some moment on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Adoption {
    /// Counted from 1; [`RewardSpecId::weights`] of the rewards that were composed under them.
    pub number: u64,
    /// When they were adopted.
    pub at: Timestamp,
    /// The moment up to which ratings were read.
    pub read_until: Timestamp,
    /// How much better they ordered answers that they were not fitted to than those before them: a difference of Spearman's
    /// correlations, with an interval of 90 %.
    pub better: f64,
    /// The interval's lower end.
    pub better_low: f64,
    /// The interval's upper end.
    pub better_high: f64,
    /// The weights.
    pub weights: LearnedWeights,
}

impl Adoption {
    pub(super) fn new(number: u64, at: Timestamp, better: Estimate, weights: LearnedWeights) -> Self {
        let Estimate { value, low, high, .. } = better;
        Self { number, at, read_until: at, better: value, better_low: low, better_high: high, weights }
    }
}

/// What is stored of a task's learned weights.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Document {
    /// The oldest first.
    pub(super) adoptions: Vec<Adoption>,
    /// Up to which adoption the log was settled again.
    pub(super) settled: u64,
}

impl Document {
    pub(super) fn newest(&self) -> Option<&Adoption> {
        self.adoptions.last()
    }

    /// The number of the weights that count; 0 for the configured ones.
    pub(super) fn number(&self) -> u64 {
        self.newest().map_or(0, |newest| newest.number)
    }

    /// Whether the log is still to be settled under the newest weights.
    pub(super) fn is_unsettled(&self) -> bool {
        self.settled < self.number()
    }

    pub(super) fn adopt(&mut self, adoption: Adoption) {
        self.adoptions.push(adoption);
        let over = self.adoptions.len().saturating_sub(KEPT);
        self.adoptions.drain(..over);
    }
}

impl documents::Document for Document {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "learned weights";
}

/// What is stored, with its revision.
pub(super) type Stored = documents::Stored<Document>;

/// Under which key a reward's learned weights are kept: those of another reward, or version, are others.
pub(crate) fn key(spec: &RewardSpec) -> Option<PolicyHash> {
    let config = serde_json::to_string(spec.config()).ok()?;
    spec.learns().then(|| PolicyHash::of(&format!("learned weights of {}: {config}", spec.id())))
}

/// Reads what is stored.
pub(super) async fn read(
    store: &dyn Store,
    tenant: &TenantId,
    task: &TaskId,
    key: &PolicyHash,
) -> helm_store::Result<Stored> {
    documents::read(store, tenant, task, key).await
}

/// The adopted weights that this process knows.
#[derive(Default)]
pub(crate) struct Adopted(RwLock<BTreeMap<(TenantId, TaskId), Known>>);

struct Known {
    key: PolicyHash,
    looked: Instant,
    document: Document,
    /// The reward under the newest weights; `None` while the configured ones count.
    spec: Option<Arc<RewardSpec>>,
}

impl Adopted {
    /// The reward that counts now; `None` where it is the configured one.
    pub(crate) fn spec(&self, tenant: &TenantId, task: &TaskId, key: &PolicyHash) -> Option<Arc<RewardSpec>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(tenant.clone(), task.clone())).filter(|known| known.key == *key)?.spec.clone()
    }

    /// What was adopted, the oldest first.
    pub(crate) fn adoptions(&self, tenant: &TenantId, task: &TaskId, key: &PolicyHash) -> Vec<Adoption> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&(tenant.clone(), task.clone())).filter(|known| known.key == *key);
        known.map(|known| known.document.adoptions.clone()).unwrap_or_default()
    }

    /// Looks whether something was adopted, unless it has looked so short a time ago. What is known already holds when that
    /// fails.
    pub(crate) async fn look(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        (task, spec): (&TaskId, &RewardSpec),
        fresh: Duration,
    ) -> helm_store::Result<()> {
        let Some(key) = key(spec) else { return Ok(()) };
        let place = (tenant.clone(), task.clone());
        let known = self.age(&place, &key);
        if known.is_some_and(|age| age < fresh) {
            return Ok(());
        }
        let looked = Instant::now();
        let read = read(store, tenant, task, &key).await;
        let document = match (read, known) {
            (Ok(stored), _) => stored.document,
            (Err(error), None) => return Err(error),
            (Err(error), Some(_)) => {
                tracing::warn!(%task, %error, "learned weights could not be read; those that are known go on counting");
                return Ok(());
            }
        };
        let spec = under(spec, task, &document);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A slower reader brings nothing back.
        if all.get(&place).is_none_or(|known| known.key != key || known.looked <= looked) {
            all.insert(place, Known { key, looked, document, spec });
        }
        Ok(())
    }

    fn age(&self, place: &(TenantId, TaskId), key: &PolicyHash) -> Option<Duration> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(place).filter(|known| known.key == *key).map(|known| known.looked.elapsed())
    }

    /// Where the log is still to be settled under adopted weights, in sentences for people.
    pub(crate) fn warnings(&self, whose: Whose<'_>, of: Option<&TaskId>) -> Vec<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let told =
            all.iter().filter(|((tenant, task), _)| whose.holds(tenant) && of.is_none_or(|of| of == task));
        told.filter_map(|((_, task), known)| known.warning(task)).collect()
    }
}

impl Known {
    fn warning(&self, task: &TaskId) -> Option<String> {
        let unsettled = self.document.is_unsettled() && self.looked.elapsed() < WORTH_TELLING;
        let id: &RewardSpecId = self.spec.as_ref().filter(|_| unsettled)?.id();
        Some(format!(
            "the log of task {task} is being settled again under {id}, whose weights were learned from people; until then its \
             learning state holds rewards of two scales"
        ))
    }
}

/// The reward under the newest weights.
fn under(spec: &RewardSpec, task: &TaskId, document: &Document) -> Option<Arc<RewardSpec>> {
    let newest = document.newest()?;
    let built = spec.with_weights(newest.number, newest.weights.clone());
    let told = built.inspect_err(|error| tracing::warn!(%task, %error, "adopted weights cannot be used"));
    told.ok().map(Arc::new)
}
