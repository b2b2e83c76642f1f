use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{ModelName, Sampling, Strategy, StrategyId, TaskId, TokenCount};
use helm_experiment::Variant;
use helm_guardrails::GuardrailEngine;
use helm_llm::{BuiltinModel, ChatModel, OpenAiChat, OpenAiChatConfig, Prices, Retry, RetryPolicy, Secret};
use helm_policy::Registry;

use super::sections::{
    ExperimentSection, HelmConfig, ModelFamily, ModelSection, StrategySection, TaskSection,
};
use crate::builder::HelmBuilder;
use crate::error::{Error, Result};
use crate::helm::Helm;
use crate::inner::comma_separated;
use crate::task::Task;

const OPENAI_URL: &str = "https://api.openai.com/v1";

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
        let mut builder = Helm::builder()
            .sqlite(self.sqlite_path()?)
            .workers(self.background.workers, self.background.queue);
        for (name, section) in &self.models {
            builder = builder.model(model(name, section, &self.folder, variable)?);
        }
        for (id, section) in &self.tasks {
            builder = builder.task(self.task(id, section, registry)?);
        }
        if !self.features.vector_search {
            builder = builder.without_vector_search();
        }
        if self.features.ab_testing {
            for (key, section) in &self.experiments {
                builder = builder.experiment(
                    section.task.clone(),
                    key.clone(),
                    self.variants(key.as_str(), section)?,
                )?;
            }
        }
        Ok(builder)
    }

    /// The file that `store.url` names.
    ///
    /// # Errors
    ///
    /// Fails when the URL is not one of SQLite.
    pub fn sqlite_path(&self) -> Result<std::path::PathBuf> {
        let url = &self.store.url;
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path {
            Some(path) if !path.is_empty() => Ok(path.into()),
            _ if url.starts_with("postgres") => Err(Error::config(
                "store.url",
                "this version keeps state in SQLite only; write sqlite://PATH (DATABASE_URL overrides the file)",
            )),
            _ => Err(Error::config("store.url", format!("write sqlite://PATH, not {url:?}"))),
        }
    }

    /// What is configured but has no effect in this version, in sentences for people.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.store.redis_url.is_some() {
            warnings.push(
                "a Redis is configured (REDIS_URL), but this version caches in the process only".to_owned(),
            );
        }
        if self.models.is_empty() {
            warnings.push(
                "no model is configured: the built-in demonstration model answers; set OPENAI_API_KEY or add [models.main]"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Whether `environment` is `production`.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment.as_deref() == Some("production")
    }

    fn task(&self, id: &TaskId, section: &TaskSection, registry: &Registry) -> Result<Task> {
        let place = format!("tasks.{id}");
        let mut task = Task::new(id)?;
        for (name, strategy) in &section.strategies {
            let place = format!("{place}.strategies.{name}");
            let id = StrategyId::new(name.clone(), version(strategy, &place)?);
            task = task.with_strategy(strategy_of(id, strategy, &self.folder, &place)?);
        }
        if let Some(policy) = &section.policy {
            let built = registry.build(policy);
            let built = built.map_err(|error| Error::config(format!("{place}.policy"), error.to_string()))?;
            task = task.with_custom_policy(built);
        }
        if let Some(fallback) = &section.fallback {
            task = task.with_fallback(fallback.clone());
        }
        if let Some(tokens) = section.history_tokens {
            task = task.with_history(TokenCount::new(tokens));
        }
        if section.remember {
            task = task.remembering();
        }
        self.add_named_parts(task, section, &place)
    }

    fn add_named_parts(&self, mut task: Task, section: &TaskSection, place: &str) -> Result<Task> {
        if let Some(name) = &section.reward
            && (name.as_str() != "default" || self.rewards.contains_key(name))
        {
            let spec = self.rewards.get(name).ok_or_else(|| {
                let known = comma_separated(self.rewards.keys());
                Error::config(
                    format!("{place}.reward"),
                    format!("there is no [rewards.{name}]; there are: default, {known}"),
                )
            })?;
            let spec = spec.build(name);
            let spec = spec.map_err(|error| Error::config(format!("rewards.{name}"), error.to_string()))?;
            task = task.with_reward(spec);
        }
        if let Some(name) = &section.guardrails
            && (name != "standard" || self.guardrails.contains_key(name))
        {
            let config = self.guardrails.get(name).ok_or_else(|| {
                let known = comma_separated(self.guardrails.keys());
                let message = format!("there is no [guardrails.{name}]; there are: standard, {known}");
                Error::config(format!("{place}.guardrails"), message)
            })?;
            let engine = GuardrailEngine::from_config(config);
            let engine =
                engine.map_err(|error| Error::config(format!("guardrails.{name}"), error.to_string()))?;
            task = task.with_guardrails(engine);
        }
        Ok(task)
    }

    fn variants(&self, key: &str, section: &ExperimentSection) -> Result<Vec<(Variant, Option<StrategyId>)>> {
        let strategies = self.tasks.get(&section.task).map(|task| &task.strategies);
        let variants = section.variants.iter().map(|(name, variant)| {
            let place = format!("experiments.{key}.variants.{name}");
            let strategy = variant.strategy.as_ref().map(|wanted| {
                let found = strategies.and_then(|strategies| strategies.get(wanted));
                let found = found.ok_or_else(|| {
                    let message = format!("task {} has no strategy {wanted}", section.task);
                    Error::config(place.clone(), message)
                })?;
                Ok::<_, Error>(StrategyId::new(wanted.clone(), version(found, &place)?))
            });
            Ok((Variant::new(name.clone(), variant.weight), strategy.transpose()?))
        });
        variants.collect()
    }
}

fn version(section: &StrategySection, place: &str) -> Result<u32> {
    match section.version {
        Some(0) => Err(Error::config(place, "versions are counted from 1")),
        given => Ok(given.unwrap_or(1)),
    }
}

fn strategy_of(id: StrategyId, section: &StrategySection, folder: &Path, place: &str) -> Result<Strategy> {
    let model = match &section.model {
        Some(model) => model.clone(),
        None => ModelName::new("main")?,
    };
    let mut strategy = Strategy::new(id, model).with_system(system(section, folder, place)?);
    strategy.parent.clone_from(&section.parent);
    strategy.sampling =
        Sampling { temperature: section.temperature, top_p: section.top_p, effort: section.effort.clone() };
    strategy.max_output_tokens = section.max_output_tokens.map(TokenCount::new);
    strategy.retrieval = section.retrieve.clone().unwrap_or_default();
    if let Some(seconds) = section.deadline_seconds {
        let deadline = Duration::try_from_secs_f64(seconds).ok().filter(|deadline| !deadline.is_zero());
        strategy.limits.deadline = deadline
            .ok_or_else(|| Error::config(place, "deadline_seconds must be a number of seconds above 0"))?;
    }
    Ok(strategy)
}

fn system(section: &StrategySection, folder: &Path, place: &str) -> Result<String> {
    match (&section.system, &section.system_file) {
        (Some(_), Some(_)) => Err(Error::config(place, "give either system or system_file, not both")),
        (Some(text), None) => Ok(text.clone()),
        (None, Some(file)) => read(&folder.join(file)),
        (None, None) => Ok(String::new()),
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::ConfigFile { path: path.display().to_string(), source })
}

fn model(
    name: &ModelName,
    section: &ModelSection,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn ChatModel>> {
    match section.family {
        ModelFamily::Builtin => Ok(Arc::new(BuiltinModel::new(name.clone()))),
        ModelFamily::OpenaiChat => openai_chat(name, section, folder, variable),
    }
}

fn openai_chat(
    name: &ModelName,
    section: &ModelSection,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn ChatModel>> {
    let place = format!("models.{name}");
    let wanted = section.model.clone().ok_or_else(|| {
        Error::config(&place, "say which model: model = \"…\", or OPENAI_MODEL in the environment for main")
    })?;
    let key = key(section, folder, variable, &place)?;
    let url = section.base_url.as_deref().unwrap_or(OPENAI_URL);
    let mut config = OpenAiChatConfig::new(name.clone(), url, wanted).with_api_key(Secret::new(key));
    match (section.input_price, section.output_price) {
        (Some(input), Some(output)) => config = config.with_prices(Prices::per_million(input, output)?),
        (None, None) => {}
        _ => {
            return Err(Error::config(place, "give both input_price and output_price, or neither"));
        }
    }
    let client = OpenAiChat::new(config).map_err(|error| Error::config(place, error.to_string()))?;
    Ok(Arc::new(Retry::new(client, RetryPolicy::default())))
}

fn key(
    section: &ModelSection,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
    place: &str,
) -> Result<String> {
    let text = match (&section.key_file, &section.key_env) {
        (Some(_), Some(_)) => return Err(Error::config(place, "give either key_env or key_file, not both")),
        (Some(file), None) => read(&folder.join(file))?,
        (None, given) => {
            let name = given.as_deref().unwrap_or("OPENAI_API_KEY");
            variable(name).ok_or_else(|| {
                Error::config(place, format!("the environment variable {name} with its key is not set"))
            })?
        }
    };
    let text = text.trim();
    match text.is_empty() {
        true => Err(Error::config(place, "its key is empty")),
        false => Ok(text.to_owned()),
    }
}
