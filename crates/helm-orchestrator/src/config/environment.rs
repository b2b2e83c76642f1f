use helm_core::ModelName;
use helm_guardrails::PseudonymKey;

use super::keys::{ANTHROPIC_KEY, OPENAI_KEY};
use super::model_section::{ModelFamily, ModelSection};
use super::origin::Origin;
use super::sections::{Environment, HelmConfig};
use crate::error::{Error, Result};

/// The models that a key alone asks for, when no variable says which.
const DEFAULT_OPENAI_MODEL: &str = "gpt-5-mini";
const DEFAULT_ANTHROPIC_MODEL: &str = "claude-haiku-5-5";

/// Applies the plain environment names. An empty value counts as not set.
pub(super) fn apply(config: &mut HelmConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(value) = variable("ENVIRONMENT") {
        config.environment = Some(environment(&value)?);
        note(config, "environment", "ENVIRONMENT");
    }
    if let Some(value) = variable("LOG_LEVEL") {
        config.log.level = Some(value);
        note(config, "log.level", "LOG_LEVEL");
    }
    if let Some(value) = variable("DATABASE_URL") {
        config.store.url = value.into();
        note(config, "store.url", "DATABASE_URL");
    }
    if let Some(value) = variable("REDIS_URL") {
        config.store.redis_url = Some(value.into());
        note(config, "store.redis_url", "REDIS_URL");
    }
    if let Some(value) = variable("ENABLE_VECTOR_SEARCH") {
        config.features.vector_search = switch("ENABLE_VECTOR_SEARCH", &value)?;
        note(config, "features.vector_search", "ENABLE_VECTOR_SEARCH");
    }
    if let Some(value) = variable("ENABLE_AB_TESTING") {
        config.features.ab_testing = switch("ENABLE_AB_TESTING", &value)?;
        note(config, "features.ab_testing", "ENABLE_AB_TESTING");
    }
    apply_pseudonym_keys(config, &variable)?;
    apply_provider(config, &OPENAI, &variable)?;
    apply_provider(config, &ANTHROPIC, &variable)
}

/// Notes which variable has said what a key is.
fn note(config: &mut HelmConfig, key: &str, variable: &'static str) {
    config.overridden.insert(key.to_owned(), Origin::Environment { variable });
}

/// Reads the keys for pseudonyms that guardrails name.
fn apply_pseudonym_keys(config: &mut HelmConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    for (name, guardrails) in &mut config.guardrails {
        let Some(value) = guardrails.pseudonym_key_env.as_deref().and_then(variable) else { continue };
        let place = || format!("guardrails.{name}.pseudonym_key_env");
        let key = PseudonymKey::new(value).map_err(|error| Error::config(place(), error.to_string()))?;
        guardrails.pseudonym_key = Some(key);
    }
    Ok(())
}

fn environment(value: &str) -> Result<Environment> {
    match value.to_ascii_lowercase().as_str() {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        _ => Err(Error::config("ENVIRONMENT", format!("write development or production, not {value:?}"))),
    }
}

fn switch(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Error::config(name, format!("write true or false, not {value:?}"))),
    }
}

/// The variables that make `main` a model of a provider.
struct Provider {
    families: &'static [ModelFamily],
    key: &'static str,
    url: &'static str,
    model: &'static str,
    /// The model when the variables do not say.
    default: &'static str,
    /// What the provider's own tools leave out at the end of the address.
    path: &'static str,
}

const OPENAI: Provider = Provider {
    families: &[ModelFamily::OpenaiChat, ModelFamily::OpenaiResponses],
    key: OPENAI_KEY,
    url: "OPENAI_BASE_URL",
    model: "OPENAI_MODEL",
    default: DEFAULT_OPENAI_MODEL,
    path: "",
};

const ANTHROPIC: Provider = Provider {
    families: &[ModelFamily::Anthropic],
    key: ANTHROPIC_KEY,
    url: "ANTHROPIC_BASE_URL",
    model: "ANTHROPIC_MODEL",
    default: DEFAULT_ANTHROPIC_MODEL,
    path: "/v1",
};

/// A provider's key makes `main` a model of that provider, unless the file, or another provider's key, says what
/// `main` is. The other two variables say which model where, also for a `main` of that provider in the file.
fn apply_provider(
    config: &mut HelmConfig,
    provider: &Provider,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<()> {
    let main = ModelName::new("main")?;
    let key = variable(provider.key);
    if let (Some(_), Some(family), false) =
        (&key, provider.families.first(), config.models.contains_key(&main))
    {
        config.models.insert(main.clone(), provider.section(*family));
        for part in ["family", "key_env"] {
            note(config, &format!("models.main.{part}"), provider.key);
        }
    }
    let section = config.models.get_mut(&main).filter(|main| provider.families.contains(&main.family));
    let Some(section) = section else { return Ok(()) };
    if let Some(url) = variable(provider.url) {
        section.base_url = Some(provider.whole(url).into());
        // The address and the key of one environment belong together; a key is sent nowhere else unasked.
        if key.is_some() && section.key_file.is_none() {
            section.key_env.get_or_insert_with(|| provider.key.to_owned());
        }
    }
    if let Some(model) = variable(provider.model) {
        section.model = Some(model);
    }
    for (part, name) in [("base_url", provider.url), ("model", provider.model)] {
        if variable(name).is_some() {
            note(config, &format!("models.main.{part}"), name);
        }
    }
    Ok(())
}

impl Provider {
    fn section(&self, family: ModelFamily) -> ModelSection {
        let model = Some(self.default.to_owned());
        ModelSection { model, key_env: Some(self.key.to_owned()), ..ModelSection::new(family) }
    }

    /// The address as the configuration wants it.
    fn whole(&self, url: String) -> String {
        let bare = url.trim_end_matches('/');
        if bare.ends_with(self.path) || url.contains(['?', '#']) {
            url
        } else {
            format!("{bare}{}", self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<HelmConfig> {
        let mut config = HelmConfig::standard()?;
        let find =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        apply(&mut config, &find)?;
        Ok(config)
    }

    #[test]
    fn every_plain_name_has_its_effect() {
        let config = load(&[
            ("ENVIRONMENT", "production"),
            ("LOG_LEVEL", "debug"),
            ("DATABASE_URL", "sqlite:///tmp/x.db"),
            ("REDIS_URL", "redis://localhost"),
            ("ENABLE_VECTOR_SEARCH", "false"),
            ("ENABLE_AB_TESTING", "0"),
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
            ("OPENAI_MODEL", "m"),
        ]);
        let config = config.unwrap();
        assert_eq!(config.environment, Some(Environment::Production));
        assert_eq!(config.log.level.as_deref(), Some("debug"));
        assert_eq!(config.store.url.expose(), "sqlite:///tmp/x.db");
        assert_eq!(config.store.redis_url, Some("redis://localhost".into()));
        assert!(!config.features.vector_search && !config.features.ab_testing);
        let main = &config.models[&ModelName::new("main").unwrap()];
        assert_eq!(main.family, ModelFamily::OpenaiChat);
        assert_eq!(main.base_url, Some("http://127.0.0.1:1/v1".into()));
        assert_eq!(main.model.as_deref(), Some("m"));
    }

    #[test]
    fn a_key_alone_makes_main_that_provider() {
        let main =
            |pairs: &[(&str, &str)]| load(pairs).unwrap().models[&ModelName::new("main").unwrap()].clone();
        let claude = main(&[("ANTHROPIC_API_KEY", "k")]);
        assert_eq!((claude.family, claude.base_url), (ModelFamily::Anthropic, None));
        assert_eq!(claude.model.as_deref(), Some(DEFAULT_ANTHROPIC_MODEL));
        // The address as Anthropic's own tools take it.
        for url in ["http://127.0.0.1:1", "http://127.0.0.1:1/", "http://127.0.0.1:1/v1"] {
            let pairs = [("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", url), ("ANTHROPIC_MODEL", "m")];
            let elsewhere = main(&pairs);
            assert_eq!(elsewhere.base_url, Some("http://127.0.0.1:1/v1".into()));
            assert_eq!(elsewhere.model.as_deref(), Some("m"));
        }
        // With two keys the first provider is `main`, and the other's variables leave it alone.
        let both = main(&[("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k"), ("ANTHROPIC_MODEL", "m")]);
        assert_eq!(
            (both.family, both.model.as_deref()),
            (ModelFamily::OpenaiChat, Some(DEFAULT_OPENAI_MODEL))
        );
    }

    #[test]
    fn an_unset_or_empty_environment_changes_nothing() {
        let config = load(&[("OPENAI_API_KEY", ""), ("OPENAI_MODEL", "m")]).unwrap();
        assert!(config.models.is_empty());
    }

    #[test]
    fn a_switch_that_is_neither_is_refused() {
        for (name, value) in [("ENABLE_AB_TESTING", "maybe"), ("ENVIRONMENT", "prod")] {
            let error = load(&[(name, value)]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
