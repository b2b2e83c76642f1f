use std::collections::BTreeMap;
use std::time::Duration;

use helm_core::{Candidate, PolicyName, RewardSpecId, Stats, StrategyId, TaskId, TenantId};
use helm_store::StrategyTotal;

use crate::error::Result;
use crate::inner::Inner;
use crate::overview::{known, offered};
use crate::raise::CandidateStanding;
use crate::scoped::Whose;

/// What has been learnt about a task.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TaskReport {
    /// The task.
    pub task: TaskId,
    /// The policy that decides: its own, or its candidate where that was raised.
    pub policy: PolicyName,
    /// Which of its policy and its candidate decides, since when and why; `None` without a candidate.
    pub candidate: Option<CandidateStanding>,
    /// What its turns are rewarded by now.
    pub reward: RewardSpecId,
    /// Its strategies as configured, then those that were used before and no longer are.
    pub strategies: Vec<StrategyReport>,
    /// What somebody should see to, in sentences for people: that those whose feedback came to this process have begun
    /// to say something else than the reward, that weights learned from them would be better, that the log is still to be
    /// settled under such weights, or what became of the candidate.
    pub warnings: Vec<String>,
}

/// What has been learnt about a strategy.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct StrategyReport {
    /// The strategy.
    pub strategy: StrategyId,
    /// How many decisions chose it.
    pub pulls: u64,
    /// Its rewards.
    pub reward: RewardSummary,
    /// People's feedback alone.
    pub feedback: FeedbackSummary,
    /// The probability with which a new user would get it now; `None` when it is no longer configured.
    pub probability: Option<f64>,
    /// What the policy expects of it for a new user; `None` when it is no longer configured.
    pub posterior: Option<Posterior>,
}

/// What a policy believes of a strategy's expected reward.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Posterior {
    /// The mean, in units of reward.
    pub mean: f64,
    /// The standard deviation of what is believed of that mean.
    pub deviation: f64,
}

/// Rewards of a strategy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RewardSummary {
    /// How many decisions have one.
    pub count: u64,
    /// Their mean in \[0, 1\]; `None` without any.
    pub mean: Option<f64>,
    /// The standard error of the mean; `None` with fewer than two.
    pub stderr: Option<f64>,
}

/// People's feedback on a strategy: one value for each decision and source, at its last value.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FeedbackSummary {
    /// How many values.
    pub count: u64,
    /// Their sum, each in \[0, 1\].
    pub sum: f64,
}

pub(crate) async fn report(inner: &Inner, tenant: &TenantId, task: &TaskId) -> Result<TaskReport> {
    let task = inner.task(task)?;
    inner.weigh(tenant).await?;
    inner.look_at_candidate(tenant, task, Duration::ZERO).await?;
    let totals = async { Ok(inner.store.bandits().strategy_totals(tenant, &task.id).await?) };
    let (snapshot, totals) = tokio::try_join!(known(inner, tenant, task, None), totals)?;
    let totals: BTreeMap<_, _> = totals.into_iter().map(|total| (total.strategy.clone(), total)).collect();
    let candidates = offered(inner, tenant, task, None, &snapshot)?;
    let configured = task.strategies.iter().map(|strategy| &strategy.id);
    let retired = totals.keys().filter(|id| task.strategy(id).is_none());
    let strategies = configured
        .chain(retired)
        .map(|id| strategy_report(id, &snapshot.task_total(id), totals.get(id), &candidates));
    let strategies = strategies.collect();
    let key = (tenant.clone(), task.id.clone());
    let mut warnings: Vec<String> =
        inner.watches.warning(&key).into_iter().chain(inner.shadows.warning(&key)).collect();
    warnings.extend(inner.gates.warning(&key));
    warnings.extend(inner.candidate_warnings(Whose::Tenant(tenant), Some(&task.id)));
    warnings.extend(inner.adopted.warnings(Whose::Tenant(tenant), Some(&task.id)));
    let candidate = inner.standing(tenant, task);
    let (policy, reward) =
        (inner.policy_of(tenant, task).name().clone(), inner.reward_of(tenant, task).id().clone());
    Ok(TaskReport { task: task.id.clone(), policy, candidate, reward, strategies, warnings })
}

fn strategy_report(
    id: &StrategyId,
    stats: &Stats,
    total: Option<&StrategyTotal>,
    candidates: &[Candidate],
) -> StrategyReport {
    let feedback =
        total.map(|total| FeedbackSummary { count: total.feedback_count, sum: total.feedback_sum.to_f64() });
    let candidate = candidates.iter().find(|candidate| candidate.strategy == *id);
    StrategyReport {
        strategy: id.clone(),
        pulls: total.map_or(0, |total| total.decisions),
        reward: reward_summary(stats),
        feedback: feedback.unwrap_or_default(),
        probability: candidate.map(|candidate| candidate.probability.get()),
        posterior: candidate
            .map(|candidate| Posterior { mean: candidate.mean, deviation: candidate.deviation }),
    }
}

fn reward_summary(stats: &Stats) -> RewardSummary {
    let count = u64::try_from(stats.count).unwrap_or(0);
    let n = count as f64;
    let mean = (count > 0).then(|| stats.reward.to_f64() / n);
    let stderr = mean.filter(|_| count > 1).map(|mean| {
        let variance = (stats.reward_sq.to_f64() - n * mean * mean).max(0.0) / (n - 1.0);
        (variance / n).sqrt()
    });
    RewardSummary { count, mean, stderr }
}

#[cfg(test)]
mod tests {
    use helm_core::UnitInterval;

    use super::*;

    #[test]
    fn summaries_have_no_made_up_numbers() {
        let none = reward_summary(&Stats::default());
        assert_eq!((none.count, none.mean, none.stderr), (0, None, None));
        let one = Stats::of_reward(UnitInterval::new(0.25).unwrap());
        assert_eq!(reward_summary(&one).mean, Some(0.25));
        assert_eq!(reward_summary(&one).stderr, None);
        let two = one.checked_add(&Stats::of_reward(UnitInterval::new(0.75).unwrap())).unwrap();
        let summary = reward_summary(&two);
        assert_eq!(summary.mean, Some(0.5));
        assert!((summary.stderr.unwrap() - 0.25).abs() < 1e-9);
    }
}
