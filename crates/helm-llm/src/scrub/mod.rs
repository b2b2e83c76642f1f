//! Texts of providers and of requests without what opens a door: for errors that people read, and for cassettes.

mod likely;

use serde_json::Value;
use url::Url;

use crate::secret::Secret;

/// What stands where a secret stood.
pub(crate) const DOTS: &str = "…";
/// What is shorter is a word, and taking it out would say more than it hides.
const SHORTEST: usize = 4;

/// Takes known secrets out of texts, and what looks like one.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    /// The longest first, so that none is cut by a shorter one within it.
    known: Vec<String>,
}

impl Scrubber {
    /// Knows these secrets.
    pub(crate) fn knowing<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        secrets.into_iter().fold(Self::default(), |scrubber, secret| scrubber.and(secret.expose()))
    }

    /// Knows the credentials of an address, too: its user and password, and what its query says, but for versions.
    pub(crate) fn and_those_of(mut self, url: &Url) -> Self {
        let user = [Some(url.username()), url.password()].into_iter().flatten();
        for text in user {
            self = self.and(text).and(&decoded(text));
        }
        let written = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        for (_, value) in written.filter(|(name, _)| !name.to_ascii_lowercase().contains("version")) {
            self = self.and(value).and(&decoded(value));
        }
        self
    }

    /// Knows this text, also as it stands in JSON.
    pub(crate) fn and(mut self, secret: &str) -> Self {
        let quoted = Value::from(secret).to_string();
        for text in [secret, quoted.trim_matches('"')] {
            if text.len() >= SHORTEST && !self.known.iter().any(|known| known == text) {
                let place = self.known.partition_point(|known| known.len() > text.len());
                self.known.insert(place, text.to_owned());
            }
        }
        self
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let known = self.known.iter().fold(text.to_owned(), |text, secret| text.replace(secret, DOTS));
        likely::without(&known)
    }

    /// A value without secrets.
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => {
                let clean = fields.into_iter().map(|(name, value)| match &value {
                    Value::String(_) if likely::is_secret_field(&name) => {
                        (name, Value::String(DOTS.to_owned()))
                    }
                    _ => (name, self.value(value)),
                });
                Value::Object(clean.collect())
            }
            other => other,
        }
    }
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber(…)")
    }
}

/// A part of an address without its percent signs.
fn decoded(part: &str) -> String {
    let pair = format!("x={part}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_taken_out_wherever_it_stands() {
        let secrets = [Secret::new("hunter2"), Secret::new("hunter2-and-more"), Secret::new("x")];
        let scrubber = Scrubber::knowing(&secrets);
        assert_eq!(scrubber.text("x: hunter2, hunter2-and-more, HUNTER2"), "x: …, …, HUNTER2");
        assert!(!format!("{scrubber:?}").contains("hunter"));
    }

    #[test]
    fn values_are_clean_at_any_depth() {
        let scrubber = Scrubber::knowing(&[Secret::new("hunter2-\"-hunter2")]);
        let body = json!({ "a": ["my hunter2-\"-hunter2"], "Api_Key": "x", "n": 1, "key": "y", "b": "sk-0123456789abc" });
        let clean = json!({ "a": ["my …"], "Api_Key": "…", "n": 1, "key": "y", "b": "…" });
        assert_eq!(scrubber.value(body.clone()), clean);
        assert_eq!(serde_json::from_str::<Value>(&scrubber.text(&body.to_string())).unwrap(), clean);
    }

    #[test]
    fn an_addresses_credentials_are_known_as_they_are_written_and_as_they_are_meant() {
        let url = Url::parse("https://helm:p%40ssword@host/v1?code=a%2Bbcd&api-version=2024-10-21").unwrap();
        let scrubber = Scrubber::default().and_those_of(&url);
        let told = "helm p%40ssword p@ssword a%2Bbcd a+bcd 2024-10-21 host";
        assert_eq!(scrubber.text(told), "… … … … … 2024-10-21 host");
    }
}
