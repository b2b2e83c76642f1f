use std::path::Path;

use helm_llm::{RedactedUrl, Secret};

use super::models::Place;
use super::strategies::read;
use crate::error::{Error, Result};

/// The environment variable that holds OpenAI's key.
pub(super) const OPENAI_KEY: &str = "OPENAI_API_KEY";
/// The environment variable that holds Anthropic's key.
pub(super) const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";

/// The providers by their origins, and who gets which key unasked.
const PROVIDERS: [(&str, &str, &str); 2] = [
    ("https://api.openai.com", "openai", OPENAI_KEY),
    ("https://api.anthropic.com", "anthropic", ANTHROPIC_KEY),
];

/// Who is at an address of its own.
pub(super) fn provider_at(url: &RedactedUrl) -> Option<&'static str> {
    PROVIDERS.iter().find(|(origin, ..)| is_at(url, origin)).map(|(_, provider, _)| *provider)
}

/// The variable whose key a provider gets at its own address unasked.
pub(super) fn own_key(url: &RedactedUrl) -> Option<&'static str> {
    PROVIDERS.iter().find(|(origin, ..)| is_at(url, origin)).map(|(.., name)| *name)
}

/// Where a key may be written.
pub(super) struct KeyPlaces<'a> {
    pub(super) env: Option<&'a str>,
    pub(super) file: Option<&'a Path>,
}

/// The key that is named. Unnamed, a provider gets its own at its own address; nobody else is sent a key unasked.
pub(super) fn key(places: &KeyPlaces<'_>, url: &RedactedUrl, place: &Place<'_>) -> Result<Option<Secret>> {
    let text = match (places.file, places.env.or(own_key(url))) {
        (Some(_), Some(_)) if places.env.is_some() => {
            return Err(place.wrong("give either key_env or key_file, not both"));
        }
        (Some(file), _) => read(&place.folder.join(file))?,
        (None, Some(name)) => key_in(name, place)?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    match text.is_empty() {
        true => Err(place.wrong("its key is empty")),
        false => Ok(Some(Secret::new(text))),
    }
}

/// Whether an address is of this origin, and not of one whose name only begins like it.
fn is_at(url: &RedactedUrl, origin: &str) -> bool {
    let rest = url.expose().strip_prefix(origin);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

fn key_in(name: &str, place: &Place<'_>) -> Result<String> {
    // Whoever writes the key where its name belongs must not find it in a log.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let message = "write the name of an environment variable (letters, digits and _), not the key itself";
        return Err(Error::config(format!("{}.key_env", place.path), message));
    }
    (place.variable)(name)
        .ok_or_else(|| place.wrong(format!("the environment variable {name} with its key is not set")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_begins_like_a_provider_is_another() {
        let at = |url: &str| is_at(&url.into(), "https://api.openai.com");
        assert!(at("https://api.openai.com") && at("https://api.openai.com/v1"));
        assert!(!at("https://api.openai.com.example.net/v1") && !at("https://api.openai.com@example.net/"));
        assert!(!at("http://api.openai.com/v1"));
    }
}
