use super::sections::LogSection;
use crate::error::{Error, Result};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogSection {
    /// The level or filter that is configured, in the words of `tracing`: a level, or `target=level` as often as
    /// wanted, separated by commas.
    ///
    /// # Errors
    ///
    /// Fails when a level is none, which a filter would take for the name of a target that nothing has.
    pub fn filter(&self) -> Result<Option<String>> {
        let Some(given) = &self.level else { return Ok(None) };
        let parts: Option<Vec<String>> = given.split(',').map(|part| directive(part.trim())).collect();
        let parts = parts.ok_or_else(|| {
            let levels = LEVELS.join(", ");
            let message = format!("{given:?} is no level; write one of {levels}, or a filter such as helm_store=debug,info (LOG_LEVEL overrides the file)");
            Error::config("log.level", message)
        })?;
        Ok(Some(parts.join(",")))
    }
}

fn directive(part: &str) -> Option<String> {
    match part.rsplit_once('=') {
        // A filter by a span's fields has its own grammar, which the subscriber checks.
        _ if part.contains('[') => Some(part.to_owned()),
        Some((target, name)) if !target.is_empty() => Some(format!("{target}={}", level(name)?)),
        Some(_) => None,
        None => level(part).map(str::to_owned),
    }
}

fn level(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let name = if name == "warning" { "warn" } else { name.as_str() };
    LEVELS.into_iter().find(|level| *level == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_levels() {
        let filter = |level: &str| LogSection { level: Some(level.to_owned()), format: None }.filter();
        for (given, expected) in [
            ("WARNING", "warn"),
            ("Info", "info"),
            ("helm_store=DEBUG, warning", "helm_store=debug,warn"),
            ("[turn{task=support}]=debug", "[turn{task=support}]=debug"),
        ] {
            assert_eq!(filter(given).unwrap().as_deref(), Some(expected));
        }
        for bad in ["verbose", "", "=", "helm_store=loud", "helm_store"] {
            let error = filter(bad).unwrap_err().to_string();
            assert!(error.contains("log.level") && error.contains("error, warn, info"), "{error}");
        }
    }
}
