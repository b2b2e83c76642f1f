//! MCP servers, as the configuration writes them.

use std::path::PathBuf;
use std::time::Duration;

use helm_llm::RedactedUrl;
use serde::{Deserialize, Serialize};

#[cfg(feature = "mcp")]
pub(super) use with::server;

/// An MCP server, whose tools models call through their task's `mcp`: a program that is started here, or an address.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct McpSection {
    /// The program and its arguments.
    pub command: Option<Vec<String>>,
    /// Names of environment variables that the program is told of, beside `PATH` and the like. Default: none.
    pub environment: Vec<String>,
    /// The address, which is spoken to over HTTP.
    #[schemars(with = "Option<String>")]
    pub url: Option<RedactedUrl>,
    /// The environment variable that holds the key of the address, sent as a bearer token. Default: no key.
    pub key_env: Option<String>,
    /// The file that holds the key.
    pub key_file: Option<PathBuf>,
    /// Which of its tools are used, by its own names. Default: all.
    pub tools: Option<Vec<String>>,
    /// How long one call may take, in seconds. Default: 30.
    pub timeout_seconds: Option<f64>,
}

/// How long one call may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(feature = "mcp")]
mod with {
    use helm_core::ToolName;
    use helm_llm::{McpConfig, McpPlace, Secret};

    use super::super::keys::{KeyPlaces, key};
    use super::super::models::Place;
    use super::McpSection;
    use crate::error::Result;

    /// The server of a section. Nothing is started and nothing sent.
    pub(in crate::config) fn server(
        name: &ToolName,
        section: &McpSection,
        place: &Place<'_>,
    ) -> Result<McpConfig> {
        let keyed = section.key_env.is_some() || section.key_file.is_some();
        let at = match (&section.command, &section.url) {
            (Some(_), None) if keyed => {
                return Err(place.wrong("a program has no key; name its variables in environment"));
            }
            (Some(command), None) if command.first().is_some_and(|program| !program.is_empty()) => {
                McpPlace::Program { command: command.clone(), environment: environment(section, place)? }
            }
            (None, Some(url)) if section.environment.is_empty() => {
                let keys = KeyPlaces { env: section.key_env.as_deref(), file: section.key_file.as_deref() };
                McpPlace::Address { url: url.clone(), key: key(&keys, url, place)? }
            }
            (None, Some(_)) => return Err(place.wrong_at("environment", "only a program has one")),
            _ => return Err(place.wrong("write either command = [\"PROGRAM\", …] or url = \"…\"")),
        };
        let mut config = McpConfig::new(name.clone(), at);
        config.tools.clone_from(&section.tools);
        config.timeout = place.seconds("timeout_seconds", section.timeout_seconds, config.timeout)?;
        Ok(config)
    }

    fn environment(section: &McpSection, place: &Place<'_>) -> Result<Vec<(String, Secret)>> {
        let value = |name: &String| {
            let value = (place.variable)(name).ok_or_else(|| {
                place.wrong_at("environment", format!("the environment variable {name} is not set"))
            })?;
            Ok((name.clone(), Secret::new(value)))
        };
        section.environment.iter().map(value).collect()
    }
}
