use async_trait::async_trait;
use helm_core::Category;
use serde_json::{Value, json};

use super::moderation::{entity, finding};
use super::{CheckError, CheckRequest, RemoteCheck, Transport};
use crate::finding::Finding;

/// Asks a server of text classifiers of Hugging Face's form: `{"inputs"}` is sent, and of `[[{"label", "score"}, …]]` (or
/// without the outer list) each label that counts is a finding with the label in capitals as its entity.
pub struct ClassifierCheck<T> {
    id: String,
    category: [Category; 1],
    labels: Vec<String>,
    transport: T,
}

impl<T: Transport> ClassifierCheck<T> {
    /// Asks for `category`; of the answer these labels count, such as `INJECTION` and not `SAFE`.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        category: Category,
        labels: impl IntoIterator<Item = impl Into<String>>,
        transport: T,
    ) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        Self { id: id.into(), category: [category], labels, transport }
    }
}

#[async_trait]
impl<T: Transport> RemoteCheck for ClassifierCheck<T> {
    fn id(&self) -> &str {
        &self.id
    }

    fn categories(&self) -> &[Category] {
        &self.category
    }

    fn entities(&self) -> Vec<String> {
        self.labels.iter().map(|label| entity(label)).collect()
    }

    fn settings(&self) -> String {
        self.labels.join(" ")
    }

    async fn check(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, CheckError> {
        let answer = self.transport.send(json!({ "inputs": request.text })).await?;
        let answers = match answer.get(0) {
            Some(Value::Array(answers)) => answers,
            _ => answer.as_array().ok_or(CheckError::Answer("it is no list of labels"))?,
        };
        let [category] = self.category;
        let mut findings = Vec::new();
        for answer in answers {
            let label = answer.get("label").and_then(Value::as_str);
            let label = label.ok_or(CheckError::Answer("an entry has no label"))?;
            if self.labels.iter().any(|wanted| wanted == label) {
                findings.push(finding(category, label, answer.get("score").unwrap_or(&Value::Null))?);
            }
        }
        Ok(findings)
    }
}
