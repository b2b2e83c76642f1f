use helm_core::{TaskId, TenantId};
use helm_eval::dataset::RatedAnswer;
use helm_eval::stats::Estimate;
use helm_eval::{InUse, Learned, LearnedWeights, Learning, Rating, RewardSpec, learn_beside};
use helm_store::NewJob;
use serde::{Deserialize, Serialize};

use super::adopted::{self, Adoption, Stored};
use super::ratings::{Ratings, ratings};
use super::{key, reweigh};
use crate::background::Undone;
use crate::documents;
use crate::error::Result;
use crate::inner::{Inner, TaskRuntime};

/// The kind of job that learns a task's weights from people.
pub(crate) const LEARN: &str = "learn_weights";
/// After as many failures the job is dead; the next rating begins another.
const ATTEMPTS: u32 = 5;
/// How many ratings are learned from, of the task itself and of each other one.
const MOST: usize = 2_000;
const MOST_OF_OTHERS: usize = 500;

/// Which task a job is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    pub(super) task: TaskId,
}

/// Sees to it that what was said of a turn is learned from, where the task's reward learns.
pub(crate) async fn note_feedback(inner: &Inner, tenant: &TenantId, task: &TaskId) {
    if !inner.task(task).is_ok_and(|task| task.reward.learns()) {
        return;
    }
    let now = inner.clock.now();
    let job = NewJob {
        kind: LEARN.to_owned(),
        dedupe: format!("{LEARN}:{task}:{}", inner.pace.slot(now)),
        body: serde_json::json!(About { task: task.clone() }),
        run_at: now.after(inner.pace.pause),
        max_attempts: ATTEMPTS,
    };
    // The judgement is stored; the next one brings the job.
    if let Err(error) = inner.store.jobs().enqueue(tenant, &[job]).await {
        tracing::warn!(%task, %error, "learning from feedback could not be queued");
    }
}

/// Learns a task's weights, and adopts them where they are clearly better than those that count.
pub(crate) async fn learn(inner: &Inner, tenant: &TenantId, about: &About) -> Result<(), Undone> {
    let task = inner.task(&about.task)?;
    let Some(key) = key(&task.reward) else { return Ok(()) };
    let stored = adopted::read(&*inner.store, tenant, &task.id, &key).await?;
    if stored.document.is_unsettled() {
        reweigh::enqueue(inner, tenant, &task.id, stored.document.number()).await?;
    }
    let read_until = inner.clock.now();
    let Some((weights, better)) = better(inner, tenant, task, &stored).await? else { return Ok(()) };
    let number = stored.document.number() + 1;
    let Stored { revision, mut document } = stored;
    let mut adoption = Adoption::new(number, inner.clock.now(), better, weights);
    adoption.read_until = read_until;
    document.adopt(adoption);
    let next = Stored { revision, document };
    // Another process may have been first; it had the same ratings.
    if documents::write(&*inner.store, tenant, &task.id, &key, next).await? {
        tell(task, number, better);
        reweigh::enqueue(inner, tenant, &task.id, number).await?;
    }
    Ok(())
}

fn tell(task: &TaskRuntime, number: u64, better: Estimate) {
    let (reward, better) = (task.reward.id().to_string(), better.value);
    tracing::info!(task = %task.id, reward, number, better, "weights learned from people count from now on");
    metrics::counter!("helm_reward_weights_adopted_total", "task" => task.id.to_string()).increment(1);
}

/// Weights that are clearly better than those that count, and by how much.
async fn better(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    stored: &Stored,
) -> Result<Option<(LearnedWeights, Estimate)>> {
    let newest = stored.document.newest();
    let seen = newest.map(|newest| newest.read_until);
    let own = ratings(inner, tenant, &task.id, MOST, seen).await?;
    let others = others(inner, tenant, task).await?;
    let (spec, in_use) = (task.reward.clone(), newest.map(|newest| newest.weights.clone()));
    let learning = inner.tracker.spawn_blocking(move || fitted(&spec, &own, &others, in_use.as_ref()));
    // A reward without terms, or a task without ratings, has nothing to learn.
    let Ok(Some(learned)) = learning.await else { return Ok(None) };
    let difference = learned.better.map(|better| better.difference);
    metrics::gauge!("helm_reward_learned_better", "task" => task.id.to_string())
        .set(difference.map_or(0.0, |difference| difference.value));
    let usable = learned.adopted && task.reward.with_weights(1, learned.weights.clone()).is_ok();
    Ok(difference.filter(|_| usable).map(|better| (learned.weights, better)))
}

fn fitted(
    spec: &RewardSpec,
    own: &Ratings,
    others: &[RatedAnswer],
    in_use: Option<&LearnedWeights>,
) -> Option<Learned> {
    let of_own: Vec<Rating<'_>> = own.answers.iter().map(RatedAnswer::as_rating).collect();
    let of_others: Vec<Rating<'_>> = others.iter().map(RatedAnswer::as_rating).collect();
    let beside: Vec<&Rating<'_>> = of_others.iter().collect();
    let in_use = in_use.map(|weights| InUse { weights, since: own.since });
    learn_beside(spec, &of_own, &beside, Learning::default(), in_use).ok()
}

/// What people said in the other tasks with the same reward.
async fn others(inner: &Inner, tenant: &TenantId, task: &TaskRuntime) -> Result<Vec<RatedAnswer>> {
    let mut others = Vec::new();
    for other in inner.tasks.values().filter(|other| other.id != task.id && other.reward == task.reward) {
        others.extend(ratings(inner, tenant, &other.id, MOST_OF_OTHERS, None).await?.answers);
    }
    Ok(others)
}
