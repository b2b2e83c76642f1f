//! Whether weights learned from people would order answers better than the configured ones: asked now and then of the
//! ratings that came to this process. Nothing is changed by it; `helmctl eval calibrate` learns from the whole log and writes
//! the reward.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use helm_core::{TaskId, TenantId};
use helm_eval::dataset::RatedAnswer;
use helm_eval::{Combine, Learning, RewardSpec, learn};

use crate::scoped::{Whose, of_tenant};

/// How many ratings are kept of a task.
const KEPT: usize = 500;
/// After how many new ones the question is asked again.
const EVERY: usize = 50;

/// The latest ratings of all tasks, and what they said last.
#[derive(Default)]
pub(crate) struct Shadows(Mutex<BTreeMap<(TenantId, TaskId), Shadow>>);

#[derive(Default)]
struct Shadow {
    answers: VecDeque<RatedAnswer>,
    fresh: usize,
    /// By how much the learned weights order answers better, where that is clear.
    better: Option<f64>,
}

impl Shadow {
    fn warning(&self, (tenant, task): &(TenantId, TaskId)) -> Option<String> {
        let (better, of) = (self.better?, of_tenant(tenant));
        Some(format!(
            "by the latest ratings, learned weights would order answers of task {task} better than its reward does \
             (Spearman {better:+.2}); run `helmctl eval calibrate --task {task}{of}`"
        ))
    }
}

impl Shadows {
    /// Keeps a rating; all that are kept, when it is time to ask again.
    fn keep(&self, key: &(TenantId, TaskId), answer: RatedAnswer) -> Option<Vec<RatedAnswer>> {
        let mut all = self.locked();
        let shadow = all.entry(key.clone()).or_default();
        shadow.answers.push_back(answer);
        if shadow.answers.len() > KEPT {
            shadow.answers.pop_front();
        }
        shadow.fresh += 1;
        if shadow.fresh < EVERY {
            return None;
        }
        shadow.fresh = 0;
        Some(shadow.answers.iter().cloned().collect())
    }

    /// Takes a rating in. With it and the latest before it, weights are learned again after every 50.
    pub(crate) async fn note(&self, key: &(TenantId, TaskId), spec: &RewardSpec, answer: RatedAnswer) {
        // Learned weights that are in use already are watched for drift, and where they are adopted by themselves nobody needs to be
        // told.
        if spec.config().combine == Combine::Learned || spec.learns() {
            return;
        }
        let Some(answers) = self.keep(key, answer) else { return };
        let spec = spec.clone();
        let learning = tokio::task::spawn_blocking(move || {
            let ratings: Vec<_> = answers.iter().map(RatedAnswer::as_rating).collect();
            learn(&spec, &ratings, Learning::default())
        });
        // A reward without terms has nothing to learn.
        let Ok(Ok(learned)) = learning.await else { return };
        let difference = learned.better.map(|better| better.difference.value);
        metrics::gauge!("helm_reward_learned_better", "task" => key.1.to_string())
            .set(difference.unwrap_or(0.0));
        if let Some(shadow) = self.locked().get_mut(key) {
            shadow.better = difference.filter(|_| learned.adopted);
        }
    }

    /// Forgets the ratings of tasks that are not so any more.
    pub(crate) fn retain(&self, is_as_before: impl Fn(&TaskId) -> bool) {
        self.locked().retain(|(_, task), _| is_as_before(task));
    }

    /// Where learned weights are better, in sentences for people.
    pub(crate) fn warnings(&self, whose: Whose<'_>) -> Vec<String> {
        let all = self.locked();
        let told = all.iter().filter(|((tenant, _), _)| whose.holds(tenant));
        told.filter_map(|(key, shadow)| shadow.warning(key)).collect()
    }

    /// Whether they are of one task.
    pub(crate) fn warning(&self, key: &(TenantId, TaskId)) -> Option<String> {
        self.locked().get(key)?.warning(key)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(TenantId, TaskId), Shadow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
