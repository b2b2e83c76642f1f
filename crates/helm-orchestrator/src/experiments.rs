//! Experiments that run: what their variants give, and what the log says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use helm_core::{ExperimentKey, StrategyId, StrategyName, TaskId, TenantId, Timestamp, UserId, VariantName};
use helm_eval::RewardSpec;
use helm_experiment::report::{LogCandidate, LogFeedback};
use helm_experiment::spec::{Mode, SpecVariant, Treatment, conflicts_from};
use helm_experiment::{LogRow, Report, Spec};
use helm_policy::{Policy, Registry};
use helm_store::{FeedbackEntry, InteractionLog, InteractionLogExt, RowQuery, TurnRow};

use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime, comma_separated};

/// An experiment whose strategies have not been looked up.
pub(crate) struct PlannedExperiment {
    pub(crate) spec: Spec,
    /// Of variants that have one of their own.
    pub(crate) policies: BTreeMap<VariantName, Arc<dyn Policy>>,
}

impl PlannedExperiment {
    pub(crate) fn new(spec: Spec, registry: &Registry) -> Result<Self> {
        let mut policies = BTreeMap::new();
        for variant in spec.variants() {
            let Treatment::Policy { policy: Some(policy), .. } = &variant.treatment else { continue };
            let place = || format!("experiments.{}.{}.policy", spec.key(), variant.name);
            let built = registry.build(policy).map_err(|error| Error::config(place(), error.to_string()))?;
            policies.insert(variant.name.clone(), built);
        }
        Ok(Self { spec, policies })
    }
}

/// An experiment on a task.
pub(crate) struct RunningExperiment {
    pub(crate) spec: Spec,
    /// What each variant gives.
    pub(crate) given: BTreeMap<VariantName, Given>,
}

/// What a variant gives.
pub(crate) enum Given {
    /// Always this strategy.
    Strategy(StrategyId),
    /// What a policy chooses.
    Choice {
        /// Among these; `None` for all.
        among: Option<Vec<StrategyId>>,
        /// `None` for the task's own.
        policy: Option<Arc<dyn Policy>>,
    },
}

impl Given {
    /// The eligible strategies that may be chosen; `None` where there is nothing to choose.
    pub(crate) fn among(&self, eligible: &[StrategyId]) -> Option<Vec<StrategyId>> {
        match self {
            Self::Strategy(_) => None,
            Self::Choice { among: None, .. } => Some(eligible.to_vec()),
            Self::Choice { among: Some(among), .. } => {
                Some(eligible.iter().filter(|strategy| among.contains(strategy)).cloned().collect())
            }
        }
    }

    /// A policy of its own.
    pub(crate) fn policy(&self) -> Option<&Arc<dyn Policy>> {
        match self {
            Self::Choice { policy, .. } => policy.as_ref(),
            Self::Strategy(_) => None,
        }
    }
}

impl RunningExperiment {
    /// The policies of variants that have one of their own.
    pub(crate) fn policies(&self) -> impl Iterator<Item = ((ExperimentKey, VariantName), Arc<dyn Policy>)> {
        self.given.iter().filter_map(|(variant, given)| {
            Some(((self.spec.key().clone(), variant.clone()), Arc::clone(given.policy()?)))
        })
    }

    /// The variant that a user's first turn under this version had.
    pub(crate) async fn first_variant(
        &self,
        log: &dyn InteractionLog,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<VariantName>> {
        let mut query = RowQuery::default().with_task(self.spec.task().clone()).with_user(user.clone());
        query.since = self.spec.start();
        let mut rows = log.stream_rows(tenant, &query);
        while let Some(row) = rows.next().await {
            let row = row?;
            let is_own = row.experiment.as_ref() == Some(self.spec.key());
            if is_own && row.experiment_version == Some(self.spec.version()) {
                return Ok(row.variant);
            }
        }
        Ok(None)
    }
}

/// Gives the tasks their experiments.
pub(crate) fn add(
    tasks: &mut BTreeMap<TaskId, (TaskRuntime, RewardSpec)>,
    planned: Vec<PlannedExperiment>,
    now: Timestamp,
) -> Result<()> {
    let specs: Vec<&Spec> = planned.iter().map(|planned| &planned.spec).collect();
    if let Some(conflict) = conflicts_from(&specs, now).into_iter().next() {
        return Err(Error::config("experiments", conflict));
    }
    for planned in planned {
        let known = comma_separated(tasks.keys());
        let place = format!("experiments.{}", planned.spec.key());
        let task = planned.spec.task();
        let Some((runtime, _)) = tasks.get_mut(task) else {
            let message = format!("there is no task {task}; the configured tasks are: {known}");
            return Err(Error::config(place, message));
        };
        let running = running(runtime, planned, &place)?;
        runtime.experiments.push(running);
    }
    Ok(())
}

fn running(task: &TaskRuntime, planned: PlannedExperiment, place: &str) -> Result<RunningExperiment> {
    let PlannedExperiment { spec, mut policies } = planned;
    let mut given = BTreeMap::new();
    for variant in spec.variants() {
        let own = give(task, variant, policies.remove(&variant.name), place)?;
        given.insert(variant.name.clone(), own);
    }
    Ok(RunningExperiment { spec, given })
}

fn give(
    task: &TaskRuntime,
    variant: &SpecVariant,
    policy: Option<Arc<dyn Policy>>,
    place: &str,
) -> Result<Given> {
    let find = |name: &StrategyName| {
        let found = task.strategies.iter().find(|strategy| strategy.id.name() == name);
        found.map(|strategy| strategy.id.clone()).ok_or_else(|| {
            let known = comma_separated(task.strategies.iter().map(|strategy| strategy.id.name()));
            let message = format!("task {} has no strategy {name}; it has: {known}", task.id);
            Error::config(format!("{place}.variants.{}", variant.name), message)
        })
    };
    match &variant.treatment {
        Treatment::Strategy(name) => Ok(Given::Strategy(find(name)?)),
        Treatment::Policy { strategies, .. } => {
            let among = strategies.iter().map(find).collect::<Result<Vec<_>>>()?;
            Ok(Given::Choice { among: (!among.is_empty()).then_some(among), policy })
        }
        _ => Err(Error::config(place, "this build does not know what a variant gives")),
    }
}

/// All configured experiments.
pub(crate) fn all(inner: &Inner) -> impl Iterator<Item = &Spec> {
    inner.tasks.values().flat_map(|task| &task.experiments).map(|running| &running.spec)
}

/// Reads the log of the experiment's task.
pub(crate) async fn read(inner: &Inner, tenant: &TenantId, spec: &Spec) -> Result<Report> {
    // Without an end it would follow those who talk meanwhile.
    let until = inner.clock.now().after(std::time::Duration::from_micros(1));
    let mut query = RowQuery::default().with_task(spec.task().clone()).with_until(until);
    let has_covariate = spec.metrics().iter().any(|metric| metric.covariate.is_some());
    // What a report of users passes over in any case, it need not read.
    if !has_covariate && !matches!(spec.plan().mode, Mode::Adaptive { .. }) {
        query.since = spec.start();
    }
    let log = inner.store.log();
    let rows: Vec<LogRow> = log.stream_rows(tenant, &query).map_ok(log_row).try_collect().await?;
    // Of a long log this takes seconds, which other turns must not wait for.
    let spec = spec.clone();
    inner.tracker.spawn_blocking(move || Report::new(&spec, &rows)).await.map_err(|_| Error::Lost)
}

fn feedback_of(said: FeedbackEntry) -> LogFeedback {
    LogFeedback { source: said.source, value: said.value }
}

/// A row of the log as a report reads it.
#[must_use]
pub fn log_row(row: TurnRow) -> LogRow {
    let candidates = row
        .candidates
        .into_iter()
        .map(|candidate| LogCandidate { strategy: candidate.strategy, probability: candidate.probability });
    LogRow {
        tenant: row.tenant,
        id: row.id,
        user: row.user,
        task: row.task,
        segment: row.segment,
        strategy: row.strategy,
        mode: row.mode,
        experiment: row.experiment,
        variant: row.variant,
        variant_share: row.variant_share,
        assigned_by: row.assigned_by,
        experiment_version: row.experiment_version,
        experiment_spec: row.experiment_spec,
        candidates: candidates.collect(),
        status: row.status,
        latency_us: row.latency_us,
        first_token_us: row.first_token_us,
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        cost_nano_usd: row.cost_nano_usd,
        reward: row.reward,
        scores: row.scores,
        feedback: row.feedback.into_iter().map(feedback_of).collect(),
        violations: row.violations,
        began: row.began,
    }
}
