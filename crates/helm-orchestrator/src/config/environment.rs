use helm_core::ModelName;

use super::sections::{Environment, HelmConfig, ModelFamily, ModelSection};
use crate::error::{Error, Result};

/// The model that `OPENAI_API_KEY` alone asks for, when `OPENAI_MODEL` does not say.
const DEFAULT_OPENAI_MODEL: &str = "gpt-5-mini";
/// The environment variable that holds OpenAI's key.
pub(super) const OPENAI_KEY: &str = "OPENAI_API_KEY";

/// Applies the plain environment names. An empty value counts as not set.
pub(super) fn apply(config: &mut HelmConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(value) = variable("ENVIRONMENT") {
        config.environment = Some(environment(&value)?);
    }
    if let Some(value) = variable("LOG_LEVEL") {
        config.log.level = Some(value);
    }
    if let Some(value) = variable("DATABASE_URL") {
        config.store.url = value.into();
    }
    if let Some(value) = variable("REDIS_URL") {
        config.store.redis_url = Some(value.into());
    }
    if let Some(value) = variable("ENABLE_VECTOR_SEARCH") {
        config.features.vector_search = switch("ENABLE_VECTOR_SEARCH", &value)?;
    }
    if let Some(value) = variable("ENABLE_AB_TESTING") {
        config.features.ab_testing = switch("ENABLE_AB_TESTING", &value)?;
    }
    apply_openai(config, variable)
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

/// `OPENAI_API_KEY` makes `main` an OpenAI-compatible model unless the file says what `main` is;
/// `OPENAI_BASE_URL` and `OPENAI_MODEL` say which, also for a `main` of that family in the file.
fn apply_openai(config: &mut HelmConfig, variable: impl Fn(&str) -> Option<String>) -> Result<()> {
    let main = ModelName::new("main")?;
    if variable(OPENAI_KEY).is_some() {
        config.models.entry(main.clone()).or_insert_with(ModelSection::openai);
    }
    let Some(section) = config.models.get_mut(&main).filter(|m| m.family == ModelFamily::OpenaiChat) else {
        return Ok(());
    };
    if let Some(url) = variable("OPENAI_BASE_URL") {
        section.base_url = Some(url.into());
        // The address and the key of one environment belong together; a key is sent nowhere else unasked.
        if variable(OPENAI_KEY).is_some() && section.key_file.is_none() {
            section.key_env.get_or_insert_with(|| OPENAI_KEY.to_owned());
        }
    }
    if let Some(model) = variable("OPENAI_MODEL") {
        section.model = Some(model);
    }
    Ok(())
}

impl ModelSection {
    fn openai() -> Self {
        let model = Some(DEFAULT_OPENAI_MODEL.to_owned());
        Self { model, key_env: Some(OPENAI_KEY.to_owned()), ..Self::new(ModelFamily::OpenaiChat) }
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
