//! The defaults of what nobody has said, written out to be shown.

use helm_core::{Category, ModelName, RewardName, StrategyId, StrategyName};
use helm_eval::judge::{JudgeOptions, Rubric};
use helm_guardrails::RemoteLimits;
use helm_llm::{EmbedderConfig, Timeouts};
use serde_json::{Value, json};

use super::checks::{CheckKind, CheckSection};
use super::judges::{self, JudgeSection};
use super::keys::own_key;
use super::model_section::{EmbeddingFamily, EmbeddingSection, ModelFamily, ModelSection};
use super::models::{OPENAI_URL, fill_model, has_prices};
use super::sections::{
    Environment, Fallback, HelmConfig, LogFormat, SemanticCacheSection, StrategySection, TaskSection,
};
use super::{mcp, tools};
use crate::error::Result;

impl HelmConfig {
    /// The same configuration with every default in it that has one value, whoever reads it.
    pub(super) fn filled(&self) -> Result<Self> {
        let mut all = self.clone();
        let format = if self.is_production() { LogFormat::Json } else { LogFormat::Text };
        all.environment.get_or_insert(Environment::Development);
        all.log.format.get_or_insert(format);
        if all.models.is_empty() {
            all.models.insert(ModelName::new("main")?, ModelSection::new(ModelFamily::Builtin));
        }
        all.models.values_mut().for_each(fill_model);
        for section in all.tools.values_mut() {
            section.timeout_seconds.get_or_insert(tools::TIMEOUT.as_secs_f64());
        }
        for section in all.mcp.values_mut() {
            section.timeout_seconds.get_or_insert(mcp::TIMEOUT.as_secs_f64());
        }
        all.checks.values_mut().for_each(fill_check);
        for section in all.judges.values_mut() {
            let priced = judges::named(section).all(|model| self.has_prices(model));
            fill_judge(section, priced)?;
        }
        for config in all.guardrails.values_mut() {
            *config = config.filled();
        }
        fill_embeddings(&mut all.embeddings);
        all.tasks.values_mut().try_for_each(fill_task)?;
        Ok(all)
    }

    /// Whether what a model costs is known today.
    fn has_prices(&self, name: &str) -> bool {
        let found = self.models.iter().find(|(known, _)| known.as_str() == name);
        found.is_some_and(|(_, section)| has_prices(section))
    }

    /// Defaults that depend on who reads the configuration, in words for people.
    pub(super) fn told(&self) -> Vec<(&'static str, Value)> {
        let mut told = Vec::new();
        if self.log.level.is_none() {
            told.push(("log.level", json!("warn; info for the server")));
        }
        if self.store.connections.is_none()
            && ["postgres:", "postgresql:"].iter().any(|scheme| self.store.url.expose().starts_with(scheme))
        {
            told.push(("store.connections", json!("by the number of cores")));
        }
        told
    }
}

fn fill_check(section: &mut CheckSection) {
    let usual = RemoteLimits::default();
    section.timeout_seconds.get_or_insert(usual.timeout.as_secs_f64());
    section.concurrency.get_or_insert(usual.concurrency);
    section.max_bytes.get_or_insert(usual.max_bytes);
    match section.kind {
        CheckKind::Moderation => {
            section.url.get_or_insert_with(|| super::checks::MODERATIONS.into());
            section.model.get_or_insert_with(|| super::checks::MODERATOR.to_owned());
        }
        CheckKind::Classifier | CheckKind::Judge => {
            section.category.get_or_insert(Category::Remote);
        }
    }
}

/// What a judge may spend depends on what is known of its models' prices.
fn fill_judge(section: &mut JudgeSection, priced: bool) -> Result<()> {
    let options = JudgeOptions::default();
    section.rate.get_or_insert(judges::RATE);
    section.uncertain_rate.get_or_insert(judges::UNCERTAIN_RATE);
    section.new_strategy_turns.get_or_insert(judges::NEW_STRATEGY_TURNS);
    section.timeout_seconds.get_or_insert(options.timeout.as_secs_f64());
    section.max_output_tokens.get_or_insert(options.max_output_tokens.get());
    if section.strong_model.is_some() {
        section.sure.get_or_insert(judges::usual_sureness(section.log_probabilities));
    }
    if priced {
        section.max_dollars.get_or_insert(judges::MAX_DOLLARS);
        section.dollars_per_day.get_or_insert(judges::DOLLARS_PER_DAY);
    } else {
        section.judgements_per_day.get_or_insert(judges::UNPRICED);
    }
    if section.question.is_none() && section.pair {
        section.question = Some(judges::BETTER.to_owned());
    } else if section.question.is_none() && section.levels.is_empty() {
        let usual = Rubric::helpfulness()?;
        section.question = Some(usual.question().to_owned());
        section.levels = usual.levels().to_vec();
    }
    Ok(())
}

fn fill_embeddings(section: &mut EmbeddingSection) {
    if section.family != EmbeddingFamily::Openai {
        return;
    }
    let url = section.base_url.get_or_insert_with(|| OPENAI_URL.into());
    if section.key_file.is_none() && section.key_env.is_none() {
        section.key_env = own_key(url).map(str::to_owned);
    }
    let Ok(name) = ModelName::new("embeddings") else { return };
    let usual = EmbedderConfig::new(name, url.clone(), "", 1);
    section.batch.get_or_insert(usual.batch);
    section.timeout_seconds.get_or_insert(usual.timeout.as_secs_f64());
}

fn fill_task(section: &mut TaskSection) -> Result<()> {
    section.policy.get_or_insert_with(|| json!({ "kind": "auto" }));
    if section.reward.is_none() {
        section.reward = Some(RewardName::new(super::install::STANDARD)?);
    }
    section.guardrails.get_or_insert_with(|| "standard".to_owned());
    if section.fallback.is_none() && !section.strategies.is_empty() {
        section.fallback = Some(Fallback::Several(section.strategies.keys().cloned().collect()));
    }
    section.history_tokens.get_or_insert(crate::task::HISTORY.get());
    let main = ModelName::new("main")?;
    section.strategies.iter_mut().for_each(|(name, strategy)| fill_strategy(name, strategy, &main));
    Ok(())
}

fn fill_strategy(name: &StrategyName, section: &mut StrategySection, main: &ModelName) {
    let version = *section.version.get_or_insert(1);
    let model = section.model.get_or_insert_with(|| main.clone()).clone();
    if section.system_file.is_none() {
        section.system.get_or_insert_default();
    }
    let usual = helm_core::Strategy::new(StrategyId::new(name.clone(), version), model);
    section.deadline_seconds.get_or_insert(usual.limits.deadline.as_secs_f64());
    section.tool_turns.get_or_insert(usual.limits.tool_turns);
    section.retrieve.get_or_insert(usual.retrieval);
    if let Some(cache) = &mut section.semantic_cache {
        let SemanticCacheSection { similarity, seconds, .. } = cache;
        similarity.get_or_insert(super::strategies::SIMILARITY);
        seconds.get_or_insert(super::strategies::SIMILAR_SECONDS);
    }
}

/// The defaults of calls over HTTP, in seconds.
pub(super) fn fill_timeouts(section: &mut ModelSection) {
    let usual = Timeouts::default();
    section.connect_seconds.get_or_insert(usual.connect.as_secs_f64());
    section.first_token_seconds.get_or_insert(usual.first_token.as_secs_f64());
    section.idle_seconds.get_or_insert(usual.idle.as_secs_f64());
}
