use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd};
use helm_llm::{Call, ChatModel, ChatResponse, OutputSchema};
use serde_json::json;

use super::asking::{JudgeOptions, Question, form};
use super::prompt::of_rubric;
use super::verdict::{self, LevelVerdict};
use super::{Judged, Judging, Rubric};
use crate::error::{Error, Result};
use crate::evaluators::scored;
use crate::exchange::Exchange;
use crate::stats::Isotonic;

/// Which level of a rubric does the answer reach?
///
/// The lowest level scores 0, the highest 1. Where the [probabilities](JudgeOptions::log_probabilities) of tokens are told, the
/// score is the expected level (Liu et al., "G-Eval", 2023) and the confidence falls with its variance; otherwise the confidence
/// is .6. [Calibrated](Self::calibrated), the score is what people say of answers of that level.
///
/// Fails on answers that can only be judged with knowledge that the judge has not, and favours answers of its own model.
pub struct Judge {
    name: EvaluatorName,
    rubric: Rubric,
    model: Arc<dyn ChatModel>,
    options: JudgeOptions,
    form: OutputSchema,
    calibration: Option<Isotonic>,
}

impl Judge {
    /// How sure a level is of which no probabilities are told.
    pub const PLAIN_CONFIDENCE: f64 = 0.6;

    /// A judge of this name.
    ///
    /// # Errors
    ///
    /// Fails when `name` is not an evaluator's name.
    pub fn new(name: &str, rubric: Rubric, model: Arc<dyn ChatModel>) -> Result<Self> {
        let levels: Vec<usize> = (1..=rubric.levels().len()).collect();
        let schema = json!({
            "type": "object",
            "properties": {
                "evidence": { "type": "string" },
                "level": { "type": "integer", "enum": levels },
                "code": { "type": "string" },
            },
            "required": ["evidence", "level", "code"],
            "additionalProperties": false,
        });
        let (name, form) = (EvaluatorName::new(name)?, form("verdict", schema)?);
        Ok(Self { name, rubric, model, options: JudgeOptions::default(), form, calibration: None })
    }

    /// Sets how it asks, and what that may cost.
    #[must_use]
    pub fn with_options(mut self, options: JudgeOptions) -> Self {
        self.options = options;
        self
    }

    /// Brings scores to the scale of people: of rated answers, what this judge said of them without a calibration, and what
    /// people said, both from 0 to 1. With fewer than 30 the curve is drawn towards the fitted straight line by more than half.
    ///
    /// # Errors
    ///
    /// Fails for lists of different length, fewer than 2 ratings, and values that are no numbers.
    pub fn calibrated(mut self, said: &[f64], people: &[f64]) -> Result<Self> {
        if said.len() < 2 {
            return Err(Error::TooFew { what: "calibrating a judge", least: 2, found: said.len() });
        }
        self.calibration = Some(Isotonic::fit(said, people, 30.0)?);
        Ok(self)
    }

    fn question(&self, exchange: &Exchange<'_>) -> Question<'_> {
        Question {
            model: &*self.model,
            options: self.options,
            prompt: of_rubric(&self.rubric, exchange),
            form: self.form.clone(),
        }
    }

    fn verdict(&self, verdict: LevelVerdict, response: &ChatResponse) -> Judged {
        let levels = self.rubric.levels().len();
        let (level, confidence) = match verdict::expectation(&response.finish.tokens, levels) {
            Some((mean, variance)) => {
                // The greatest variance is that of both ends alike.
                let greatest = ((levels - 1) as f64 / 2.0).powi(2);
                (mean, 1.0 - variance / greatest)
            }
            None => (f64::from(verdict.level), Self::PLAIN_CONFIDENCE),
        };
        let value = self.rubric.value(level);
        let value = self.calibration.as_ref().map_or(value, |curve| curve.apply(value));
        Judged::free(scored(value, confidence, || verdict.evidence))
    }
}

#[async_trait]
impl Judging for Judge {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn identity(&self) -> String {
        let (model, options) = (self.model.name(), self.options.identity());
        let calibration = self.calibration.as_ref().map_or_else(String::new, |curve| format!("{curve:?}"));
        format!(
            "judge/1/{model}/{options}/{}/{:?}/{calibration}",
            self.rubric.question(),
            self.rubric.levels()
        )
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        self.question(exchange).most()
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        let question = self.question(exchange);
        let (code, levels) = (question.prompt.code.clone(), self.rubric.levels().len());
        let asked = question.ask(call, |text| verdict::level(text, &code, levels)).await;
        asked.judged(|verdict, response| self.verdict(verdict, response))
    }
}
