use async_trait::async_trait;
use helm_core::{Category, Severity, UnitInterval};
use serde_json::{Value, json};

use super::{CheckError, CheckRequest, RemoteCheck, Transport};
use crate::finding::Finding;

/// Asks a moderation endpoint of OpenAI's form: `{"model", "input"}` is sent, and of
/// `{"results": [{"category_scores": {…}}]}` each score is a finding of [`Category::Toxicity`] with the category's name in
/// capitals as its entity, such as `HARASSMENT_THREATENING`. A rule's threshold decides which scores count.
pub struct ModerationCheck<T> {
    id: String,
    model: String,
    transport: T,
}

impl<T: Transport> ModerationCheck<T> {
    /// Asks with this model, such as `omni-moderation-latest`.
    #[must_use]
    pub fn new(model: impl Into<String>, transport: T) -> Self {
        Self { id: "moderation".to_owned(), model: model.into(), transport }
    }

    /// What it is called in results. Default: `moderation`.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }
}

#[async_trait]
impl<T: Transport> RemoteCheck for ModerationCheck<T> {
    fn id(&self) -> &str {
        &self.id
    }

    fn categories(&self) -> &[Category] {
        &[Category::Toxicity]
    }

    fn settings(&self) -> String {
        self.model.clone()
    }

    async fn check(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, CheckError> {
        let body = json!({ "model": self.model, "input": request.text });
        let answer = self.transport.send(body).await?;
        let scores = answer.pointer("/results/0/category_scores").and_then(Value::as_object);
        let scores = scores.ok_or(CheckError::Answer("it has no results[0].category_scores"))?;
        scores.iter().map(|(name, score)| finding(Category::Toxicity, name, score)).collect()
    }
}

/// A property of the whole text with a score.
pub(super) fn finding(category: Category, name: &str, score: &Value) -> Result<Finding, CheckError> {
    let score = score.as_f64().and_then(|score| UnitInterval::new(score).ok());
    let score = score.ok_or(CheckError::Answer("a score is no number from 0 to 1"))?;
    let severity = match score.get() {
        high if high >= 0.8 => Severity::High,
        medium if medium >= 0.5 => Severity::Medium,
        _ => Severity::Low,
    };
    Ok(Finding::new(category, entity(name), None, severity).with_score(score))
}

/// A label as an entity.
pub(super) fn entity(name: &str) -> String {
    let letter = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}
