use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    Clock, HeuristicTokenCounter, Strategy, StrategyId, SystemClock, TaskId, TokenCounter, ToolName,
};
use helm_experiment::Spec;
use helm_llm::{ChatModel, EmbeddingModel, HashingEmbedder};
use helm_store::{Cache, Limiter, Store, memory::MemoryStore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::admission::{Admission, AdmissionLimits};
use crate::answers::AnswerCache;
use crate::background;
use crate::checked::{CheckedTasks, Models, checked_tasks, named};
use crate::config::{File, StoreLocation};
use crate::error::{Error, Result};
use crate::experiments::PlannedExperiment;
use crate::helm::Helm;
use crate::inner::{Inner, Running, TaskRuntime, comma_separated};
use crate::intake::Intake;
use crate::settle::TaskSettler;
use crate::sharing::Sharing;
use crate::task::Task;
use crate::user_rewards::UserRewards;
use crate::weights::{Adopted, Pace};
use crate::worker::WorkerPool;

/// Puts an installation together.
///
/// | part | default |
/// |---|---|
/// | store | in memory: nothing survives the process |
/// | models | the built-in demonstration model, as `main` |
/// | embeddings | the built-in hashing embedder |
/// | background workers, and how much may wait for them | 4, 1,024 |
/// | longest message | 1 MiB |
/// | limits | none |
/// | turns and judgements that work with the store at once | 64 |
/// | due follow-up jobs | are done here |
#[must_use = "a builder does nothing until it is built"]
pub struct HelmBuilder {
    store: StoreChoice,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn TokenCounter>,
    tasks: Vec<Task>,
    models: Vec<Arc<dyn ChatModel>>,
    embedder: EmbedderChoice,
    limits: AdmissionLimits,
    sharing: Sharing,
    experiments: Vec<PlannedExperiment>,
    paused: Vec<Spec>,
    workers: usize,
    queue: usize,
    at_once: usize,
    max_message_bytes: usize,
    refit_every: u64,
    pace: Pace,
    user_rewards: usize,
    observing: bool,
    #[cfg(feature = "mcp")]
    mcp: Vec<helm_llm::McpConfig>,
}

enum StoreChoice {
    Memory,
    Location(StoreLocation),
    Given(Arc<dyn Store>),
}

enum EmbedderChoice {
    Builtin,
    Given(Arc<dyn EmbeddingModel>),
    Off,
}

impl Default for HelmBuilder {
    fn default() -> Self {
        Self {
            store: StoreChoice::Memory,
            clock: Arc::new(SystemClock),
            tokens: Arc::new(HeuristicTokenCounter),
            tasks: Vec::new(),
            models: Vec::new(),
            embedder: EmbedderChoice::Builtin,
            limits: AdmissionLimits::default(),
            sharing: Sharing::default(),
            experiments: Vec::new(),
            paused: Vec::new(),
            workers: 4,
            queue: 1_024,
            at_once: 64,
            max_message_bytes: 1 << 20,
            refit_every: 200,
            pace: Pace::default(),
            user_rewards: 0,
            observing: false,
            #[cfg(feature = "mcp")]
            mcp: Vec::new(),
        }
    }
}

impl HelmBuilder {
    /// Adds a task; at least one is needed.
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Adds a model under its own name.
    pub fn model(mut self, model: Arc<dyn ChatModel>) -> Self {
        self.models.push(model);
        self
    }

    /// Adds an MCP server, whose tools tasks get [by its name](Task::with_mcp). It is reached when Helm is built, and
    /// again whenever it has gone away.
    #[cfg(feature = "mcp")]
    pub fn mcp(mut self, server: helm_llm::McpConfig) -> Self {
        self.mcp.push(server);
        self
    }

    /// Keeps state in a SQLite file, which is created when it does not exist.
    pub fn sqlite(mut self, path: impl AsRef<Path>) -> Self {
        self.store = StoreChoice::Location(StoreLocation::Sqlite(File::new(path)));
        self
    }

    /// Keeps state where this says.
    pub fn location(mut self, location: StoreLocation) -> Self {
        self.store = StoreChoice::Location(location);
        self
    }

    /// Keeps state in a store of your own. [`Helm::shutdown`] closes it.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = StoreChoice::Given(store);
        self
    }

    /// Limits what may be used. Over the limit a turn is refused with
    /// [`RateLimited`](crate::Error::RateLimited).
    pub fn limits(mut self, limits: AdmissionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps the limits with a limiter of your own. Default: in this process.
    pub fn limiter(mut self, limiter: Arc<dyn Limiter>) -> Self {
        self.sharing = Sharing::Limiter(limiter);
        self
    }

    /// Keeps limits and kept answers in a Redis, so that they are those of all processes together. While it does not
    /// answer each process keeps them for itself.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: helm_llm::RedactedUrl) -> Self {
        self.sharing = Sharing::Redis(url);
        self
    }

    /// Uses another embedding model.
    pub fn embeddings(mut self, model: Arc<dyn EmbeddingModel>) -> Self {
        self.embedder = EmbedderChoice::Given(model);
        self
    }

    /// Turns vector search off: nothing is recalled, nothing is remembered, no embedding is computed, and
    /// strategies that retrieve are not eligible.
    pub fn without_vector_search(mut self) -> Self {
        self.embedder = EmbedderChoice::Off;
        self
    }

    /// Runs an experiment on a task, assigning by user. Each variant fixes a strategy, or with `None` leaves
    /// the choice to the task's policy. Its goal is reward a turn, and it may be read at any time.
    ///
    /// # Errors
    ///
    /// Fails when the variants are refused.
    pub fn experiment(
        mut self,
        task: TaskId,
        key: helm_core::ExperimentKey,
        variants: Vec<(helm_experiment::Variant, Option<StrategyId>)>,
    ) -> Result<Self> {
        let variants =
            variants.into_iter().map(|(variant, strategy)| (variant, strategy.map(|id| id.name().clone())));
        let spec = Spec::plain(key, task, variants.collect())?;
        self.experiments.push(PlannedExperiment { spec, policies: std::collections::BTreeMap::new() });
        Ok(self)
    }

    /// Runs an experiment as its specification has it, with policies by name from `registry`. Several run on one task
    /// when their users are apart: see [`conflicts`](helm_experiment::spec::conflicts).
    ///
    /// # Errors
    ///
    /// Fails when a variant's policy is refused.
    pub fn experiment_of(mut self, spec: Spec, registry: &helm_policy::Registry) -> Result<Self> {
        self.experiments.push(PlannedExperiment::new(spec, registry)?);
        Ok(self)
    }

    /// Knows of an experiment that assigns nobody, so that [what the log says of it](Helm::experiment_report) can be read.
    pub fn paused_experiment(mut self, spec: Spec) -> Self {
        self.paused.push(spec);
        self
    }

    /// Uses another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Counts tokens in another way.
    pub fn token_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.tokens = counter;
        self
    }

    /// Sets the number of background workers and how much work may wait for them.
    pub fn workers(mut self, workers: usize, queue: usize) -> Self {
        (self.workers, self.queue) = (workers, queue);
        self
    }

    /// How many turns and judgements work with the store at once, one at least. Others wait before anything of them has begun, a
    /// second at most, and are then refused with [`Overloaded`](crate::Error::Overloaded), and so is at once whatever comes when
    /// there was no room for a second. Default: 64.
    pub fn at_once(mut self, most: usize) -> Self {
        self.at_once = most;
        self
    }

    /// Sets the longest message that is accepted, in bytes.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// How long after a rating weights are learned from it, where a reward [learns](helm_eval::Weights::Learned) them: as many
    /// ratings as come in meanwhile are learned from at once. All processes should say the same. Default: ten minutes.
    pub fn learn_after(mut self, pause: Duration) -> Self {
        self.pace = Pace { pause };
        self
    }

    /// Shows the latest reward of so many users in the gauge `helm_user_reward`, the first that come; its labels name them.
    pub fn user_rewards(mut self, users: usize) -> Self {
        self.user_rewards = users;
        self
    }

    /// Leaves due jobs to other processes: for those that only want to look.
    pub fn observing(mut self) -> Self {
        self.observing = true;
        self
    }

    /// Checks everything without opening anything.
    ///
    /// # Errors
    ///
    /// Fails when the configuration contradicts itself or a prompt cannot be rendered.
    pub fn check(mut self) -> Result<()> {
        self.checked().map(drop)
    }

    /// Checks everything, opens the store and begins background work.
    ///
    /// # Errors
    ///
    /// Fails when the configuration contradicts itself, a prompt cannot be rendered, an MCP server that a task names
    /// cannot be reached, the address of Redis cannot be used, or the store cannot be opened.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn build(mut self) -> Result<Helm> {
        let adopted = Arc::default();
        let mut parts = self.parts(&adopted).await?;
        let embedder: Option<Arc<dyn EmbeddingModel>> =
            match std::mem::replace(&mut self.embedder, EmbedderChoice::Off) {
                EmbedderChoice::Builtin => Some(Arc::new(HashingEmbedder::new()?)),
                EmbedderChoice::Given(model) => Some(model),
                EmbedderChoice::Off => None,
            };
        let tracker = TaskTracker::new();
        let shared = self.sharing.open().await?;
        let stopping = CancellationToken::new();
        let ends = stopping.child_token();
        let inner = Inner {
            store: open(self.store).await?,
            clock: self.clock,
            tokens: self.tokens,
            tasks: parts.tasks(shared.cache.as_ref(), &tracker, &ends),
            models: parts.models,
            embedder,
            admission: Admission { limiter: shared.limiter, limits: self.limits },
            intake: Arc::new(Intake::new(self.at_once)),
            settler: parts.settler,
            pool: WorkerPool::new(tracker.clone(), self.workers, self.queue),
            workers: self.workers.max(1),
            stopping,
            abort: CancellationToken::new(),
            max_message_bytes: self.max_message_bytes,
            refit_every: self.refit_every,
            refits: Arc::default(),
            watches: Arc::default(),
            shadows: Arc::default(),
            gates: Arc::default(),
            raised: Arc::default(),
            adopted,
            pace: self.pace,
            dead_jobs: Arc::default(),
            user_rewards: Arc::new(UserRewards::new(self.user_rewards)),
            far: shared.cache,
            server: shared.server,
            paused: self.paused,
            _ends: ends.drop_guard(),
            tracker,
        };
        let running = Arc::new(Running::new(inner));
        if !self.observing {
            begin_work(&running);
        }
        Ok(Helm::new(running))
    }

    /// Checks everything, and makes it the successor of what is configured at present, on the same store.
    pub(crate) async fn succeed(mut self, present: &Inner) -> Result<Inner> {
        let mut parts = self.parts(&present.adopted).await?;
        let ends = present.stopping.child_token();
        let tasks = parts.tasks(present.far.as_ref(), &present.tracker, &ends);
        // What was said of a reward is not true of another one.
        let is_as_before = |task: &TaskId| {
            let (next, now) = (tasks.get(task), present.tasks.get(task));
            next.zip(now).is_some_and(|(next, now)| next.reward == now.reward)
        };
        present.watches.retain(is_as_before);
        present.shadows.retain(is_as_before);
        present.gates.retain(|task| {
            let policies = |task: &TaskRuntime| {
                let candidate = task.candidate.as_ref().map(|own| own.policy.hash().clone());
                (task.policy.hash().clone(), candidate)
            };
            let (next, now) = (tasks.get(task).map(policies), present.tasks.get(task).map(policies));
            next.is_some() && next == now && is_as_before(task)
        });
        present.raised.retain(|task, pair| tasks.get(task).is_some_and(|task| task.is_pair(pair)));
        Ok(Inner {
            store: Arc::clone(&present.store),
            clock: Arc::clone(&present.clock),
            tokens: Arc::clone(&present.tokens),
            tasks,
            models: parts.models,
            embedder: present.embedder.clone(),
            admission: Admission { limiter: Arc::clone(&present.admission.limiter), limits: self.limits },
            intake: Arc::clone(&present.intake),
            settler: parts.settler,
            pool: present.pool.clone(),
            workers: present.workers,
            stopping: present.stopping.clone(),
            abort: present.abort.clone(),
            max_message_bytes: self.max_message_bytes,
            refit_every: self.refit_every,
            refits: Arc::clone(&present.refits),
            watches: Arc::clone(&present.watches),
            shadows: Arc::clone(&present.shadows),
            gates: Arc::clone(&present.gates),
            raised: Arc::clone(&present.raised),
            adopted: Arc::clone(&present.adopted),
            pace: self.pace,
            dead_jobs: Arc::clone(&present.dead_jobs),
            user_rewards: Arc::clone(&present.user_rewards),
            far: present.far.clone(),
            server: present.server.clone(),
            paused: self.paused,
            _ends: ends.drop_guard(),
            tracker: present.tracker.clone(),
        })
    }

    /// What a configuration says by itself.
    async fn parts(&mut self, adopted: &Arc<Adopted>) -> Result<Parts> {
        #[cfg_attr(not(feature = "mcp"), expect(unused_mut, reason = "only MCP servers add tools"))]
        let (models, mut tasks) = self.checked()?;
        #[cfg(feature = "mcp")]
        {
            let servers = std::mem::take(&mut self.mcp);
            crate::mcp::add_tools(servers, tasks.values_mut().map(|(task, _)| task)).await?;
        }
        let rewarded = tasks.values().map(|(task, reward)| (task, reward.clone()));
        let settler = Arc::new(TaskSettler::new(rewarded, Arc::clone(adopted)));
        Ok(Parts { models, tasks: tasks.into_iter().map(|(id, (task, _))| (id, task)).collect(), settler })
    }
}

/// What a configuration says by itself, checked.
struct Parts {
    models: Models,
    tasks: BTreeMap<TaskId, TaskRuntime>,
    settler: Arc<TaskSettler>,
}

impl Parts {
    /// The tasks, taken out, with what they keep of answers; that is followed until `ends`.
    fn tasks(
        &mut self,
        far: Option<&Arc<dyn Cache>>,
        tracker: &TaskTracker,
        ends: &CancellationToken,
    ) -> BTreeMap<TaskId, TaskRuntime> {
        let mut tasks = std::mem::take(&mut self.tasks);
        for task in tasks.values_mut() {
            task.answers = kept_answers(&task.strategies, far);
            for answers in task.answers.values() {
                tracker.spawn(ends.clone().run_until_cancelled_owned(answers.follow()));
            }
        }
        tasks
    }
}

/// Begins the work beside the turns.
fn begin_work(running: &Arc<Running>) {
    let inner = running.current();
    let (tracker, stopping) = (&inner.tracker, || inner.stopping.clone());
    for kinds in [background::QUICK, background::SLOW] {
        tracker.spawn(background::run_jobs(Arc::downgrade(running), stopping(), kinds));
    }
    if inner.embedder.is_some() {
        tracker.spawn(background::index_memories(Arc::downgrade(running), stopping()));
    }
    let counting = background::count_jobs(Arc::downgrade(running), stopping());
    tracker.spawn(counting);
}

impl HelmBuilder {
    /// The checked models and tasks, taken out.
    fn checked(&mut self) -> Result<(Models, CheckedTasks)> {
        let models = named(std::mem::take(&mut self.models))?;
        self.check_servers()?;
        let (tasks, experiments) = (std::mem::take(&mut self.tasks), std::mem::take(&mut self.experiments));
        let tasks = checked_tasks(tasks, &models, experiments, self.clock.now())?;
        Ok((models, tasks))
    }
}

impl HelmBuilder {
    /// Checks that MCP servers have names of their own, and that those which tasks name are there.
    fn check_servers(&self) -> Result<()> {
        let known: Vec<ToolName> = self.servers();
        let mut places = known.iter().enumerate();
        if let Some((_, twice)) = places.find(|(at, name)| known.iter().take(*at).any(|other| other == *name))
        {
            return Err(Error::config(format!("mcp.{twice}"), "the name is used twice"));
        }
        for task in &self.tasks {
            if let Some(absent) = task.mcp.iter().find(|name| !known.contains(name)) {
                let message =
                    format!("there is no [mcp.{absent}]; there are: {}", comma_separated(known.iter()));
                return Err(Error::config(format!("tasks.{}.mcp", task.id), message));
            }
        }
        Ok(())
    }

    #[cfg(feature = "mcp")]
    fn servers(&self) -> Vec<ToolName> {
        self.mcp.iter().map(|server| server.name.clone()).collect()
    }

    #[cfg(not(feature = "mcp"))]
    fn servers(&self) -> Vec<ToolName> {
        Vec::new()
    }
}

async fn open(choice: StoreChoice) -> Result<Arc<dyn Store>> {
    Ok(match choice {
        StoreChoice::Memory => Arc::new(MemoryStore::new()),
        StoreChoice::Location(location) => location.open().await?,
        StoreChoice::Given(store) => store,
    })
}

/// A cache for each strategy that keeps its answers.
fn kept_answers(strategies: &[Strategy], far: Option<&Arc<dyn Cache>>) -> BTreeMap<StrategyId, AnswerCache> {
    let keeping = strategies.iter().filter(|strategy| !strategy.cache.is_zero());
    keeping.map(|kept| (kept.id.clone(), AnswerCache::new(kept.cache, far.cloned()))).collect()
}
