//! Model judges, as the configuration writes them.

use std::sync::Arc;

use helm_core::{EvaluatorName, NanoUsd, Probability, TokenCount, UnitInterval};
use helm_eval::Exchange;
use helm_eval::judge::{Capped, Cascade, Judge, JudgeOptions, Judging, PairJudge, Panel, Rubric};
use helm_llm::ChatModel;
use serde::{Deserialize, Serialize};

use super::models::Place;
use crate::error::Result;
use crate::inner::no_such;
use crate::judges::TaskJudge;

/// A model that judges turns, for rewards to name among their terms.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct JudgeSection {
    /// A name under `models`.
    pub model: Option<String>,
    /// Instead of one model, a panel: two or more names under `models`, of whose verdicts the median counts. Default: none.
    pub models: Vec<String>,
    /// A stronger model that is asked where the first is less sure than `sure`. Default: none.
    pub strong_model: Option<String>,
    /// From 0 to 1. Default: 0.7 with `log_probabilities`, else 0.6, by which the strong model is asked when the first has no
    /// verdict, or, of pairs, says another thing in the other order.
    pub sure: Option<f64>,
    /// Whether the answer is compared with the reference, in both orders, instead of put on a level. Only data sets have
    /// references: turns are not judged so. Default: no.
    pub pair: bool,
    /// What is judged, in words. Default: how well the answer does what was asked.
    pub question: Option<String>,
    /// What each level means, the worst first; two to ten. Needed with a question, but not for pairs.
    pub levels: Vec<String>,
    /// Which share of the turns is judged in any case. Default: 0.1.
    pub rate: Option<f64>,
    /// Which share of the turns is judged whose scores disagree. Default: 0.5.
    pub uncertain_rate: Option<f64>,
    /// Below how many rewards a strategy is so new that all its turns are judged. Default: 20.
    pub new_strategy_turns: Option<u64>,
    /// What one judgement may cost at most, by all models together. Default: 0.01, where all prices are known.
    pub max_dollars: Option<f64>,
    /// What all judgements of a day and tenant may cost. Default: 1, where all prices are known.
    pub dollars_per_day: Option<f64>,
    /// How many judgements there may be of a day and tenant. Default: no bound where all prices are known, else 1,000.
    pub judgements_per_day: Option<u64>,
    /// How long a model may take for a verdict. Default: 30.
    pub timeout_seconds: Option<f64>,
    /// The most tokens of a verdict, reasoning included. Default: 400.
    pub max_output_tokens: Option<u64>,
    /// Whether to ask for the probabilities of tokens, which some servers refuse. Default: no.
    pub log_probabilities: bool,
}

/// Which share of the turns is judged in any case.
pub(super) const RATE: f64 = 0.1;
/// Which share of the turns is judged whose scores disagree.
pub(super) const UNCERTAIN_RATE: f64 = 0.5;
/// Below how many rewards a strategy is new.
pub(super) const NEW_STRATEGY_TURNS: u64 = 20;

/// How sure the first of two judges must be unless somebody says otherwise.
pub(super) const fn usual_sureness(log_probabilities: bool) -> f64 {
    if log_probabilities { 0.7 } else { PLAIN }
}

/// Why a bound on dollars is refused.
const UNBOUNDED: &str = "what the model costs is not known, so no bound on dollars can hold; give the model input_price and \
    output_price (0 for one of your own), or leave the bound out";
/// How many judgements of a day a judge gives whose prices are not known.
pub(super) const UNPRICED: u64 = 1_000;
/// What one judgement may cost, where that can be known.
pub(super) const MAX_DOLLARS: f64 = 0.01;
/// What all judgements of a day may cost, where that can be known.
pub(super) const DOLLARS_PER_DAY: f64 = 1.0;
/// What decides between answers, unless something else is asked for.
pub(super) const BETTER: &str = "Which answer does better what the user asked? Correctness and completeness count; length, politeness and \
    formatting do not.";

/// The models that a section names.
pub(super) fn named(section: &JudgeSection) -> impl Iterator<Item = &str> {
    let all = section.model.iter().chain(&section.models).chain(&section.strong_model);
    all.map(String::as_str)
}

/// The judge of a section. Nothing is sent.
pub(super) fn judge(
    name: &EvaluatorName,
    section: &JudgeSection,
    models: &[Arc<dyn ChatModel>],
    place: &Place<'_>,
) -> Result<TaskJudge> {
    let members = Members::of(section, models, place)?;
    let priced = members.all().iter().all(|model| model.price(helm_core::Usage::default()).is_some());
    let money = |key: &str, given: Option<f64>, usual: f64| match given {
        None if !priced => Ok(None),
        Some(_) if !priced => Err(place.wrong_at(key, UNBOUNDED)),
        given => dollars(given.unwrap_or(usual), key, place).map(Some),
    };
    let max_cost = money("max_dollars", section.max_dollars, MAX_DOLLARS)?;
    let kind = Kind::of(section, max_cost, place)?;
    let judge = members.judge(name, section, &kind, place)?;
    let judge = match max_cost {
        Some(most) => {
            check_ever_asked(&*judge, most, place)?;
            Arc::new(Capped::new(judge, most)) as Arc<dyn Judging>
        }
        None => judge,
    };
    let judgements = section.judgements_per_day.or((!priced).then_some(UNPRICED));
    let mut task_judge = TaskJudge::new(judge)?
        .with_dollars_per_day(money("dollars_per_day", section.dollars_per_day, DOLLARS_PER_DAY)?)
        .with_judgements_per_day(judgements);
    let share = |key: &str, given: f64| {
        Probability::new(given)
            .map_err(|_| place.wrong_at(key, format!("write a number from 0 to 1, not {given}")))
    };
    let uncertain = section.uncertain_rate.unwrap_or(UNCERTAIN_RATE);
    task_judge = task_judge
        .with_rate(share("rate", section.rate.unwrap_or(RATE))?)
        .with_uncertain_rate(share("uncertain_rate", uncertain)?)
        .with_new_strategy_turns(section.new_strategy_turns.unwrap_or(NEW_STRATEGY_TURNS));
    task_judge.check().map_err(|message| place.wrong(message))?;
    Ok(task_judge)
}

/// Refuses a judge that could not be asked about anything: each judgement could cost more than one may.
fn check_ever_asked(judge: &dyn Judging, most: NanoUsd, place: &Place<'_>) -> Result<()> {
    let least = judge.most(&Exchange::new("", ""));
    let Some(least) = least.filter(|least| *least > most) else { return Ok(()) };
    let [least, most] = [least, most].map(NanoUsd::dollars);
    Err(place.wrong_at(
        "max_dollars",
        format!(
            "a judgement of the shortest answer could cost ${least:.6}, more than the ${most:.6} that one may, so none would be \
             made; raise it, lower max_output_tokens, or name a cheaper model"
        ),
    ))
}

/// The models that judge.
enum Members {
    One(Arc<dyn ChatModel>),
    Cascade { cheap: Arc<dyn ChatModel>, strong: Arc<dyn ChatModel> },
    Panel(Vec<Arc<dyn ChatModel>>),
}

impl Members {
    fn of(section: &JudgeSection, models: &[Arc<dyn ChatModel>], place: &Place<'_>) -> Result<Self> {
        if section.sure.is_some() && section.strong_model.is_none() {
            return Err(
                place.wrong_at("sure", "it says when strong_model is asked; name one, or leave this out")
            );
        }
        let model = |wanted: &str, key| model(wanted, key, models, place);
        match (&section.model, section.models.as_slice(), &section.strong_model) {
            (Some(one), [], None) => Ok(Self::One(model(one, "model")?)),
            (Some(cheap), [], Some(strong)) => {
                Ok(Self::Cascade { cheap: model(cheap, "model")?, strong: model(strong, "strong_model")? })
            }
            (None, [_, _, ..], None) => {
                let members = section.models.iter().map(|wanted| model(wanted, "models"));
                Ok(Self::Panel(members.collect::<Result<_>>()?))
            }
            (None, [_], None) => Err(place.wrong_at("models", "a panel needs two models at least")),
            (None, [], _) => Err(place.wrong("say who judges: model, or for a panel models")),
            _ => Err(place.wrong("a panel has models alone, without model and strong_model")),
        }
    }

    fn all(&self) -> Vec<&Arc<dyn ChatModel>> {
        match self {
            Self::One(one) => vec![one],
            Self::Cascade { cheap, strong } => vec![cheap, strong],
            Self::Panel(members) => members.iter().collect(),
        }
    }

    fn judge(
        self,
        name: &EvaluatorName,
        section: &JudgeSection,
        kind: &Kind,
        place: &Place<'_>,
    ) -> Result<Arc<dyn Judging>> {
        let wrong = |error: helm_eval::Error| place.wrong(error.to_string());
        match self {
            Self::One(model) => kind.judge(name.as_str(), model).map_err(wrong),
            Self::Cascade { cheap, strong } => {
                let sure = kind.sure(section, place)?;
                let [cheap, strong] = [("cheap", cheap), ("strong", strong)]
                    .map(|(role, model)| kind.judge(role, model).map_err(wrong));
                Ok(Arc::new(Cascade::new(name.as_str(), cheap?, strong?, sure).map_err(wrong)?))
            }
            Self::Panel(models) => {
                let members = (1..).zip(models);
                let members = members.map(|(number, model)| kind.judge(&format!("member{number}"), model));
                let members = members.collect::<helm_eval::Result<_>>().map_err(wrong)?;
                Ok(Arc::new(Panel::new(name.as_str(), members).map_err(wrong)?))
            }
        }
    }
}

/// What is asked, and how.
struct Kind {
    options: JudgeOptions,
    asks: Asks,
}

enum Asks {
    Level(Rubric),
    Better(String),
}

impl Kind {
    fn of(section: &JudgeSection, max_cost: Option<NanoUsd>, place: &Place<'_>) -> Result<Self> {
        let timeout =
            place.seconds("timeout_seconds", section.timeout_seconds, JudgeOptions::default().timeout)?;
        let mut options = JudgeOptions::default().with_max_cost(max_cost).with_timeout(timeout);
        if let Some(tokens) = section.max_output_tokens {
            options = options.with_max_output_tokens(TokenCount::new(tokens));
        }
        if section.log_probabilities {
            options = options.with_log_probabilities();
        }
        Ok(Self { options, asks: Asks::of(section, place)? })
    }

    fn judge(&self, name: &str, model: Arc<dyn ChatModel>) -> helm_eval::Result<Arc<dyn Judging>> {
        Ok(match &self.asks {
            Asks::Level(rubric) => {
                Arc::new(Judge::new(name, rubric.clone(), model)?.with_options(self.options))
            }
            Asks::Better(question) => {
                Arc::new(PairJudge::new(name, question.as_str(), model)?.with_options(self.options))
            }
        })
    }

    /// How sure the first of two must be. Levels without probabilities are all equally sure.
    fn sure(&self, section: &JudgeSection, place: &Place<'_>) -> Result<UnitInterval> {
        let is_plain = matches!(self.asks, Asks::Level(_)) && !section.log_probabilities;
        let usual = usual_sureness(section.log_probabilities);
        let sure = UnitInterval::new(section.sure.unwrap_or(usual));
        let sure = sure.map_err(|error| place.wrong_at("sure", error.to_string()))?;
        if is_plain && sure.get() > PLAIN {
            let message = format!(
                "without log_probabilities a level is never surer than {PLAIN}, so both models would always be asked; \
                 set log_probabilities = true, or write {PLAIN} to ask the strong one where the first has no verdict"
            );
            return Err(place.wrong_at("sure", message));
        }
        Ok(sure)
    }
}

/// How sure a level is of which no probabilities are told; two ties of a pair are as sure.
const PLAIN: f64 = Judge::PLAIN_CONFIDENCE;

impl Asks {
    fn of(section: &JudgeSection, place: &Place<'_>) -> Result<Self> {
        let has_levels = !section.levels.is_empty();
        if section.pair {
            let unfit = [("levels", has_levels), ("log_probabilities", section.log_probabilities)];
            return match unfit.into_iter().find(|(_, is_there)| *is_there) {
                Some((key, _)) => Err(place.wrong_at(key, "a comparison of pairs has none; leave it out")),
                None => Ok(Self::Better(section.question.as_deref().unwrap_or(BETTER).to_owned())),
            };
        }
        let rubric = match (&section.question, has_levels) {
            (None, false) => Rubric::helpfulness(),
            (Some(question), true) => Rubric::new(question.as_str(), section.levels.iter().cloned()),
            _ => return Err(place.wrong("give both question and levels, or neither")),
        };
        rubric.map(Self::Level).map_err(|error| place.wrong(error.to_string()))
    }
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
