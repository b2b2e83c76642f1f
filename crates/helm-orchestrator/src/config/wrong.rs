//! All that is wrong with what can be read of a configuration, at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{ModelName, StrategyName, TaskId};
use helm_guardrails::GuardrailConfig;
use helm_llm::ChatModel;
use helm_policy::Registry;

use super::checks::Checks;
use super::experiments::ExperimentsSection;
use super::guardrails::{guardrails, has_key, unknown_check};
use super::judges;
use super::model_section::EmbeddingSection;
use super::models::{self, Place};
use super::sections::{HelmConfig, StrategySection, TaskSection};
use crate::error::{Error, Result};
use crate::helm::Helm;

/// The values of environment variables.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl HelmConfig {
    /// What is wrong with what can be read, each with where it was said: every model, tool, server, reward, judge, check and
    /// rule of a guard that is wrong; or else of every task each strategy, policy and name; or else every experiment.
    /// Nothing is opened or sent.
    #[must_use]
    pub fn mistakes(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Error> {
        let mut found = self.of_parts(variable);
        if found.is_empty() {
            found = self.tasks.iter().flat_map(|(id, task)| self.of_task(id, task, variable)).collect();
        }
        if found.is_empty() {
            found = self.of_experiments(variable);
        }
        if found.is_empty() {
            found.extend(self.checked(variable).err());
        }
        found.into_iter().map(|error| self.locate(error)).collect()
    }

    fn checked(&self, variable: Variable<'_>) -> Result<()> {
        self.assemble(variable, &Registry::standard())?.check()
    }

    /// What is wrong with parts that name no task.
    fn of_parts(&self, variable: Variable<'_>) -> Vec<Error> {
        let place = Place { path: "embeddings".to_owned(), folder: &self.folder, variable };
        let others = [
            self.location().map(drop),
            self.limits.limits().map(drop),
            models::embedder(&self.embeddings, &place).map(drop),
        ];
        let mut found: Vec<_> = self.each_alone().chain(others).filter_map(Result::err).collect();
        let mut models = Vec::new();
        for model in self.each_model(variable) {
            match model {
                Ok(model) => models.push(model),
                Err(error) => found.push(error),
            }
        }
        found.extend(self.each_tool(variable).filter_map(Result::err));
        found.extend(self.mcp.keys().filter_map(|name| {
            let mut alone = self.clone();
            alone.mcp.retain(|other, _| other == name);
            alone.with_servers(Helm::builder(), variable).err()
        }));
        found.extend(self.of_judges(&models, variable));
        found.extend(self.of_guards(&models, variable));
        found
    }

    /// What is wrong with judges whose models are fine.
    fn of_judges(&self, models: &[Arc<dyn ChatModel>], variable: Variable<'_>) -> Vec<Error> {
        let judges = self.each_judge(models, variable);
        let wrong = judges.filter(|(name, _)| {
            let Some(section) = self.judges.get(*name) else { return true };
            judges::named(section).all(|model| !self.is_wrong(model, models))
        });
        wrong.filter_map(|(_, judge)| judge.err()).collect()
    }

    /// What is wrong with guards, and with checks whose models are fine.
    fn of_guards(&self, models: &[Arc<dyn ChatModel>], variable: Variable<'_>) -> Vec<Error> {
        let (mut found, mut checks) = (Vec::new(), Checks::new());
        for (name, check) in self.each_check(models, variable) {
            let model = self.checks.get(name).and_then(|section| section.model.as_deref());
            match check {
                Ok(check) => drop(checks.insert(name.clone(), check)),
                Err(_) if model.is_some_and(|model| self.is_wrong(model, models)) => {}
                Err(error) => found.push(error),
            }
        }
        found.extend(self.guardrails.iter().flat_map(|(name, guard)| self.of_guard(name, guard, &checks)));
        found
    }

    fn of_guard(&self, name: &str, guard: &GuardrailConfig, checks: &Checks) -> Vec<Error> {
        let place = format!("guardrails.{name}");
        let absent = guard.checks.iter().filter(|wanted| !self.checks.contains_key(*wanted));
        let absent = absent.map(|wanted| unknown_check(&place, wanted, self.checks.keys()));
        let rules = guard.mistakes().into_iter();
        let rules = rules.map(|(at, error)| Error::config(format!("{place}.{at}"), error.to_string()));
        let mut found: Vec<_> = has_key(guard, &place).err().into_iter().chain(absent).chain(rules).collect();
        if found.is_empty() {
            let mut usable = guard.clone();
            usable.checks.retain(|wanted| checks.contains_key(wanted));
            found.extend(guardrails(name, &usable, checks).err());
        }
        found
    }

    /// Whether a model is configured and cannot be set up: what names it is told when it can.
    fn is_wrong(&self, name: &str, models: &[Arc<dyn ChatModel>]) -> bool {
        let is_configured = self.models.keys().any(|known| known.as_str() == name);
        is_configured && !models.iter().any(|model| model.name().as_str() == name)
    }

    /// What is wrong with the parts of a task, or with the whole of it.
    fn of_task(&self, id: &TaskId, task: &TaskSection, variable: Variable<'_>) -> Vec<Error> {
        let mut alone = self.clone();
        alone.experiments = ExperimentsSection::default();
        // They have been looked at, which may take a moment.
        alone.embeddings = EmbeddingSection::default();
        let mut check = |task: TaskSection| {
            alone.tasks = BTreeMap::from([(id.clone(), task)]);
            alone.checked(variable).err()
        };
        let mut found: Vec<Error> = Vec::new();
        for error in self.parts_of(task).into_iter().filter_map(&mut check) {
            if found.iter().all(|known| known.to_string() != error.to_string()) {
                found.push(error);
            }
        }
        if found.is_empty() {
            found.extend(check(task.clone()));
        }
        found
    }

    /// The task with one of its parts at a time, and beside it what cannot be wrong.
    fn parts_of(&self, task: &TaskSection) -> Vec<TaskSection> {
        let strategies: BTreeMap<_, _> =
            task.strategies.keys().map(|name| (name.clone(), self.plain_strategy())).collect();
        let plain = || TaskSection { strategies: strategies.clone(), ..TaskSection::default() };
        let mut parts: Vec<_> =
            task.strategies.iter().map(|(name, strategy)| self.alone_in(task, name, strategy)).collect();
        parts.push(TaskSection { policy: task.policy.clone(), ..plain() });
        parts.push(TaskSection { fallback: task.fallback.clone(), ..plain() });
        parts.extend(task.tools.iter().map(|tool| TaskSection { tools: vec![tool.clone()], ..plain() }));
        parts.extend(task.mcp.iter().map(|server| TaskSection { mcp: vec![server.clone()], ..plain() }));
        parts.push(TaskSection { reward: task.reward.clone(), ..plain() });
        parts.push(TaskSection { guardrails: task.guardrails.clone(), ..plain() });
        let (summary_model, history_tokens) = (task.summary_model.clone(), task.history_tokens);
        parts.push(TaskSection { summary_model, history_tokens, ..plain() });
        parts
    }

    /// A strategy with what it may name of its task: a tool that is not there is the task's mistake.
    fn alone_in(&self, task: &TaskSection, name: &StrategyName, strategy: &StrategySection) -> TaskSection {
        let mut strategy = strategy.clone();
        if let Some(tools) = &mut strategy.tools {
            tools.retain(|tool| !task.tools.contains(tool) || self.tools.contains_key(tool));
        }
        TaskSection {
            tools: task.tools.iter().filter(|tool| self.tools.contains_key(*tool)).cloned().collect(),
            mcp: task.mcp.iter().filter(|server| self.mcp.contains_key(*server)).cloned().collect(),
            strategies: BTreeMap::from([(name.clone(), strategy)]),
            ..TaskSection::default()
        }
    }

    fn plain_strategy(&self) -> StrategySection {
        let model: Option<ModelName> = self.models.keys().next().cloned();
        StrategySection { model, tools: Some(Vec::new()), ..StrategySection::default() }
    }

    /// What is wrong with each experiment.
    fn of_experiments(&self, variable: Variable<'_>) -> Vec<Error> {
        let each: Vec<_> = match &self.experiments {
            ExperimentsSection::Files(paths) => {
                paths.iter().map(|path| ExperimentsSection::Files(vec![path.clone()])).collect()
            }
            ExperimentsSection::Short(sections) => {
                let alone =
                    sections.iter().map(|(key, section)| BTreeMap::from([(key.clone(), section.clone())]));
                alone.map(ExperimentsSection::Short).collect()
            }
        };
        let wrong = each.into_iter().filter_map(|experiments| {
            let embeddings = EmbeddingSection::default();
            Self { experiments, embeddings, ..self.clone() }.checked(variable).err()
        });
        wrong.collect()
    }
}
