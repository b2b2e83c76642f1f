use std::collections::{BTreeMap, BTreeSet};

use helm_core::{EvaluatorName, ScoreEntry, UnitInterval};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Problem, fit_linear};
use crate::spec::RewardSpec;
use crate::stats::{Comparison, Resampling, compare, spearman};

/// Weights that were fitted to people's ratings, for [`Combine::Learned`](crate::Combine::Learned).
///
/// The value is `intercept` and, of every term, `weight` times how far the score is from `centre`; a score that is
/// missing counts as its centre.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LearnedWeights {
    /// How many ratings they were fitted to.
    pub ratings: u64,
    /// The value when every score is at its centre.
    pub intercept: f64,
    /// One for each term of the specification.
    pub terms: Vec<LearnedTerm>,
    /// How far the values of answers by some strategies, as `name@version`, are too low: what people said of them beyond what
    /// the scores say, drawn towards 0 the more, the fewer ratings there are. A strategy that nobody rated has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strategies: BTreeMap<String, f64>,
}

/// One evaluator's fitted part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LearnedTerm {
    /// Which evaluator.
    #[cfg_attr(feature = "json-schema", schemars(with = "String"))]
    pub evaluator: EvaluatorName,
    /// How much the value rises from score 0 to score 1; at least 0.
    pub weight: f64,
    /// The mean score of the rated answers.
    pub centre: f64,
}

impl LearnedWeights {
    pub(crate) fn term(&self, evaluator: &str) -> Option<&LearnedTerm> {
        self.terms.iter().find(|term| term.evaluator.as_str() == evaluator)
    }

    pub(crate) fn offset(&self, strategy: Option<&str>) -> f64 {
        strategy.and_then(|strategy| self.strategies.get(strategy)).copied().unwrap_or(0.0)
    }

    /// As [`value`](Self::value), of an answer by this strategy.
    #[must_use]
    pub fn value_of(&self, scores: &[ScoreEntry], strategy: Option<&str>) -> f64 {
        self.value(scores) + self.offset(strategy)
    }

    /// The value of an answer's scores, before it is brought into \[0, 1\].
    #[must_use]
    pub fn value(&self, scores: &[ScoreEntry]) -> f64 {
        let part = |term: &LearnedTerm| {
            score(scores, &term.evaluator).map_or(0.0, |value| term.weight * (value - term.centre))
        };
        self.intercept + self.terms.iter().map(part).sum::<f64>()
    }
}

/// One answer that a person rated.
#[derive(Clone, Copy, Debug)]
pub struct Rating<'a> {
    /// What the evaluators said.
    pub scores: &'a [ScoreEntry],
    /// How many words the answer has.
    pub words: usize,
    /// The person's rating, from 0 to 1.
    pub rating: UnitInterval,
    /// What was answered: answers to the same request are no independent evidence.
    pub request: &'a str,
    /// Who answered, as `name@version`; `None` when that is not known.
    pub strategy: Option<&'a str>,
}

/// How weights are learned. Default: a prior of 40 ratings, seed 0.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Learning {
    /// As how many ratings the configured weights count, above 0.
    pub prior_ratings: f64,
    /// The seed of the resampling by which weights are adopted.
    pub seed: u64,
}

impl Default for Learning {
    fn default() -> Self {
        Self { prior_ratings: 40.0, seed: 0 }
    }
}

impl Learning {
    /// Sets as how many ratings the configured weights count.
    #[must_use]
    pub const fn with_prior_ratings(mut self, ratings: f64) -> Self {
        self.prior_ratings = ratings;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// Weights, and whether they should be used.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Learned {
    /// Fitted to all ratings.
    pub weights: LearnedWeights,
    /// How much better they order answers that they were not fitted on than the weights in use, which are the configured ones
    /// unless others were named: a difference of
    /// Spearman's correlations with an interval of .9. `None` when there is too little to tell.
    pub better: Option<Comparison>,
    /// Whether that interval lies above 0. Otherwise keep the configured weights.
    pub adopted: bool,
    /// The configured weights, brought to the scale of the ratings, with the strategies' [offsets](LearnedWeights::strategies)
    /// alone learned: within a strategy the order is the configured one.
    pub corrected: LearnedWeights,
}

/// Folds of the test by which weights are adopted; with fewer requests nothing is adopted.
const FOLDS: usize = 5;
const LEAST_REQUESTS: usize = 10;
/// So many ratings as the prior hold the configured weights.
const HELD: f64 = 1e9;

/// Learns how much each term of a specification counts for people.
///
/// Bayesian linear regression (Bishop, *Pattern Recognition and Machine Learning*, 2006, section 3.3) of ratings on scores
/// in standard deviations. The prior's mean are the configured weights, stretched to the ratings' scale; no weight
/// falls below 0. The logarithm of the number of words is fitted beside the scores and then held at its mean, so that
/// what length explains is credited to no score.
///
/// The weights are `adopted` only when, fitted on four fifths of the requests and tested on the rest, all five times,
/// they order answers better than the configured weights with an interval that leaves 0 out.
///
/// # Errors
///
/// Fails without terms or ratings, and when `prior_ratings` is not a number above 0.
pub fn learn(spec: &RewardSpec, ratings: &[Rating<'_>], learning: Learning) -> Result<Learned> {
    learn_beside(spec, ratings, &[], learning, None)
}

/// Learns weights for several tasks that one reward is used in: each task's are drawn towards what people say in the others.
///
/// As [`learn`], but the prior of a task is what was learned from the ratings of all other tasks, whose own prior are the
/// configured weights. So a task with few ratings begins with what people like elsewhere, and its own ratings take over; no rating
/// tests weights that it has helped to learn.
///
/// # Errors
///
/// As [`learn`], for each task.
pub fn learn_tasks<T: Ord + Clone>(
    spec: &RewardSpec,
    tasks: &BTreeMap<T, Vec<Rating<'_>>>,
    learning: Learning,
) -> Result<BTreeMap<T, Learned>> {
    let of = |(task, ratings): (&T, &Vec<Rating<'_>>)| {
        let others: Vec<&Rating<'_>> =
            tasks.iter().filter(|(other, _)| *other != task).flat_map(|(_, ratings)| ratings).collect();
        Ok((task.clone(), learn_beside(spec, ratings, &others, learning, None)?))
    };
    tasks.iter().map(of).collect()
}

/// Weights that count already, when others are learned that may take their place.
#[derive(Clone, Copy, Debug)]
pub struct InUse<'a> {
    /// The weights.
    pub weights: &'a LearnedWeights,
    /// The place of the first rating that they were not fitted to. Those before it are no test of them.
    pub since: usize,
}

/// Learns the weights of one task, drawn towards what the ratings of other tasks say, as [`learn_tasks`] does.
///
/// Where learned weights are in use already, `better` compares with them, and only on ratings that neither were fitted to.
///
/// # Errors
///
/// As [`learn`].
pub fn learn_beside(
    spec: &RewardSpec,
    ratings: &[Rating<'_>],
    others: &[&Rating<'_>],
    learning: Learning,
    in_use: Option<InUse<'_>>,
) -> Result<Learned> {
    if !(learning.prior_ratings.is_finite() && learning.prior_ratings > 0.0) {
        return Err(Error::NotFinite { what: "prior_ratings, which is above 0" });
    }
    let prior = if others.is_empty() { None } else { Some(fit(spec, others, learning, None)?) };
    let all: Vec<&Rating<'_>> = ratings.iter().collect();
    let weights = fit(spec, &all, learning, prior.as_ref())?;
    let corrected = fit(spec, &all, Learning { prior_ratings: HELD, ..learning }, None)?;
    let present = |rating: &Rating<'_>| match in_use {
        Some(in_use) => in_use.weights.value_of(rating.scores, rating.strategy),
        None => configured(spec, rating.scores),
    };
    let from = in_use.map_or(0, |in_use| in_use.since);
    let better = held_out(spec, ratings, learning, prior.as_ref(), &Test { present: &present, from });
    let adopted = better.is_some_and(|comparison| comparison.difference.low > 0.0);
    Ok(Learned { weights, better, adopted, corrected })
}

/// What learned weights are compared with, and on which ratings: those from a place on.
struct Test<'a> {
    present: &'a dyn Fn(&Rating<'_>) -> f64,
    from: usize,
}

/// How much better learned weights are on requests that they were not fitted on.
fn held_out(
    spec: &RewardSpec,
    ratings: &[Rating<'_>],
    learning: Learning,
    prior: Option<&LearnedWeights>,
    test: &Test<'_>,
) -> Option<Comparison> {
    let requests: BTreeSet<&str> = ratings.iter().map(|rating| rating.request).collect();
    let tested: BTreeSet<&str> = ratings.iter().skip(test.from).map(|rating| rating.request).collect();
    if tested.len() < LEAST_REQUESTS {
        return None;
    }
    let fold_of = |rating: &Rating<'_>| requests.range(..rating.request).count() % FOLDS;
    let folds: Vec<usize> = ratings.iter().map(fold_of).collect();
    let mut learned = vec![0.0; ratings.len()];
    for fold in 0..FOLDS {
        let train: Vec<&Rating<'_>> =
            ratings.iter().zip(&folds).filter(|(_, of)| **of != fold).map(|(rating, _)| rating).collect();
        let weights = fit(spec, &train, learning, prior).ok()?;
        for ((value, rating), _) in learned.iter_mut().zip(ratings).zip(&folds).filter(|(_, of)| **of == fold)
        {
            // Each fold has an intercept of its own, which is not compared.
            *value = weights.value_of(rating.scores, rating.strategy) - weights.intercept;
        }
    }
    let present: Vec<f64> = ratings.iter().skip(test.from).map(test.present).collect();
    let people: Vec<f64> = ratings.iter().skip(test.from).map(|rating| rating.rating.get()).collect();
    learned.drain(..test.from.min(ratings.len()));
    let pick = |values: &[f64], rows: &[usize]| -> Vec<f64> {
        rows.iter().filter_map(|row| values.get(*row)).copied().collect()
    };
    let correlations = |rows: &[usize]| {
        let people = pick(&people, rows);
        let with = |values| spearman(&pick(values, rows), &people).ok().flatten();
        Some((with(&present)?, with(&learned)?))
    };
    let clusters: Vec<&str> = ratings.iter().skip(test.from).map(|rating| rating.request).collect();
    let mut resampling = Resampling::default().with_resamples(400).with_seed(learning.seed);
    resampling.level = 0.9;
    compare(&clusters, correlations, resampling).ok()
}

/// The configured weighted mean of the scores that there are.
pub(crate) fn configured(spec: &RewardSpec, scores: &[ScoreEntry]) -> f64 {
    let present =
        spec.config.terms.iter().filter_map(|term| Some((term.weight, score(scores, &term.evaluator)?)));
    let (sum, weight) =
        present.fold((0.0, 0.0), |(sum, all), (weight, value)| (sum + weight * value, all + weight));
    if weight > 0.0 { sum / weight } else { 0.5 }
}

fn score(scores: &[ScoreEntry], evaluator: &EvaluatorName) -> Option<f64> {
    let entry = scores.iter().find(|entry| entry.evaluator == *evaluator)?;
    Some(entry.outcome.score()?.value.get())
}

/// A column of the regression: its mean and standard deviation.
struct Column {
    centre: f64,
    spread: f64,
}

impl Column {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return Self { centre: 0.5, spread: 0.0 };
        }
        Self { centre: crate::stats::mean(&values), spread: crate::stats::variance(&values).sqrt() }
    }

    fn standard(&self, value: Option<f64>) -> f64 {
        value.filter(|_| self.spread > 1e-9).map_or(0.0, |value| (value - self.centre) / self.spread)
    }
}

fn fit(
    spec: &RewardSpec,
    ratings: &[&Rating<'_>],
    learning: Learning,
    known: Option<&LearnedWeights>,
) -> Result<LearnedWeights> {
    let terms = &spec.config.terms;
    if terms.is_empty() || ratings.is_empty() {
        return Err(Error::TooFew {
            what: "learning weights",
            least: 1,
            found: ratings.len().min(terms.len()),
        });
    }
    let columns: Vec<Column> = terms
        .iter()
        .map(|term| Column::of(ratings.iter().filter_map(|rating| score(rating.scores, &term.evaluator))))
        .collect();
    let length = |rating: &Rating<'_>| (rating.words as f64).ln_1p();
    let lengths = Column::of(ratings.iter().map(|rating| length(rating)));
    let people: Vec<f64> = ratings.iter().map(|rating| rating.rating.get()).collect();
    let mean = crate::stats::mean(&people);
    let stretch = stretch(spec, ratings, &people, learning);
    let total: f64 = terms.iter().map(|term| term.weight).sum();
    let prior = |term: &crate::spec::Term| {
        let elsewhere = known.and_then(|known| known.term(term.evaluator.as_str()));
        elsewhere.map_or(stretch * term.weight / total, |elsewhere| elsewhere.weight)
    };
    let rows: Vec<Vec<f64>> = ratings
        .iter()
        .map(|rating| {
            let scores = terms.iter().zip(&columns);
            let scores = scores.map(|(term, column)| column.standard(score(rating.scores, &term.evaluator)));
            scores.chain([lengths.standard(Some(length(rating)))]).collect()
        })
        .collect();
    let targets: Vec<f64> = people.iter().map(|rating| rating - mean).collect();
    let means: Vec<f64> =
        terms.iter().zip(&columns).map(|(term, column)| prior(term) * column.spread).chain([0.0]).collect();
    let precision: Vec<f64> = terms.iter().map(|_| learning.prior_ratings).chain([1.0]).collect();
    let signs: Vec<i8> = terms.iter().map(|_| 1).chain([0]).collect();
    let found = fit_linear(&Problem {
        rows: &rows,
        targets: &targets,
        weights: &vec![1.0; rows.len()],
        mean: &means,
        precision: &precision,
        signs: &signs,
    })?;
    let learned = terms.iter().zip(&columns).zip(found).map(|((term, column), weight)| LearnedTerm {
        evaluator: term.evaluator.clone(),
        weight: if column.spread > 1e-9 { (weight / column.spread).max(0.0) } else { prior(term) },
        centre: column.centre,
    });
    let terms: Vec<LearnedTerm> = learned.collect();
    let mut weights =
        LearnedWeights { ratings: ratings.len() as u64, intercept: mean, terms, ..LearnedWeights::default() };
    weights.strategies = offsets(ratings, &weights);
    Ok(weights)
}

/// How many times farther ratings are apart than configured rewards: the slope of the one on the other, drawn towards 1.
fn stretch(spec: &RewardSpec, ratings: &[&Rating<'_>], people: &[f64], learning: Learning) -> f64 {
    let rewards: Vec<f64> = ratings.iter().map(|rating| configured(spec, rating.scores)).collect();
    let spread = crate::stats::variance(&rewards);
    let weight = ratings.len() as f64 / (ratings.len() as f64 + learning.prior_ratings);
    let slope = if spread > 1e-12 { crate::stats::covariance(&rewards, people) / spread } else { 1.0 };
    (weight * slope.clamp(0.0, 5.0) + (1.0 - weight)).max(0.1)
}

/// By how much strategies usually differ beyond what scores say, as a standard deviation, and as how many strategies that
/// counts: of two or three strategies alone, the variance between them is hardly known.
const USUAL_SPREAD: f64 = 0.1;
const USUAL_WORTH: f64 = 2.0;

/// What people said of each strategy's answers beyond what the scores say, drawn towards 0 by how much of it is chance: the
/// means of a random-effects model, with the variance between strategies of DerSimonian and Laird ("Meta-analysis in clinical
/// trials", 1986), joined with what is usual as by a scaled inverse chi-squared prior (Gelman et al., *Bayesian Data Analysis*,
/// 2013, section 2.6).
fn offsets(ratings: &[&Rating<'_>], weights: &LearnedWeights) -> BTreeMap<String, f64> {
    let mut rests: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for rating in ratings {
        let Some(strategy) = rating.strategy else { continue };
        rests.entry(strategy).or_default().push(rating.rating.get() - weights.value(rating.scores));
    }
    rests.retain(|_, rests| rests.len() > 1);
    let count: f64 = rests.values().map(|rests| rests.len() as f64).sum();
    let groups = rests.len() as f64;
    if rests.len() < 2 {
        return BTreeMap::new();
    }
    let squares = |rests: &Vec<f64>| crate::stats::variance(rests) * (rests.len() - 1) as f64;
    let within = (rests.values().map(squares).sum::<f64>() / (count - groups)).max(1e-12);
    let all = rests.values().flatten().sum::<f64>() / count;
    let apart = |rests: &Vec<f64>| rests.len() as f64 * (crate::stats::mean(rests) - all).powi(2);
    let between = rests.values().map(apart).sum::<f64>();
    let size = count - rests.values().map(|rests| (rests.len() as f64).powi(2)).sum::<f64>() / count;
    let between = ((between - (groups - 1.0) * within) / size).max(0.0);
    let between =
        (USUAL_WORTH * USUAL_SPREAD.powi(2) + (groups - 1.0) * between) / (USUAL_WORTH + groups - 1.0);
    let drawn = |rests: &Vec<f64>| {
        let trust = between / (between + within / rests.len() as f64);
        trust * (crate::stats::mean(rests) - all)
    };
    rests.iter().map(|(strategy, rests)| ((*strategy).to_owned(), drawn(rests))).collect()
}
