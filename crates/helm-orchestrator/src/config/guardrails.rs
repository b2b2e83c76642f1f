use std::sync::Arc;

use helm_guardrails::{GuardrailConfig, GuardrailEngine};

use super::checks::Checks;
use crate::error::{Error, Result};
use crate::inner::no_such;

/// The guardrails of a section, with the checks that they name.
pub(super) fn guardrails(name: &str, config: &GuardrailConfig, checks: &Checks) -> Result<GuardrailEngine> {
    let place = format!("guardrails.{name}");
    has_key(config, &place)?;
    let wrong = |error: helm_guardrails::Error| Error::config(place.clone(), error.to_string());
    let mut builder = config.builder().map_err(wrong)?;
    for wanted in &config.checks {
        let found = checks.get(wanted);
        let (check, limits) = found.ok_or_else(|| unknown_check(&place, wanted, checks.keys()))?;
        builder = builder.remote(Arc::clone(check), limits.clone());
    }
    builder.build().map_err(wrong)
}

/// Whether the key for pseudonyms is there where one is named.
pub(super) fn has_key(config: &GuardrailConfig, place: &str) -> Result<()> {
    match config.pseudonym_key_env.as_ref().filter(|_| config.pseudonym_key.is_none()) {
        None => Ok(()),
        Some(variable) => {
            let message = format!("the environment variable {variable} is not set");
            Err(Error::config(format!("{place}.pseudonym_key_env"), message))
        }
    }
}

pub(super) fn unknown_check<'a>(place: &str, wanted: &str, known: impl Iterator<Item = &'a String>) -> Error {
    Error::config(format!("{place}.checks"), no_such("checks", wanted, known))
}
