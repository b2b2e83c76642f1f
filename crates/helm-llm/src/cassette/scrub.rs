use reqwest::header::HeaderMap;
use serde_json::Value;

/// What stands where a secret stood.
const DOTS: &str = "…";
/// Names of fields that hold secrets whatever their value.
const SECRET_FIELDS: [&str; 8] = [
    "api_key",
    "apikey",
    "authorization",
    "access_token",
    "refresh_token",
    "password",
    "secret",
    "client_secret",
];
/// How keys of providers begin.
const KEY_BEGINNINGS: [&str; 4] = ["sk-", "sk_", "hk_", "xai-"];
/// What begins like a key and is shorter is a word.
const SHORTEST_KEY: usize = 12;

/// Takes the secrets of one request out of texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrubber {
    secrets: Vec<String>,
}

impl Scrubber {
    /// Knows the secrets in these headers, which are those marked as sensitive.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let sensitive = headers.values().filter(|value| value.is_sensitive());
        let texts = sensitive.filter_map(|value| value.to_str().ok());
        let keys = texts.map(|text| text.strip_prefix("Bearer ").unwrap_or(text).trim().to_owned());
        Self { secrets: keys.filter(|key| key.len() >= 4).collect() }
    }

    /// A text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let known = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, DOTS));
        without_keys(&known)
    }

    /// A value without secrets.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => {
                let clean =
                    fields.into_iter().map(|(name, value)| match is_secret(&name) && value.is_string() {
                        true => (name, Value::String(DOTS.to_owned())),
                        false => (name, self.value(value)),
                    });
                Value::Object(clean.collect())
            }
            other => other,
        }
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_FIELDS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// A text in which words that look like keys are dots.
fn without_keys(text: &str) -> String {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(begin) = rest.find(is_part) {
        let (before, word_on) = rest.split_at(begin);
        let (word, after) = word_on.split_at(word_on.find(|char| !is_part(char)).unwrap_or(word_on.len()));
        let is_key = word.len() >= SHORTEST_KEY && KEY_BEGINNINGS.iter().any(|start| word.starts_with(start));
        clean.push_str(before);
        clean.push_str(if is_key { DOTS } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn known_and_likely_secrets_are_taken_out() {
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_static("Bearer hunter2-hunter2");
        value.set_sensitive(true);
        headers.insert("authorization", value);
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let scrubber = Scrubber::of(&headers);
        let body = json!({ "a": ["my hunter2-hunter2"], "Api_Key": "x", "text": "sk-short, \"sk-0123456789abc\"", "n": 1 });
        let expected = json!({ "a": ["my …"], "Api_Key": "…", "text": "sk-short, \"…\"", "n": 1 });
        assert_eq!(scrubber.value(body), expected);
        assert_eq!(scrubber.text("application/json ☃"), "application/json ☃");
    }
}
