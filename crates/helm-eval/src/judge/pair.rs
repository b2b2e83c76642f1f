use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd, NotScored, ScoreOutcome};
use helm_llm::{Call, ChatModel, OutputSchema};
use serde_json::json;

use super::asking::{JudgeOptions, Question, form};
use super::judging::sum;
use super::prompt::of_pair;
use super::verdict::{self, Better, PairVerdict};
use super::{Judged, Judging};
use crate::error::{Error, Result};
use crate::evaluators::scored;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs};

/// Is the answer better than another one?
///
/// The model is asked twice, with the answers in both orders. When it prefers the same answer both times the score is 1 or 0
/// with a confidence of .8; one preference and a tie are .75 or .25 with .5; a tie twice is .5 with .6; and when its preference
/// goes with the order, .5 with .1: that says something of the judge, and nothing of the answers.
///
/// As [`Judging`] it compares with the [reference](Exchange::reference), which it needs.
pub struct PairJudge {
    name: EvaluatorName,
    question: String,
    model: Arc<dyn ChatModel>,
    options: JudgeOptions,
    form: OutputSchema,
}

impl PairJudge {
    /// A judge of what decides between answers, in words.
    ///
    /// # Errors
    ///
    /// Fails when `name` is not an evaluator's name, and for a question without words.
    pub fn new(name: &str, question: impl Into<String>, model: Arc<dyn ChatModel>) -> Result<Self> {
        let question = question.into();
        if question.trim().is_empty() {
            return Err(Error::InvalidSpec { message: "a judge of pairs needs a question".to_owned() });
        }
        let schema = json!({
            "type": "object",
            "properties": {
                "evidence": { "type": "string" },
                "winner": { "type": "string", "enum": ["A", "B", "tie"] },
                "code": { "type": "string" },
            },
            "required": ["evidence", "winner", "code"],
            "additionalProperties": false,
        });
        let (name, form) = (EvaluatorName::new(name)?, form("comparison", schema)?);
        Ok(Self { name, question, model, options: JudgeOptions::default(), form })
    }

    /// Sets how it asks, and what that may cost: [`max_cost`](JudgeOptions::max_cost) is of both orders together.
    #[must_use]
    pub fn with_options(mut self, options: JudgeOptions) -> Self {
        self.options = options;
        self
    }

    /// How much better the exchange's response is than another answer to the same request: 1 is better, 0 worse.
    pub async fn compare(&self, exchange: &Exchange<'_>, other: &str, call: &Call) -> Judged {
        let forth = self.asked(exchange, exchange.response, other, call).await;
        let first = forth.judged(|verdict, _| Judged::free(direction(&verdict, false)));
        let ScoreOutcome::Scored(own) = &first.outcome else { return first };
        let back = self.asked(exchange, other, exchange.response, call).await;
        let second = back.judged(|verdict, _| Judged::free(direction(&verdict, true)));
        let ScoreOutcome::Scored(swapped) = &second.outcome else { return second.after([&first]) };
        let (a, b) = (own.value.get(), swapped.value.get());
        let confidence = match (a, b) {
            _ if a == b && a == 0.5 => 0.6,
            _ if a == b => 0.8,
            _ if a == 0.5 || b == 0.5 => 0.5,
            _ => 0.1,
        };
        let why = if confidence < 0.2 { None } else { own.rationale.clone() };
        let why = why.unwrap_or_else(|| "the preference goes with the order".to_owned());
        Judged::free(scored(0.5 * (a + b), confidence, || why)).after([&first, &second])
    }

    fn question(&self, exchange: &Exchange<'_>, first: &str, second: &str) -> Question<'_> {
        // Both orders share what may be spent.
        let half = self.options.max_cost.map(|most| NanoUsd::from_nanos(most.nanos() / 2));
        Question {
            model: &*self.model,
            options: self.options.with_max_cost(half),
            prompt: of_pair(&self.question, exchange, first, second),
            form: self.form.clone(),
        }
    }

    async fn asked(
        &self,
        exchange: &Exchange<'_>,
        first: &str,
        second: &str,
        call: &Call,
    ) -> super::asking::Asked<PairVerdict> {
        let question = self.question(exchange, first, second);
        let code = question.prompt.code.clone();
        question.ask(call, |text| verdict::pair(text, &code)).await
    }
}

/// What a verdict says of the response, which stood first or, swapped, second.
fn direction(verdict: &PairVerdict, swapped: bool) -> ScoreOutcome {
    let value = match (verdict.winner, swapped) {
        (Better::Tie, _) => 0.5,
        (Better::A, false) | (Better::B, true) => 1.0,
        (Better::B, false) | (Better::A, true) => 0.0,
    };
    scored(value, 0.5, || verdict.evidence.clone())
}

#[async_trait]
impl Judging for PairJudge {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Reference])
    }

    fn identity(&self) -> String {
        format!("pair/1/{}/{}/{}", self.model.name(), self.options.identity(), self.question)
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        let other = exchange.reference.unwrap_or_default();
        let [forth, back] = [(exchange.response, other), (other, exchange.response)]
            .map(|(first, second)| self.question(exchange, first, second).most());
        sum(forth, back)
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        match exchange.reference {
            Some(reference) => self.compare(exchange, reference, call).await,
            None => Judged::free(ScoreOutcome::NotScored(NotScored::Missing(Need::Reference.to_string()))),
        }
    }
}
