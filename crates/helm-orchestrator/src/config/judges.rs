//! Model judges, as the configuration writes them.

use std::sync::Arc;

use helm_core::{EvaluatorName, NanoUsd, Probability, TokenCount, UnitInterval};
use helm_eval::judge::{Cascade, Judge, JudgeOptions, Judging, Rubric};
use helm_llm::ChatModel;
use serde::{Deserialize, Serialize};

use super::models::Place;
use crate::error::{Error, Result};
use crate::inner::no_such;
use crate::judges::TaskJudge;

/// A model that judges turns, for rewards to name among their terms.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct JudgeSection {
    /// A name under `models`.
    pub model: String,
    /// A stronger model that is asked where the first is less sure than `sure`. Default: none.
    pub strong_model: Option<String>,
    /// From 0 to 1. Default: 0.7.
    pub sure: Option<f64>,
    /// What is judged, in words. Default: how well the answer does what was asked.
    pub question: Option<String>,
    /// What each level means, the worst first; two to ten. Needed with a question.
    pub levels: Vec<String>,
    /// Which share of the turns is judged in any case. Default: 0.1.
    pub rate: Option<f64>,
    /// Which share of the turns is judged whose scores disagree. Default: 0.5.
    pub uncertain_rate: Option<f64>,
    /// Below how many rewards a strategy is so new that all its turns are judged. Default: 20.
    pub new_strategy_turns: Option<u64>,
    /// What one judgement may cost at most. Default: 0.01, where the model's prices are known.
    pub max_dollars: Option<f64>,
    /// What all judgements of a day and tenant may cost. Default: 1, where the model's prices are known.
    pub dollars_per_day: Option<f64>,
    /// How long a judgement may take. Default: 30.
    pub timeout_seconds: Option<f64>,
    /// The most tokens of a verdict, reasoning included. Default: 400.
    pub max_output_tokens: Option<u64>,
    /// Whether to ask for the probabilities of tokens, which some servers refuse. Default: no.
    pub log_probabilities: bool,
}

/// The judge of a section. Nothing is sent.
pub(super) fn judge(
    name: &EvaluatorName,
    section: &JudgeSection,
    models: &[Arc<dyn ChatModel>],
    place: &Place<'_>,
) -> Result<TaskJudge> {
    let model = model(&section.model, "model", models, place)?;
    let priced = model.price(helm_core::Usage::default()).is_some();
    let money = |key: &str, given: Option<f64>, usual: f64| match given {
        None if !priced => Ok(None),
        given => dollars(given.unwrap_or(usual), key, place).map(Some),
    };
    let mut options =
        JudgeOptions::default().with_max_cost(money("max_dollars", section.max_dollars, 0.01)?).with_timeout(
            place.seconds("timeout_seconds", section.timeout_seconds, JudgeOptions::default().timeout)?,
        );
    if let Some(tokens) = section.max_output_tokens {
        options = options.with_max_output_tokens(TokenCount::new(tokens));
    }
    if section.log_probabilities {
        options = options.with_log_probabilities();
    }
    let rubric = rubric(section, place)?;
    let wrong = |error: helm_eval::Error| place.wrong(error.to_string());
    let single = |name: &str, model| {
        Ok::<_, Error>(Judge::new(name, rubric.clone(), model).map_err(wrong)?.with_options(options))
    };
    let judge: Arc<dyn Judging> = match &section.strong_model {
        None => Arc::new(single(name.as_str(), model)?),
        Some(strong) => {
            let strong = self::model(strong, "strong_model", models, place)?;
            let sure = section.sure.unwrap_or(0.7);
            let sure = UnitInterval::new(sure).map_err(|error| place.wrong_at("sure", error.to_string()))?;
            let [cheap, strong] = [single("cheap", model)?, single("strong", strong)?];
            Arc::new(Cascade::new(name.as_str(), Arc::new(cheap), Arc::new(strong), sure).map_err(wrong)?)
        }
    };
    let share = |key: &str, given: f64| {
        Probability::new(given)
            .map_err(|_| place.wrong_at(key, format!("write a number from 0 to 1, not {given}")))
    };
    let mut task_judge =
        TaskJudge::new(judge)?.with_dollars_per_day(money("dollars_per_day", section.dollars_per_day, 1.0)?);
    if let Some(rate) = section.rate {
        task_judge = task_judge.with_rate(share("rate", rate)?);
    }
    if let Some(rate) = section.uncertain_rate {
        task_judge = task_judge.with_uncertain_rate(share("uncertain_rate", rate)?);
    }
    if let Some(turns) = section.new_strategy_turns {
        task_judge = task_judge.with_new_strategy_turns(turns);
    }
    task_judge.check().map_err(|message| place.wrong(message))?;
    Ok(task_judge)
}

fn rubric(section: &JudgeSection, place: &Place<'_>) -> Result<Rubric> {
    let rubric = match (&section.question, section.levels.is_empty()) {
        (None, true) => Rubric::helpfulness(),
        (Some(question), false) => Rubric::new(question.as_str(), section.levels.iter().cloned()),
        _ => return Err(place.wrong("give both question and levels, or neither")),
    };
    rubric.map_err(|error| place.wrong(error.to_string()))
}

fn model(
    wanted: &str,
    key: &str,
    models: &[Arc<dyn ChatModel>],
    place: &Place<'_>,
) -> Result<Arc<dyn ChatModel>> {
    let found = models.iter().find(|model| model.name().as_str() == wanted);
    let absent = || no_such("models", wanted, models.iter().map(ChatModel::name));
    found.cloned().ok_or_else(|| place.wrong_at(key, absent()))
}

fn dollars(given: f64, key: &str, place: &Place<'_>) -> Result<NanoUsd> {
    let dollars = NanoUsd::from_dollars(given).ok().filter(|dollars| dollars.nanos() > 0);
    dollars.ok_or_else(|| place.wrong_at(key, format!("write a number of dollars above 0, not {given}")))
}
