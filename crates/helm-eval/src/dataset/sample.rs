use std::collections::BTreeMap;

use helm_core::{Message, PolicyHash, Role};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::exchange::Exchange;

/// One turn as a line of a data set holds it. Fields that are not named here are passed over.
///
/// ```
/// use helm_eval::dataset::Sample;
///
/// let line = r#"{"id": 7, "user": "What is the capital of France?", "response": "Paris.", "reference": "Paris"}"#;
/// let sample: Sample = serde_json::from_str(line)?;
/// let passages = sample.passages();
/// assert_eq!(sample.exchange(&passages).reference, Some("Paris"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Sample {
    /// What it is called: a text or a number; null when it has no name.
    #[serde(default, deserialize_with = "name")]
    pub id: Value,
    /// The data set that it is from.
    #[serde(default)]
    pub source: Option<String>,
    /// The instructions the model had.
    #[serde(default)]
    pub system: Option<String>,
    /// What was said before: `context`, one turn a line. Who said which is not told.
    #[serde(default, rename = "context", deserialize_with = "turns")]
    pub history: Vec<Message>,
    /// What was asked.
    pub user: String,
    /// What was answered; `None` where a strategy is still to answer.
    #[serde(default)]
    pub response: Option<String>,
    /// Texts the answer should rest on: one text, or a list of them.
    #[serde(default, deserialize_with = "texts")]
    pub knowledge: Vec<String>,
    /// A known good answer.
    #[serde(default)]
    pub reference: Option<String>,
    /// What people said, by dimension, on the scale of the data set.
    #[serde(default, deserialize_with = "or_default")]
    pub human: BTreeMap<String, f64>,
    /// Who answered.
    #[serde(default)]
    pub model: Option<String>,
    /// Which pair of answers to one request it is a side of.
    #[serde(default, rename = "pair_id")]
    pub pair: Option<String>,
}

impl Sample {
    /// The knowledge, as [`exchange`](Self::exchange) takes it.
    #[must_use]
    pub fn passages(&self) -> Vec<&str> {
        self.knowledge.iter().map(String::as_str).collect()
    }

    /// The turn as evaluators see it; a missing response is an empty one.
    #[must_use]
    pub fn exchange<'a>(&'a self, passages: &'a [&'a str]) -> Exchange<'a> {
        let mut exchange = Exchange::new(&self.user, self.response.as_deref().unwrap_or_default())
            .with_history(&self.history)
            .with_passages(passages);
        exchange.system = self.system.as_deref();
        exchange.reference = self.reference.as_deref();
        exchange
    }

    /// Changes with everything that an answer is made or scored from, but not with the answer.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let before: Vec<String> = self.history.iter().map(Message::joined_text).collect();
        let asked = (&self.system, before, &self.user, &self.knowledge, &self.reference);
        PolicyHash::of(&format!("{asked:?}")).to_string()
    }

    /// What was asked, with what was said before: answers with equal requests can be compared.
    #[must_use]
    pub fn request(&self) -> String {
        let before = self.history.iter().map(Message::joined_text);
        before.chain([self.user.clone()]).collect::<Vec<_>>().join("\n")
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    match Value::deserialize(deserializer)? {
        id @ (Value::Null | Value::String(_) | Value::Number(_)) => Ok(id),
        _ => Err(serde::de::Error::custom("an id is a text or a number")),
    }
}

fn turns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Message>, D::Error> {
    let context: Option<String> = Option::deserialize(deserializer)?;
    let lines = context.as_deref().unwrap_or_default().lines().filter(|turn| !turn.trim().is_empty());
    Ok(lines.map(|turn| Message::text(Role::User, turn)).collect())
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "knowledge is a text or a list of texts")]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    let mut texts = match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Texts::One(text)) => vec![text],
        Some(Texts::Several(texts)) => texts,
    };
    texts.retain(|text| !text.trim().is_empty());
    Ok(texts)
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
