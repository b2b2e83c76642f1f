use std::collections::BTreeMap;

use helm_core::{ScoreEntry, UnitInterval};

use crate::error::Result;
use crate::learned::Rating;
use crate::stats::{
    Estimate, PairOutcome, Resampling, auroc, bootstrap, kendall_tau_b, pairwise_accuracy, spearman,
};

/// An answer that people rated, and what was measured of it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct RatedAnswer {
    /// What was answered: answers to the same request are compared, and are no independent evidence.
    pub request: String,
    /// The mean rating, from 0 to 1.
    pub rating: UnitInterval,
    /// How many words the answer has; 0 when nobody knows.
    pub words: usize,
    /// What the evaluators said.
    pub scores: Vec<ScoreEntry>,
    /// What the scores come to, without people's part; `None` when that is too little.
    pub reward: Option<UnitInterval>,
    /// Who answered, if that is known.
    pub strategy: Option<String>,
}

impl RatedAnswer {
    /// A rated answer without words, reward and strategy.
    #[must_use]
    pub fn new(request: impl Into<String>, rating: UnitInterval, scores: Vec<ScoreEntry>) -> Self {
        Self { request: request.into(), rating, words: 0, scores, reward: None, strategy: None }
    }

    /// As weights are learned from it.
    #[must_use]
    pub fn as_rating(&self) -> Rating<'_> {
        Rating {
            scores: &self.scores,
            words: self.words,
            rating: self.rating,
            request: &self.request,
            strategy: self.strategy.as_deref(),
        }
    }

    fn measure(&self, name: &str) -> Option<f64> {
        let entry = self.scores.iter().find(|entry| entry.evaluator.as_str() == name)?;
        Some(entry.outcome.score()?.value.get())
    }
}

/// How well a measure agrees with people.
///
/// What cannot be said of these ratings is `None`: an order of answers that are all rated the same, a comparison where
/// no request has two answers.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Agreement {
    /// The evaluator's name, or `reward`.
    pub measure: String,
    /// How many rated answers it measured.
    pub answers: usize,
    /// Its mean.
    pub mean: f64,
    /// Spearman's rank correlation with the ratings.
    pub order: Option<Estimate>,
    /// Kendall's tau-b with the ratings.
    pub tau: Option<f64>,
    /// The probability that a good answer, rated above .5, is measured above a bad one, rated below.
    pub separation: Option<Estimate>,
    /// The share of pairs of answers to one request in which it prefers the one that people prefer; what it ties counts
    /// half.
    pub pairs: Option<Estimate>,
}

/// Of one request, at most so many answers are compared with each other.
const MOST_OF_REQUEST: usize = 50;

/// How well each evaluator and the reward agree with people, the reward first. Intervals are of a bootstrap over
/// requests. A measure that said nothing has no line.
///
/// # Errors
///
/// Fails for settings of the resampling out of range.
pub fn agreement(answers: &[RatedAnswer], resampling: Resampling) -> Result<Vec<Agreement>> {
    resampling.check()?;
    let mut names: Vec<&str> = Vec::new();
    for entry in answers.iter().flat_map(|answer| &answer.scores) {
        if !names.contains(&entry.evaluator.as_str()) {
            names.push(entry.evaluator.as_str());
        }
    }
    let reward = |answer: &RatedAnswer| answer.reward.map(UnitInterval::get);
    let mut found = vec![of_measure("reward", answers, &reward, resampling)?];
    for name in names {
        found.push(of_measure(name, answers, &|answer| answer.measure(name), resampling)?);
    }
    found.retain(|agreement| agreement.answers > 0);
    Ok(found)
}

/// A rated answer as one measure sees it.
#[derive(Clone, Copy)]
struct Measured<'a> {
    request: &'a str,
    value: f64,
    rating: f64,
}

fn of_measure(
    name: &str,
    answers: &[RatedAnswer],
    measure: &dyn Fn(&RatedAnswer) -> Option<f64>,
    resampling: Resampling,
) -> Result<Agreement> {
    let measured: Vec<Measured<'_>> = answers
        .iter()
        .filter_map(|answer| {
            Some(Measured { request: &answer.request, value: measure(answer)?, rating: answer.rating.get() })
        })
        .collect();
    let values: Vec<f64> = measured.iter().map(|answer| answer.value).collect();
    let ratings: Vec<f64> = measured.iter().map(|answer| answer.rating).collect();
    Ok(Agreement {
        measure: name.to_owned(),
        answers: measured.len(),
        mean: if values.is_empty() { 0.0 } else { crate::stats::mean(&values) },
        order: estimate(&measured, order, resampling)?,
        tau: if values.len() < 2 { None } else { kendall_tau_b(&values, &ratings)? },
        separation: estimate(&measured, separation, resampling)?,
        pairs: of_pairs(&measured, resampling)?,
    })
}

/// A figure with its interval; `None` where it, or an interval of it, has no value.
fn estimate(
    measured: &[Measured<'_>],
    statistic: fn(&[Measured<'_>]) -> Option<f64>,
    resampling: Resampling,
) -> Result<Option<Estimate>> {
    if statistic(measured).is_none() {
        return Ok(None);
    }
    let requests: Vec<&str> = measured.iter().map(|answer| answer.request).collect();
    let of = |rows: &[usize]| {
        statistic(&rows.iter().filter_map(|row| measured.get(*row)).copied().collect::<Vec<_>>())
    };
    known(bootstrap(&requests, of, resampling))
}

/// Too little data for an interval is no failure of a report: that figure is not there.
fn known(estimate: Result<Estimate>) -> Result<Option<Estimate>> {
    match estimate {
        Ok(estimate) => Ok(Some(estimate)),
        Err(crate::Error::TooFew { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn order(measured: &[Measured<'_>]) -> Option<f64> {
    let (values, ratings): (Vec<f64>, Vec<f64>) =
        measured.iter().map(|answer| (answer.value, answer.rating)).unzip();
    spearman(&values, &ratings).ok().flatten()
}

fn separation(measured: &[Measured<'_>]) -> Option<f64> {
    let told = measured.iter().filter(|answer| answer.rating != 0.5);
    let (values, good): (Vec<f64>, Vec<bool>) =
        told.map(|answer| (answer.value, answer.rating > 0.5)).unzip();
    auroc(&values, &good).ok().flatten()
}

fn of_pairs(measured: &[Measured<'_>], resampling: Resampling) -> Result<Option<Estimate>> {
    let mut requests: BTreeMap<&str, Vec<Measured<'_>>> = BTreeMap::new();
    for answer in measured {
        requests.entry(answer.request).or_default().push(*answer);
    }
    let mut pairs: Vec<(&str, PairOutcome)> = Vec::new();
    for (request, answers) in requests {
        let answers = answers.iter().take(MOST_OF_REQUEST);
        for (place, first) in answers.clone().enumerate() {
            let others = answers.clone().skip(place + 1);
            let outcome = |other: &Measured<'_>| {
                PairOutcome::new(first.value - other.value, first.rating - other.rating)
            };
            pairs.extend(others.map(|other| (request, outcome(other))));
        }
    }
    pairs.retain(|(_, pair)| pair.agreement().is_some());
    if pairs.is_empty() {
        return Ok(None);
    }
    let requests: Vec<&str> = pairs.iter().map(|(request, _)| *request).collect();
    let of = |rows: &[usize]| {
        let some: Vec<PairOutcome> =
            rows.iter().filter_map(|row| pairs.get(*row)).map(|(_, pair)| *pair).collect();
        pairwise_accuracy(&some).ok().flatten()
    };
    known(bootstrap(&requests, of, resampling))
}
