//! Checks of guardrails that somebody else makes, as the configuration writes them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{Category, Message, Role, Stage, TenantId, TokenCount};
use helm_guardrails::{
    CheckError, ClassifierCheck, JudgeCheck, ModerationCheck, OnError, RemoteCheck, RemoteLimits, Transport,
};
use helm_llm::{Call, ChatModel, ChatRequest, EndpointError, JsonEndpoint, RedactedUrl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::keys::{KeyPlaces, key};
use super::models::Place;
use crate::error::Result;
use crate::inner::no_such;

/// A check that somebody else makes, for guardrails to name under `checks`.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CheckSection {
    /// Who makes it.
    pub kind: CheckKind,
    /// Where it is asked. Of `moderation` and `classifier`. Default of `moderation`:
    /// `https://api.openai.com/v1/moderations`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub url: Option<RedactedUrl>,
    /// The environment variable that holds the key, sent as a bearer token. Default: `OPENAI_API_KEY` at OpenAI's own
    /// address, and no key elsewhere.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds the key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Of `moderation`, what the provider calls its model (default: `omni-moderation-latest`); of `judge`, a name under
    /// `models`.
    #[serde(default)]
    pub model: Option<String>,
    /// Which category's rule what it finds is subject to. Of `classifier` and `judge`; `moderation` finds toxicity.
    /// Default: `remote`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub category: Option<Category>,
    /// Which labels of the answer count, such as `INJECTION` and not `SAFE`. Of `classifier`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What a text must not do, in words. Of `judge`.
    #[serde(default)]
    pub rule: Option<String>,
    /// How long it may take, waiting for its turn included, in seconds. Default: 2.
    #[serde(default)]
    pub timeout_seconds: Option<f64>,
    /// How many may be running at once in a process. Default: 16.
    #[serde(default)]
    pub concurrency: Option<usize>,
    /// Longer texts, in bytes, are not sent, which counts as a failure. Default: 65,536.
    #[serde(default)]
    pub max_bytes: Option<usize>,
    /// What is done when it fails: `open` or `closed`. Default: what the stage says.
    #[serde(default)]
    pub on_error: Option<OnError>,
    /// At which stages it is asked. Default: all that have a rule for its category.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub stages: Option<Vec<Stage>>,
}

/// Who makes a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckKind {
    /// A moderation endpoint of OpenAI's form.
    Moderation,
    /// A server of text classifiers of Hugging Face's form.
    Classifier,
    /// One of the configured models, by a rule in words.
    Judge,
}

impl CheckKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Moderation => "moderation",
            Self::Classifier => "classifier",
            Self::Judge => "judge",
        }
    }
}

pub(super) const MODERATIONS: &str = "https://api.openai.com/v1/moderations";
pub(super) const MODERATOR: &str = "omni-moderation-latest";
/// What a judge has to say is short; what a model thinks before counts too.
const VERDICT: u64 = 1_024;

/// A check and the limits that it is made within.
pub(super) type Limited = (Arc<dyn RemoteCheck>, RemoteLimits);
/// The configured checks by name.
pub(super) type Checks = BTreeMap<String, Limited>;

/// The check of a section. Nothing is sent.
pub(super) fn check(
    name: &str,
    section: &CheckSection,
    models: &[Arc<dyn ChatModel>],
    place: &Place<'_>,
) -> Result<Limited> {
    check_kind(section, place)?;
    let limits = limits(section, place)?;
    let category = section.category.unwrap_or(Category::Remote);
    let check: Arc<dyn RemoteCheck> = match section.kind {
        CheckKind::Moderation => {
            let model = section.model.clone().unwrap_or_else(|| MODERATOR.to_owned());
            Arc::new(ModerationCheck::new(model, posting(name, section, &limits, place)?).with_id(name))
        }
        CheckKind::Classifier => {
            let labels = section.labels.clone();
            Arc::new(ClassifierCheck::new(name, category, labels, posting(name, section, &limits, place)?))
        }
        CheckKind::Judge => {
            let rule = section.rule.clone().unwrap_or_default();
            let asking = Asking { model: judge(section, models, place)?, timeout: limits.timeout };
            Arc::new(JudgeCheck::new(name, category, rule, asking))
        }
    };
    Ok((check, limits))
}

/// Refuses settings that the kind has not, and misses those that it needs.
fn check_kind(section: &CheckSection, place: &Place<'_>) -> Result<()> {
    use CheckKind::{Classifier, Judge, Moderation};
    let kind = section.kind;
    for (key, given, of, needed_by) in [
        ("url", section.url.is_some(), &[Moderation, Classifier][..], &[Classifier][..]),
        ("key_env", section.key_env.is_some(), &[Moderation, Classifier], &[]),
        ("key_file", section.key_file.is_some(), &[Moderation, Classifier], &[]),
        ("model", section.model.is_some(), &[Moderation, Judge], &[Judge]),
        ("category", section.category.is_some(), &[Classifier, Judge], &[]),
        ("labels", !section.labels.is_empty(), &[Classifier], &[Classifier]),
        ("rule", section.rule.as_ref().is_some_and(|rule| !rule.trim().is_empty()), &[Judge], &[Judge]),
    ] {
        if given && !of.contains(&kind) {
            return Err(place.wrong_at(key, format!("a check of kind {} has no such setting", kind.as_str())));
        }
        if !given && needed_by.contains(&kind) {
            return Err(place.wrong(format!("a check of kind {} needs {key}", kind.as_str())));
        }
    }
    match section.concurrency {
        Some(0) => Err(place.wrong_at("concurrency", "write at least 1")),
        _ => Ok(()),
    }
}

fn limits(section: &CheckSection, place: &Place<'_>) -> Result<RemoteLimits> {
    let usual = RemoteLimits::default();
    let timeout = place.seconds("timeout_seconds", section.timeout_seconds, usual.timeout)?;
    let mut limits = RemoteLimits::default().with_timeout(timeout);
    limits.concurrency = section.concurrency.unwrap_or(usual.concurrency);
    limits.max_bytes = section.max_bytes.unwrap_or(usual.max_bytes);
    limits.on_error = section.on_error;
    limits.stages = section.stages.clone().unwrap_or(usual.stages);
    Ok(limits)
}

fn posting(name: &str, section: &CheckSection, limits: &RemoteLimits, place: &Place<'_>) -> Result<Posting> {
    let url = section.url.clone().unwrap_or_else(|| MODERATIONS.into());
    let keys = KeyPlaces { env: section.key_env.as_deref(), file: section.key_file.as_deref() };
    let key = key(&keys, &url, place)?;
    let endpoint = JsonEndpoint::new(&url, key.as_ref(), limits.timeout);
    let endpoint = endpoint.map_err(|error| place.wrong_at("url", error.replace("base_url", "url")))?;
    Ok(Posting { name: name.to_owned(), endpoint })
}

fn judge(
    section: &CheckSection,
    models: &[Arc<dyn ChatModel>],
    place: &Place<'_>,
) -> Result<Arc<dyn ChatModel>> {
    let wanted = section.model.as_deref().unwrap_or_default();
    let found = models.iter().find(|model| model.name().as_str() == wanted);
    let absent = || no_such("models", wanted, models.iter().map(ChatModel::name));
    found.cloned().ok_or_else(|| place.wrong_at("model", absent()))
}

/// Asks an address.
struct Posting {
    name: String,
    endpoint: JsonEndpoint,
}

#[async_trait]
impl Transport for Posting {
    async fn send(&self, body: Value) -> Result<Value, CheckError> {
        let answer = self.endpoint.post(&body).await.map_err(|error| {
            // What it said may repeat the text.
            let status = match &error {
                EndpointError::Refused { status, .. } => Some(*status),
                _ => None,
            };
            tracing::warn!(check = self.name, status, "a check of the guardrails gave no answer");
            CheckError::Transport(Box::new(error))
        })?;
        serde_json::from_str(&answer).map_err(|_| CheckError::Answer("it is no JSON"))
    }
}

/// Asks a model.
struct Asking {
    model: Arc<dyn ChatModel>,
    timeout: Duration,
}

#[async_trait]
impl Transport for Asking {
    async fn send(&self, body: Value) -> Result<Value, CheckError> {
        let part = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let messages =
            vec![Message::text(Role::System, part("system")), Message::text(Role::User, part("user"))];
        let limit =
            self.model.capabilities().max_output_tokens.map_or(VERDICT, |most| most.get().min(VERDICT));
        let request = ChatRequest::new(messages).with_max_output_tokens(TokenCount::new(limit));
        let call = Call::new(TenantId::single()).with_deadline(Instant::now() + self.timeout);
        let answer = self.model.generate(&request, &call).await.map_err(|error| {
            tracing::warn!(model = %self.model.name(), kind = error.kind().as_str(), "a judge of the guardrails gave no answer");
            CheckError::Transport(Box::new(error))
        })?;
        Ok(Value::String(answer.text()))
    }
}
