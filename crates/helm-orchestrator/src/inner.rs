use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use helm_core::{
    Clock, ModelName, PolicyHash, Strategy, StrategyId, StrategyName, TaskId, TenantId, TokenCount,
    TokenCounter,
};
use helm_eval::{EvaluationEngine, RewardSpec};
use helm_experiment::Spec;
use helm_guardrails::GuardrailEngine;
use helm_llm::{ChatModel, EmbeddingModel, ToolHandler};
use helm_policy::{Arm, Policy};
use helm_store::{Cache, Settle, Store};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::answers::AnswerCache;
use crate::dead_jobs::DeadJobs;
use crate::drift::Watches;
use crate::error::{Error, Result};
use crate::experiments::RunningExperiment;
use crate::gates::Gates;
use crate::intake::Intake;
use crate::judges::TaskJudge;
use crate::prompt::Prompts;
use crate::raise::Raised;
use crate::refit::Refits;
use crate::semantic::SemanticCache;
use crate::shadow::Shadows;
use crate::sharing::SharedServer;
use crate::task::Sticky;
use crate::user_rewards::UserRewards;
use crate::weights::{self, Adopted, Pace};
use crate::what_if::Candidate;
use crate::worker::WorkerPool;

/// Everything a [`Helm`](crate::Helm) holds under one configuration; immutable but for the counters.
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn TokenCounter>,
    pub(crate) tasks: BTreeMap<TaskId, TaskRuntime>,
    pub(crate) models: BTreeMap<ModelName, Arc<dyn ChatModel>>,
    /// `None` when vector search is off: no recall and no embedding calls.
    pub(crate) embedder: Option<Arc<dyn EmbeddingModel>>,
    pub(crate) admission: Admission,
    pub(crate) intake: Arc<Intake>,
    pub(crate) settler: Arc<dyn Settle>,
    pub(crate) tracker: TaskTracker,
    /// Cancelled when no more turns are taken.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when turns that are still running must end now.
    pub(crate) abort: CancellationToken,
    pub(crate) pool: WorkerPool,
    pub(crate) workers: usize,
    pub(crate) max_message_bytes: usize,
    pub(crate) refit_every: u64,
    pub(crate) refits: Arc<Refits>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) shadows: Arc<Shadows>,
    pub(crate) gates: Arc<Gates>,
    /// Candidates that are raised by themselves, as this process knows them.
    pub(crate) raised: Arc<Raised>,
    /// Weights that were learned from people, as this process knows them.
    pub(crate) adopted: Arc<Adopted>,
    pub(crate) pace: Pace,
    pub(crate) dead_jobs: Arc<DeadJobs>,
    pub(crate) user_rewards: Arc<UserRewards>,
    /// What processes share of kept answers.
    pub(crate) far: Option<Arc<dyn Cache>>,
    /// Where they share it.
    pub(crate) server: SharedServer,
    /// Experiments that assign nobody while A/B testing is off.
    pub(crate) paused: Vec<Spec>,
    /// Ends what follows this configuration alone.
    pub(crate) _ends: DropGuard,
}

impl Inner {
    /// Whether there is work that waits for models, or reads a whole log.
    pub(crate) fn has_slow_work(&self) -> bool {
        let has = |task: &TaskRuntime| {
            let reads_the_log = task.reward.learns() || task.candidate.is_some();
            reads_the_log || task.summaries.is_some() || !task.judges.is_empty()
        };
        self.tasks.values().any(has)
    }

    /// Sees to it that what is settled next is settled under weights that count, where any are learned from people.
    pub(crate) async fn weigh(&self, tenant: &TenantId) -> helm_store::Result<()> {
        self.weigh_as_of(tenant, self.pace.fresh()).await
    }

    /// The same, knowing what was adopted so short a time ago.
    pub(crate) async fn weigh_as_of(&self, tenant: &TenantId, fresh: Duration) -> helm_store::Result<()> {
        for task in self.tasks.values().filter(|task| task.reward.learns()) {
            self.adopted.look(&*self.store, tenant, (&task.id, &task.reward), fresh).await?;
        }
        Ok(())
    }

    /// What a task's turns are rewarded by now.
    pub(crate) fn reward_of(&self, tenant: &TenantId, task: &TaskRuntime) -> RewardSpec {
        let learned = weights::key(&task.reward).and_then(|key| self.adopted.spec(tenant, &task.id, &key));
        learned.map_or_else(|| task.reward.clone(), |learned| (*learned).clone())
    }
}

/// An installation while configurations come and go.
pub(crate) struct Running {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) embedder: Option<Arc<dyn EmbeddingModel>>,
    current: RwLock<Arc<Inner>>,
    stopping: CancellationToken,
}

impl Running {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            store: Arc::clone(&inner.store),
            embedder: inner.embedder.clone(),
            stopping: inner.stopping.clone(),
            current: RwLock::new(Arc::new(inner)),
        }
    }

    /// What is configured at this moment.
    pub(crate) fn current(&self) -> Arc<Inner> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, next: Inner) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl Drop for Running {
    /// Ends the search for due jobs, whoever forgot to shut down.
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// A checked task.
pub(crate) struct TaskRuntime {
    pub(crate) id: TaskId,
    pub(crate) strategies: Vec<Strategy>,
    /// Who answers when none is eligible or a model fails, in order; at least one.
    pub(crate) fallbacks: Vec<StrategyId>,
    pub(crate) tools: Vec<Arc<dyn ToolHandler>>,
    /// The MCP servers whose tools are among them.
    #[cfg(feature = "mcp")]
    pub(crate) mcp: Vec<helm_core::ToolName>,
    /// The kept answers of strategies that keep them.
    pub(crate) answers: BTreeMap<StrategyId, AnswerCache>,
    /// When the answers of strategies are used again for similar questions.
    pub(crate) similar: BTreeMap<StrategyId, SemanticCache>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) candidate: Option<Candidate>,
    /// The name of policy, candidate and reward together, where the candidate is automatic.
    pub(crate) pair: Option<PolicyHash>,
    pub(crate) sticky: Sticky,
    pub(crate) evaluators: EvaluationEngine,
    pub(crate) reward: RewardSpec,
    /// Who judges its turns beside them.
    pub(crate) judges: Vec<TaskJudge>,
    pub(crate) guardrails: GuardrailEngine,
    pub(crate) prompts: Prompts,
    pub(crate) history: TokenCount,
    /// The model that sums up what of a conversation is no longer sent along.
    pub(crate) summaries: Option<ModelName>,
    pub(crate) remember: bool,
    pub(crate) silence: Option<Duration>,
    /// Experiments whose users are apart.
    pub(crate) experiments: Vec<RunningExperiment>,
}

impl Inner {
    pub(crate) fn task(&self, id: &TaskId) -> Result<&TaskRuntime> {
        self.tasks
            .get(id)
            .ok_or_else(|| Error::UnknownTask { task: id.clone(), known: comma_separated(self.tasks.keys()) })
    }

    pub(crate) fn model(&self, strategy: &Strategy) -> Result<&Arc<dyn ChatModel>> {
        self.models.get(&strategy.model).ok_or_else(|| {
            Error::config(
                format!("strategies.{}", strategy.id),
                format!("there is no model {}", strategy.model),
            )
        })
    }
}

impl TaskRuntime {
    pub(crate) fn strategy(&self, id: &StrategyId) -> Option<&Strategy> {
        self.strategies.iter().find(|strategy| strategy.id == *id)
    }

    pub(crate) fn strategy_named(&self, name: &StrategyName) -> Result<&Strategy> {
        let found = self.strategies.iter().find(|strategy| strategy.id.name() == name);
        found.ok_or_else(|| Error::UnknownStrategy {
            task: self.id.clone(),
            strategy: name.to_string(),
            known: comma_separated(self.strategies.iter().map(|strategy| strategy.id.name())),
        })
    }

    /// These strategies as a policy sees them.
    pub(crate) fn arms(&self, ids: &[StrategyId]) -> Vec<Arm> {
        self.strategies.iter().filter(|strategy| ids.contains(&strategy.id)).map(Arm::from).collect()
    }
}

/// Says that a table of the configuration has no entry of this name, and which it has.
pub(crate) fn no_such<T: ToString>(table: &str, name: &str, known: impl Iterator<Item = T>) -> String {
    match comma_separated(known) {
        known if known.is_empty() => format!("there is no [{table}.{name}]"),
        known => format!("there is no [{table}.{name}]; there are: {known}"),
    }
}

pub(crate) fn comma_separated<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
