use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
#[cfg(feature = "redis")]
use std::time::Duration;

use helm_core::{EvaluatorName, ModelName, RewardName, StrategyId, TaskId, TokenCount, ToolName};
use helm_eval::RewardSpec;
use helm_guardrails::GuardrailEngine;
use helm_llm::{ChatModel, ToolHandler, TraceHeaders};
use helm_policy::Registry;

use super::candidate::candidate;
use super::checks::{self, Checks, Limited};
use super::guardrails::guardrails;
use super::judges;
use super::location::StoreLocation;
use super::models::{self, Place};
use super::sections::{Environment, HelmConfig, TaskSection};
use super::strategies::{DAY, known_strategies, semantic_cache, strategy_of, version};
use super::tools;
use crate::builder::HelmBuilder;
use crate::error::{Error, Result};
use crate::helm::Helm;
use crate::inner::{comma_separated, no_such};
use crate::judges::TaskJudge;
use crate::task::Task;

/// The longest message that a configured installation takes, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// The reward of tasks that name none.
pub(super) const STANDARD: &str = "default";
/// How long a Redis may take for an answer that is only asked whether it is there.
#[cfg(feature = "redis")]
const REDIS_ANSWERS: Duration = Duration::from_secs(2);
/// After how long it is asked again where it did not answer, and for how long.
#[cfg(feature = "redis")]
const REDIS_RETRIED: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// The configured tools.
type Tools = BTreeMap<ToolName, Arc<dyn ToolHandler>>;

/// What tasks name.
struct Named<'a> {
    registry: &'a Registry,
    tools: Tools,
    guardrails: BTreeMap<&'a str, GuardrailEngine>,
    judges: BTreeMap<&'a EvaluatorName, TaskJudge>,
}

impl HelmConfig {
    /// Checks the configuration and makes it a builder. `variable` gives the values of environment variables,
    /// which hold the secrets.
    ///
    /// # Errors
    ///
    /// Fails with the place in the file when something contradicts itself or does not exist.
    pub fn builder(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<HelmBuilder> {
        self.builder_with(variable, &Registry::standard())
    }

    /// As [`HelmConfig::builder`], with policies of your own registered by name.
    ///
    /// # Errors
    ///
    /// As for [`HelmConfig::builder`].
    pub fn builder_with(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
        registry: &Registry,
    ) -> Result<HelmBuilder> {
        self.assemble(variable, registry).map_err(|error| self.locate(error))
    }

    pub(super) fn assemble(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
        registry: &Registry,
    ) -> Result<HelmBuilder> {
        self.check_alone()?;
        let mut builder = Helm::builder()
            .location(self.location()?)
            .max_message_bytes(MAX_MESSAGE_BYTES)
            .workers(self.background.workers, self.background.queue)
            .at_once(self.store.at_once)
            .user_rewards(self.metrics.user_rewards)
            .limits(self.limits.limits()?);
        #[cfg(feature = "redis")]
        if let Some(url) = &self.store.redis_url {
            builder = builder.redis(url.clone());
        }
        let models = self.given_models(variable)?;
        let guardrails = self.given_guardrails(&models, variable)?;
        let judges = self.given_judges(&models, variable)?;
        let named = Named { registry, tools: self.given_tools(variable)?, guardrails, judges };
        for model in models {
            builder = builder.model(model);
        }
        for (id, section) in &self.tasks {
            builder = builder.task(self.task(id, section, &named)?);
        }
        builder = self.with_servers(builder, variable)?;
        let place = Place { path: "embeddings".to_owned(), folder: &self.folder, variable };
        let embedder = models::embedder(&self.embeddings, &place)?;
        builder = match (self.features.vector_search, embedder) {
            (false, _) => builder.without_vector_search(),
            (true, Some(embedder)) => builder.embeddings(embedder),
            (true, None) => builder,
        };
        // What is wrong with an experiment is said also while none assigns.
        for spec in self.experiments()? {
            builder = match self.features.ab_testing {
                true => builder.experiment_of(spec, registry)?,
                false => builder.paused_experiment(spec),
            };
        }
        Ok(builder)
    }

    /// Checks what nothing may refer to, so that nobody else would look at it.
    fn check_alone(&self) -> Result<()> {
        self.each_alone().collect()
    }

    pub(super) fn each_alone(&self) -> impl Iterator<Item = Result<()>> {
        let drain = match self.server.drain_seconds > DAY {
            true => Err(Error::config("server.drain_seconds", format!("write at most {DAY}, a day"))),
            false => Ok(()),
        };
        let at_least_one = |key: &str, given: usize| match given {
            0 => Err(Error::config(key, "write at least 1")),
            _ => Ok(()),
        };
        let requests = at_least_one("server.max_in_flight", self.server.max_in_flight);
        let bytes = at_least_one("server.max_in_flight_bytes", self.server.max_in_flight_bytes);
        let at_once = at_least_one("store.at_once", self.store.at_once);
        let rewards = self.rewards.keys().map(|name| self.reward(name).map(drop));
        [self.log.filter().map(drop), drain, requests, bytes, at_once].into_iter().chain(rewards)
    }

    /// The models that are configured; without any, the built-in one as `main`. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Fails when a model cannot be set up.
    pub fn models(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Arc<dyn ChatModel>>> {
        let mut models = self.given_models(variable).map_err(|error| self.locate(error))?;
        if models.is_empty() {
            models.push(models::builtin(ModelName::new("main")?));
        }
        Ok(models)
    }

    fn given_models(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Arc<dyn ChatModel>>> {
        self.each_model(variable).collect()
    }

    pub(super) fn each_model(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = Result<Arc<dyn ChatModel>>> {
        self.models.iter().map(move |(name, section)| {
            let place = Place { path: format!("models.{name}"), folder: &self.folder, variable };
            models::model(name, section, &place, self.trace_headers.as_ref())
        })
    }

    /// The guardrails of this name, or the standard ones where `standard` is not configured otherwise. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Fails when there are none of this name, or they cannot be set up.
    pub fn guardrails_named(
        &self,
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<GuardrailEngine> {
        let models = self.models(variable)?;
        let given = self.given_guardrails(&models, variable).map_err(|error| self.locate(error))?;
        match given.get(name) {
            Some(engine) => Ok(engine.clone()),
            None if name == "standard" => Ok(GuardrailEngine::standard()),
            None => Err(unknown_guardrails("guardrails", name, given.keys())),
        }
    }

    /// The reward of this name, or the standard one where `default` is not configured otherwise.
    ///
    /// # Errors
    ///
    /// Fails when there is none of this name, or it contradicts itself.
    pub fn reward_named(&self, name: &RewardName) -> Result<RewardSpec> {
        let given = self.reward(name).map_err(|error| self.locate(error))?;
        match given {
            Some(spec) => Ok(spec),
            None if name.as_str() == STANDARD => Ok(RewardSpec::standard()?),
            None => Err(Error::config("rewards", self.no_such_reward(name))),
        }
    }

    /// The reward of a task: the one that it names, or `default`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when there is no such reward, or it contradicts itself.
    pub fn reward_of(&self, task: &TaskId) -> Result<RewardSpec> {
        let section = self.tasks.get(task).ok_or_else(|| Error::UnknownTask {
            task: task.clone(),
            known: comma_separated(self.tasks.keys()),
        })?;
        let found = self.reward_of_section(section, &format!("tasks.{task}"));
        Ok(found.map_err(|error| self.locate(error))?.map_or_else(RewardSpec::standard, Ok)?)
    }

    /// The configured judges, by the names that rewards know them under. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Fails when a model or a judge cannot be set up.
    pub fn judges(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<EvaluatorName, TaskJudge>> {
        let models = self.models(variable)?;
        let judges = self.given_judges(&models, variable).map_err(|error| self.locate(error))?;
        Ok(judges.into_iter().map(|(name, judge)| (name.clone(), judge)).collect())
    }

    #[cfg(feature = "mcp")]
    pub(super) fn with_servers(
        &self,
        builder: HelmBuilder,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<HelmBuilder> {
        self.mcp.iter().try_fold(builder, |builder, (name, section)| {
            let place = Place { path: format!("mcp.{name}"), folder: &self.folder, variable };
            Ok(builder.mcp(super::mcp::server(name, section, &place)?))
        })
    }

    #[cfg(not(feature = "mcp"))]
    pub(super) fn with_servers(
        &self,
        builder: HelmBuilder,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<HelmBuilder> {
        match self.mcp.keys().next() {
            None => Ok(builder),
            Some(name) => Err(Error::config(
                format!("mcp.{name}"),
                "this build speaks to no MCP server; build with the feature `mcp`",
            )),
        }
    }

    fn given_tools(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Tools> {
        self.each_tool(variable).collect()
    }

    pub(super) fn each_tool(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = Result<(ToolName, Arc<dyn ToolHandler>)>> {
        let tool = move |(name, section): (&ToolName, _)| {
            let place = Place { path: format!("tools.{name}"), folder: &self.folder, variable };
            Ok((name.clone(), tools::tool(name, section, &place)?))
        };
        self.tools.iter().map(tool)
    }

    /// Tells models of the trace by these where they say [`propagate_trace`](super::ModelSection::propagate_trace): the binary
    /// that sends traces knows how.
    #[must_use]
    pub fn with_trace_headers(mut self, headers: Option<TraceHeaders>) -> Self {
        self.trace_headers = headers;
        self
    }

    /// The error with where what it is about was said: the file and the line, the variable or the flag.
    #[must_use]
    pub fn locate(&self, error: Error) -> Error {
        let at = |place: String| match self.overridden.get(&place) {
            Some(origin) => format!("{origin}: {place}"),
            None => self.places.locate(&place),
        };
        match error {
            Error::Config { place, message } => Error::Config { place: at(place), message },
            Error::Template { place, source } => Error::Template { place: at(place), source },
            other => other,
        }
    }

    /// Where `store.url` says that state is kept.
    ///
    /// # Errors
    ///
    /// Fails when the URL is not understood, or there are too few connections.
    pub fn location(&self) -> Result<StoreLocation> {
        let location = StoreLocation::parse(&self.store.url)?.with_synchronous(self.store.synchronous.into());
        match self.store.connections {
            Some(connections) => location.with_connections(connections),
            None => Ok(location),
        }
    }

    /// Whether the configured Redis answers; `None` without one. It has some seconds, and is tried more than once: a busy
    /// machine is no absent server.
    ///
    /// # Errors
    ///
    /// Fails when its address cannot be used.
    #[cfg(feature = "redis")]
    pub async fn redis_answers(&self) -> Result<Option<bool>> {
        let Some(url) = &self.store.redis_url else { return Ok(None) };
        let options = helm_store::RedisOptions::new(url.expose());
        let options = options.with_command_timeout(REDIS_ANSWERS).with_retry_after(REDIS_RETRIED.0);
        let redis = helm_store::Redis::connect(options).await?;
        let answers = redis.answers_within(REDIS_RETRIED.1).await;
        redis.close().await;
        Ok(Some(answers))
    }

    /// What is configured but has no effect in this version, in sentences for people.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.store.redis_url.is_some() && cfg!(not(feature = "redis")) {
            let without = "a Redis is configured (REDIS_URL), but this build keeps limits in the process only; build with the feature `redis`";
            warnings.push(without.to_owned());
        }
        let traced = self.models.iter().filter(|(_, section)| section.propagate_trace);
        for (name, _) in traced.filter(|_| self.traces.otlp.is_none()) {
            warnings.push(format!(
                "models.{name}.propagate_trace has no effect: nothing is traced; set traces.otlp (OTEL_EXPORTER_OTLP_ENDPOINT)"
            ));
        }
        if self.models.is_empty() {
            warnings.push(
                "no model is configured: the built-in demonstration model answers; set OPENAI_API_KEY or ANTHROPIC_API_KEY, or add [models.main]"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Whether `environment` is `production`.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Some(Environment::Production)
    }

    fn task(&self, id: &TaskId, section: &TaskSection, named: &Named<'_>) -> Result<Task> {
        let tools = &named.tools;
        let place = format!("tasks.{id}");
        let mut task = Task::new(id)?.sticky(section.sticky);
        for (name, strategy) in &section.strategies {
            let place = format!("{place}.strategies.{name}");
            let id = StrategyId::new(name.clone(), version(strategy, &place)?);
            task = task.with_strategy(strategy_of(id, strategy, &self.folder, &place)?);
            if let Some(given) = &strategy.semantic_cache {
                let cache = semantic_cache(given, &format!("{place}.semantic_cache"))?;
                task = task.with_semantic_cache(name.clone(), cache);
            }
        }
        if let Some(policy) = &section.policy {
            known_strategies(policy, section)
                .map_err(|error| Error::config(format!("{place}.policy"), error))?;
            let built = named.registry.build(policy);
            let built = built.map_err(|error| Error::config(format!("{place}.policy"), error.to_string()))?;
            task = task.with_custom_policy(built);
        }
        if let Some(candidate) = candidate(section, named.registry, &place)? {
            task = task.with_candidate(candidate);
        }
        if let Some(fallback) = &section.fallback {
            task = task.with_fallbacks(fallback.names());
        }
        for name in &section.tools {
            let absent = || no_such("tools", name.as_str(), tools.keys());
            let tool = tools.get(name);
            let tool = tool.ok_or_else(|| Error::config(format!("{place}.tools"), absent()))?;
            task = task.with_tool(Arc::clone(tool));
        }
        #[cfg(feature = "mcp")]
        for server in &section.mcp {
            task = task.with_mcp(server.clone());
        }
        if let Some(tokens) = section.history_tokens {
            task = task.with_history(TokenCount::new(tokens));
        }
        if let Some(model) = &section.summary_model {
            task = task.with_summaries(model.clone());
        }
        if section.remember {
            task = task.remembering();
        }
        self.add_named_parts(task, section, named, &place)
    }

    fn add_named_parts(
        &self,
        mut task: Task,
        section: &TaskSection,
        named: &Named<'_>,
        place: &str,
    ) -> Result<Task> {
        if let Some(spec) = self.reward_of_section(section, place)? {
            let judges: BTreeSet<&EvaluatorName> = spec.evaluators().collect();
            for judge in judges.into_iter().filter_map(|name| named.judges.get(name)) {
                task = task.with_judge(judge.clone());
            }
            task = task.with_reward(spec);
        }
        if let Some(name) = &section.guardrails
            && (name != "standard" || self.guardrails.contains_key(name))
        {
            let engine = named.guardrails.get(name.as_str());
            let known = named.guardrails.keys();
            let engine =
                engine.ok_or_else(|| unknown_guardrails(&format!("{place}.guardrails"), name, known))?;
            task = task.with_guardrails(engine.clone());
        }
        Ok(task)
    }

    /// The reward of a task; `None` for the standard one.
    fn reward_of_section(&self, section: &TaskSection, place: &str) -> Result<Option<RewardSpec>> {
        let standard = RewardName::new(STANDARD)?;
        let name = section.reward.as_ref().unwrap_or(&standard);
        match self.reward(name)? {
            None if *name != standard => {
                Err(Error::config(format!("{place}.reward"), self.no_such_reward(name)))
            }
            found => Ok(found),
        }
    }

    fn no_such_reward(&self, name: &RewardName) -> String {
        let others = self.rewards.keys().map(RewardName::as_str).filter(|name| *name != STANDARD);
        no_such("rewards", name.as_str(), std::iter::once(STANDARD).chain(others))
    }

    fn reward(&self, name: &RewardName) -> Result<Option<RewardSpec>> {
        let built = self.rewards.get(name).map(|config| config.build(name)).transpose();
        built.map_err(|error| Error::config(format!("rewards.{name}"), error.to_string()))
    }

    fn given_guardrails(
        &self,
        models: &[Arc<dyn ChatModel>],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<&str, GuardrailEngine>> {
        let checks = self.each_check(models, variable).map(|(name, check)| Ok((name.clone(), check?)));
        let checks = checks.collect::<Result<Checks>>()?;
        let configs = self.guardrails.iter();
        configs.map(|(name, config)| Ok((name.as_str(), guardrails(name, config, &checks)?))).collect()
    }

    pub(super) fn each_check(
        &self,
        models: &[Arc<dyn ChatModel>],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = (&String, Result<Limited>)> {
        self.checks.iter().map(move |(name, section)| {
            let place = Place { path: format!("checks.{name}"), folder: &self.folder, variable };
            (name, checks::check(name, section, models, &place))
        })
    }

    fn given_judges(
        &self,
        models: &[Arc<dyn ChatModel>],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<&EvaluatorName, TaskJudge>> {
        self.each_judge(models, variable).map(|(name, judge)| Ok((name, judge?))).collect()
    }

    pub(super) fn each_judge(
        &self,
        models: &[Arc<dyn ChatModel>],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = (&EvaluatorName, Result<TaskJudge>)> {
        self.judges.iter().map(move |(name, section)| {
            let place = Place { path: format!("judges.{name}"), folder: &self.folder, variable };
            (name, judges::judge(name, section, models, &place))
        })
    }
}

fn unknown_guardrails<'a>(place: &str, name: &str, known: impl Iterator<Item = &'a &'a str>) -> Error {
    Error::config(place, no_such("guardrails", name, std::iter::once(&"standard").chain(known)))
}
