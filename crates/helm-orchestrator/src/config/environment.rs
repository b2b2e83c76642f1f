use helm_core::ModelName;

use super::sections::{HelmConfig, ModelFamily, ModelSection};
use crate::error::{Error, Result};

/// The model that `OPENAI_API_KEY` alone asks for, when `OPENAI_MODEL` does not say.
const DEFAULT_OPENAI_MODEL: &str = "gpt-5-mini";

/// Applies the plain environment names. An empty value counts as not set.
pub(super) fn apply(config: &mut HelmConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(value) = variable("ENVIRONMENT") {
        config.environment = Some(value);
    }
    if let Some(value) = variable("LOG_LEVEL") {
        config.log.level = Some(value);
    }
    if let Some(value) = variable("DATABASE_URL") {
        config.store.url = value;
    }
    if let Some(value) = variable("REDIS_URL") {
        config.store.redis_url = Some(value);
    }
    if let Some(value) = variable("ENABLE_VECTOR_SEARCH") {
        config.features.vector_search = switch("ENABLE_VECTOR_SEARCH", &value)?;
    }
    if let Some(value) = variable("ENABLE_AB_TESTING") {
        config.features.ab_testing = switch("ENABLE_AB_TESTING", &value)?;
    }
    apply_openai(config, variable)
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
    if variable("OPENAI_API_KEY").is_some() {
        config.models.entry(main.clone()).or_insert_with(ModelSection::openai);
    }
    let Some(section) = config.models.get_mut(&main).filter(|m| m.family == ModelFamily::OpenaiChat) else {
        return Ok(());
    };
    if let Some(url) = variable("OPENAI_BASE_URL") {
        section.base_url = Some(url);
    }
    if let Some(model) = variable("OPENAI_MODEL") {
        section.model = Some(model);
    }
    Ok(())
}

impl ModelSection {
    fn openai() -> Self {
        Self {
            family: ModelFamily::OpenaiChat,
            base_url: None,
            model: Some(DEFAULT_OPENAI_MODEL.to_owned()),
            key_env: None,
            key_file: None,
            input_price: None,
            output_price: None,
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
        assert_eq!(config.environment.as_deref(), Some("production"));
        assert_eq!(config.log.level.as_deref(), Some("debug"));
        assert_eq!(config.store.url, "sqlite:///tmp/x.db");
        assert_eq!(config.store.redis_url.as_deref(), Some("redis://localhost"));
        assert!(!config.features.vector_search && !config.features.ab_testing);
        let main = &config.models[&ModelName::new("main").unwrap()];
        assert_eq!(main.family, ModelFamily::OpenaiChat);
        assert_eq!(main.base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
        assert_eq!(main.model.as_deref(), Some("m"));
    }

    #[test]
    fn an_unset_or_empty_environment_changes_nothing() {
        let config = load(&[("OPENAI_API_KEY", ""), ("OPENAI_MODEL", "m")]).unwrap();
        assert!(config.models.is_empty());
    }

    #[test]
    fn a_switch_that_is_neither_is_refused() {
        let error = load(&[("ENABLE_AB_TESTING", "maybe")]).unwrap_err();
        assert!(error.to_string().contains("ENABLE_AB_TESTING"), "{error}");
    }
}
