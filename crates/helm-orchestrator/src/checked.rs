//! What a configuration says of models and tasks, held against itself: nothing is opened here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{EvaluatorName, ModelName, Strategy, StrategyId, StrategyName, TaskId, Timestamp, ToolName};
use helm_eval::{EvaluationEngine, Evaluator, RewardSpec};
use helm_guardrails::GuardrailEngine;
use helm_llm::{BuiltinModel, ChatModel};
use helm_policy::Policy;

use crate::error::{Error, Result};
use crate::experiments::{self, PlannedExperiment};
use crate::inner::{TaskRuntime, comma_separated};
use crate::judges::TaskJudge;
use crate::prompt::Prompts;
use crate::raise;
use crate::semantic::SemanticCache;
use crate::summarise::LEAST_HISTORY;
use crate::task::{PolicyChoice, Task};

/// Models by name.
pub(crate) type Models = BTreeMap<ModelName, Arc<dyn ChatModel>>;
/// Tasks with what they are rewarded by.
pub(crate) type CheckedTasks = BTreeMap<TaskId, (TaskRuntime, RewardSpec)>;

/// Models by name; without any, the built-in one as `main`.
pub(crate) fn named(given: Vec<Arc<dyn ChatModel>>) -> Result<Models> {
    let mut models = Models::new();
    for model in given {
        let name = model.name().clone();
        if models.insert(name.clone(), model).is_some() {
            return Err(Error::config(format!("models.{name}"), "the name is used twice"));
        }
    }
    if models.is_empty() {
        let builtin = BuiltinModel::new(ModelName::new("main")?);
        models.insert(builtin.name().clone(), Arc::new(builtin));
    }
    Ok(models)
}

/// What is said of tasks, held against the models that there are and against itself.
pub(crate) fn checked_tasks(
    tasks: Vec<Task>,
    models: &Models,
    experiments: Vec<PlannedExperiment>,
    now: Timestamp,
) -> Result<CheckedTasks> {
    let mut checked = CheckedTasks::new();
    for task in tasks {
        let id = task.id.clone();
        if checked.insert(id.clone(), checked_task(task, models)?).is_some() {
            return Err(Error::config(format!("tasks.{id}"), "the task is defined twice"));
        }
    }
    if checked.is_empty() {
        return Err(Error::config("tasks", "there is no task; add at least one with a strategy"));
    }
    experiments::add(&mut checked, experiments, now)?;
    Ok(checked)
}

fn checked_task(task: Task, models: &Models) -> Result<(TaskRuntime, RewardSpec)> {
    let place = format!("tasks.{}", task.id);
    let prompts = checked_strategies(&task, models, &place)?;
    let fallbacks = fallbacks(&task, &place)?;
    check_tools(&task, models, &place)?;
    check_summaries(&task, models, &place)?;
    let similar = similar(&task, &prompts, &place)?;
    let policy = build_policy(task.policy, &place)?;
    let reward = match task.reward {
        Some(spec) => spec,
        None => RewardSpec::standard()?,
    };
    let mut evaluators = match task.evaluators {
        Some(engine) => engine,
        None => own_evaluators(&reward, &task.extra_evaluators)?,
    };
    for evaluator in task.extra_evaluators {
        evaluators = evaluators.with_evaluator(evaluator)?;
    }
    check_judges(&task.judges, &evaluators, &place)?;
    for term in reward.evaluators() {
        let judged = task.judges.iter().map(TaskJudge::name);
        if !evaluators.names().chain(judged.clone()).any(|name| name == term) {
            let known = comma_separated(evaluators.names().chain(judged));
            let message = format!(
                "reward {} names the evaluator {term}, which does not run here; add it, or name a reward that counts only these: {known}",
                reward.id()
            );
            return Err(Error::config(format!("{place}.reward"), message));
        }
    }
    let pair = raise::checked_pair(&*policy, task.candidate.as_ref(), &reward, &place)?;
    let runtime = TaskRuntime {
        id: task.id,
        strategies: task.strategies,
        fallbacks,
        tools: task.tools,
        #[cfg(feature = "mcp")]
        mcp: task.mcp,
        answers: BTreeMap::new(),
        similar,
        policy,
        candidate: task.candidate,
        pair,
        sticky: task.sticky,
        evaluators,
        reward: reward.clone(),
        judges: task.judges,
        guardrails: task.guardrails.unwrap_or_else(GuardrailEngine::standard),
        prompts,
        history: task.history,
        summaries: task.summaries,
        remember: task.remember,
        silence: reward.default_after(),
        experiments: Vec::new(),
    };
    Ok((runtime, reward))
}

/// The standard evaluators, and those others of Helm's own that the reward names and nobody has brought along.
fn own_evaluators(reward: &RewardSpec, brought: &[Arc<dyn Evaluator>]) -> Result<EvaluationEngine> {
    let standard = EvaluationEngine::standard()?;
    let is_standard = |name: &EvaluatorName| standard.names().any(|known| known == name);
    let is_brought = |name: &EvaluatorName| brought.iter().any(|evaluator| evaluator.name() == name);
    let is_named = |name: &EvaluatorName| reward.evaluators().any(|term| term == name) && !is_brought(name);
    Ok(EvaluationEngine::all_with_references()?.only(|name| is_standard(name) || is_named(name)))
}

/// Checks that judges have names of their own, and that what they may spend can be known.
fn check_judges(judges: &[TaskJudge], evaluators: &EvaluationEngine, place: &str) -> Result<()> {
    for (at, judge) in judges.iter().enumerate() {
        let place = format!("{place}.judges.{}", judge.name());
        let earlier = judges.iter().take(at).map(TaskJudge::name);
        if evaluators.names().chain(earlier).any(|name| name == judge.name()) {
            return Err(Error::config(place, "an evaluator or another judge has this name; give it another"));
        }
        judge.check().map_err(|message| Error::config(place, message))?;
    }
    Ok(())
}

fn build_policy(choice: PolicyChoice, place: &str) -> Result<Arc<dyn Policy>> {
    match choice {
        PolicyChoice::Built(policy) => Ok(policy),
        PolicyChoice::Config(config) => {
            config.build().map_err(|error| Error::config(format!("{place}.policy"), error.to_string()))
        }
    }
}

/// Checks each strategy against the others and its model, and compiles the prompts.
fn checked_strategies(task: &Task, models: &Models, place: &str) -> Result<Prompts> {
    let mut prompts = Prompts::new(task.id.clone());
    let mut names: Vec<&StrategyName> = Vec::new();
    for strategy in &task.strategies {
        let place = format!("{place}.strategies.{}", strategy.id.name());
        if names.contains(&strategy.id.name()) {
            return Err(Error::config(
                place,
                "the name is used twice; only one version of a strategy can be active",
            ));
        }
        names.push(strategy.id.name());
        if strategy.parent.as_ref() == Some(&strategy.id) {
            return Err(Error::config(place, "a strategy is not its own parent; name the version before it"));
        }
        check_model(strategy, models, &place)?;
        check_deadline(strategy, &place)?;
        prompts.add(strategy.id.name().as_str(), &strategy.system)?;
    }
    if names.is_empty() {
        return Err(Error::config(place, "the task has no strategy; add at least one"));
    }
    Ok(prompts)
}

fn check_summaries(task: &Task, models: &Models, place: &str) -> Result<()> {
    let Some(name) = &task.summaries else { return Ok(()) };
    let wrong = |message| Err(Error::config(format!("{place}.summary_model"), message));
    if !models.contains_key(name) {
        let known = comma_separated(models.keys());
        return wrong(format!("there is no model {name}; the configured models are: {known}"));
    }
    if task.history.get() < LEAST_HISTORY {
        return wrong(format!("a summary needs history_tokens of {LEAST_HISTORY} at least"));
    }
    Ok(())
}

fn check_model(strategy: &Strategy, models: &Models, place: &str) -> Result<()> {
    let Some(model) = models.get(&strategy.model) else {
        let known = comma_separated(models.keys());
        let message = format!("there is no model {}; the configured models are: {known}", strategy.model);
        return Err(Error::config(place, message));
    };
    let checked = model.capabilities().check(&strategy.sampling, strategy.max_output_tokens);
    checked.map_err(|error| Error::config(place, format!("model {}: {error}", strategy.model)))
}

/// The longest that a turn may be given.
const LONGEST_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

fn check_deadline(strategy: &Strategy, place: &str) -> Result<()> {
    let deadline = strategy.limits.deadline;
    if deadline.is_zero() || deadline > LONGEST_DEADLINE {
        let message = format!("the deadline must be above 0 and at most 24 hours, got {deadline:?}");
        return Err(Error::config(place, message));
    }
    Ok(())
}

/// Who answers in the place of others, in order.
fn fallbacks(task: &Task, place: &str) -> Result<Vec<StrategyId>> {
    let Some(names) = &task.fallbacks else {
        return Ok(task.strategies.iter().map(|strategy| strategy.id.clone()).collect());
    };
    let find = |name: &StrategyName| {
        let found = task.strategies.iter().find(|strategy| strategy.id.name() == name);
        found.map(|strategy| strategy.id.clone()).ok_or_else(|| {
            let known = comma_separated(task.strategies.iter().map(|strategy| strategy.id.name()));
            Error::config(format!("{place}.fallback"), format!("name some of the task's strategies: {known}"))
        })
    };
    match names.as_slice() {
        [] => Err(Error::config(format!("{place}.fallback"), "name at least one strategy")),
        names => names.iter().map(find).collect(),
    }
}

/// Checks that tools have names of their own, that strategies name tools which are there, and that their models call
/// tools.
fn check_tools(task: &Task, models: &Models, place: &str) -> Result<()> {
    let names: Vec<_> = task.tools.iter().map(|handler| &handler.tool().name).collect();
    if let Some((_, twice)) =
        names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|n| n == *name))
    {
        return Err(Error::config(format!("{place}.tools"), format!("the name {twice} is used twice")));
    }
    for strategy in &task.strategies {
        let place = format!("{place}.strategies.{}.tools", strategy.id.name());
        let wanted = strategy.tools.as_deref().unwrap_or_default();
        // Those of MCP servers are known only once these have been reached.
        let of_server = |name: &ToolName| {
            let rest = |server: &ToolName| name.as_str().strip_prefix(server.as_str());
            task.mcp.iter().filter_map(rest).any(|rest| rest.starts_with('_'))
        };
        if let Some(absent) = wanted.iter().find(|name| !names.contains(name) && !of_server(name)) {
            let known = comma_separated(names.iter());
            return Err(Error::config(place, format!("the task has no tool {absent}; it has: {known}")));
        }
        let any = strategy
            .tools
            .as_ref()
            .map_or(!names.is_empty() || !task.mcp.is_empty(), |wanted| !wanted.is_empty());
        let calls = models.get(&strategy.model).is_none_or(|model| model.capabilities().tools);
        if any && !calls {
            let message = format!("model {} calls no tools; write tools = []", strategy.model);
            return Err(Error::config(place, message));
        }
    }
    Ok(())
}

/// When answers are used again: of strategies that make no difference between users but by their prompt's letters.
fn similar(task: &Task, prompts: &Prompts, place: &str) -> Result<BTreeMap<StrategyId, SemanticCache>> {
    let mut similar = BTreeMap::new();
    for (name, cache) in &task.similar {
        let place = format!("{place}.strategies.{name}.semantic_cache");
        let found = task.strategies.iter().find(|strategy| strategy.id.name() == name);
        let strategy = found.ok_or_else(|| Error::config(&*place, "the task has no such strategy"))?;
        let uses = |variable| prompts.uses(name.as_str(), variable);
        let tools = strategy.tools.as_ref().map_or(task.tools.len() + task.mcp.len(), Vec::len);
        let why = match () {
            () if strategy.retrieval.memories > 0 || uses("memories") => Some("recalls memories"),
            () if uses("preferences") => Some("has preferences in its prompt"),
            () if tools > 0 => Some("calls tools; write tools = []"),
            () if cache.ttl.is_zero() || cache.ttl > LONGEST_DEADLINE => {
                Some("keeps answers for no time, or for ever")
            }
            () => None,
        };
        if let Some(why) = why {
            let message = format!("answers cannot be another's where the strategy {why}");
            return Err(Error::config(place, message));
        }
        similar.insert(strategy.id.clone(), *cache);
    }
    Ok(similar)
}
