//! The standard reward, by heads that were fitted on the other half of the requests: on its own, and as what pays a bandit.

use std::sync::Arc;

use helm_core::{ScoreEntry, UnitInterval};
use helm_numerics::normal;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::borrowed::borrowed;
use super::data::{Half, Row};
use super::fit::{self, Pair};
use super::interval::Tested;
use super::relevance;
use crate::error::{Error, Result};
use crate::evaluator::Heuristic;
use crate::evaluators::{Coherence, Groundedness, Length, Preference, Relevance, Safety, Specificity};
use crate::exchange::Exchange;
use crate::learned::{LearnedWeights, Learning, Rating, learn};
use crate::reward::{Composition, Evidence};
use crate::spec::RewardSpec;
use crate::stats::{Estimate, below, mean, shuffle};

/// The standard reward with evaluators that have not seen the rows of a half.
pub(super) struct Blind {
    half: Half,
    spec: RewardSpec,
    evaluators: Vec<Box<dyn Heuristic>>,
}

impl Blind {
    /// Fitted on all rows of the other half.
    pub(super) fn to<'a>(half: Half, rows: &'a [Row], pairs: &[Pair<'a>]) -> Result<Self> {
        let train: Vec<&Row> = rows.iter().filter(|row| row.half() != half).collect();
        let train_pairs: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.better.half() != half).collect();
        let borrowed = borrowed(rows, pairs);
        let preference = fit::preference(&train_pairs, &borrowed, |row| row.half() != half)?.place();
        let relevance = relevance::fit(&relevance::cases(&train))?.place();
        Ok(Self {
            half,
            spec: RewardSpec::standard()?,
            evaluators: vec![
                Box::new(Relevance::with_head(relevance)?),
                Box::new(Coherence::new()?),
                Box::new(Length::new()?),
                Box::new(Safety::new()?),
                Box::new(Specificity::with_head(fit::specificity(&train)?.place())?),
                Box::new(Preference::with_head(preference)?),
                Box::new(Groundedness::with_head(fit::groundedness(&train)?.place())?),
            ],
        })
    }

    pub(super) fn scores(&self, row: &Row) -> Vec<ScoreEntry> {
        let passages: Vec<&str> = row.knowledge.as_deref().into_iter().collect();
        let exchange =
            Exchange::new(&row.user, &row.response).with_history(&row.history).with_passages(&passages);
        let entry = |evaluator: &dyn Heuristic| ScoreEntry {
            evaluator: evaluator.name().clone(),
            outcome: evaluator.measure(&exchange),
        };
        self.evaluators.iter().map(|evaluator| entry(&**evaluator)).collect()
    }

    /// The reward; .5 where there is too little to go by.
    fn reward(&self, scores: &[ScoreEntry]) -> Result<f64> {
        let evidence = Evidence { scores, ..Evidence::default() };
        Ok(match self.spec.compose(&evidence)? {
            Composition::Reward(reward) => reward.value.get(),
            Composition::NotScored { .. } => 0.5,
        })
    }

    /// The rows of its half under the reward.
    pub(super) fn tested(&self, rows: &[Row], truth: impl Fn(&Row) -> Option<f64>) -> Result<Vec<Tested>> {
        let own = rows.iter().filter(|row| row.half() == self.half);
        let rated = own.filter_map(|row| Some((row, truth(row)?)));
        rated
            .map(|(row, truth)| {
                let value = self.reward(&self.scores(row))?;
                Ok(Tested {
                    group: row.source.clone(),
                    request: row.request,
                    fit: self.half as usize,
                    value,
                    truth,
                })
            })
            .collect()
    }

    /// The pairs of its half: by how much the reward is greater for the preferred answer.
    pub(super) fn pairs(&self, pairs: &[Pair<'_>]) -> Result<Vec<Tested>> {
        let own = pairs.iter().filter(|pair| pair.better.half() == self.half);
        own.map(|pair| {
            let [better, worse] = [pair.better, pair.worse].map(|row| self.reward(&self.scores(row)));
            Ok(Tested {
                group: pair.better.source.clone(),
                request: pair.better.request,
                fit: self.half as usize,
                value: better? - worse?,
                truth: 1.0,
            })
        })
        .collect()
    }
}

/// A rated answer that a bandit may be given.
pub(super) struct Played {
    request: u64,
    strategy: String,
    scores: Vec<ScoreEntry>,
    words: usize,
    /// What people say, from 0 to 1.
    rating: f64,
}

/// The rated answers of strategies, as evaluators see them that have not seen their half.
pub(super) fn played(
    blind: &[Blind],
    rows: &[Row],
    rating: impl Fn(&Row) -> Option<f64>,
    is_strategy: impl Fn(&str) -> bool,
) -> Vec<Played> {
    let played = |row: &Row| {
        let strategy = row.model.clone().filter(|model| is_strategy(model))?;
        let judge = blind.iter().find(|blind| blind.half == row.half())?;
        Some(Played {
            request: row.request,
            strategy,
            scores: judge.scores(row),
            words: row.response.split_whitespace().count(),
            rating: rating(row)?.clamp(0.0, 1.0),
        })
    };
    rows.iter().filter_map(played).collect()
}

const STEPS: usize = 1_500;
const LAST: usize = 300;
/// Labels of each strategy that weights and offsets are learned from.
const LABELS: usize = 20;
/// How often requests are drawn anew.
const DRAWS: u64 = 400;

/// The share of what people could gain that a bandit gains in its last 300 of 1,500 steps, paid by the standard reward after 20
/// labels a strategy: 1 is always the best strategy, 0 is any. Each draw resamples requests, labels and the bandit's luck.
pub(super) fn replay(rows: &[Played]) -> Result<Estimate> {
    let mut shares = Vec::new();
    for draw in 0..DRAWS {
        shares.push(one_replay(rows, draw)?);
    }
    shares.sort_by(f64::total_cmp);
    let at = |share| crate::stats::quantile(&shares, share);
    let stderr = crate::stats::variance(&shares).sqrt();
    Ok(Estimate { value: mean(&shares), low: at(0.025), high: at(0.975), stderr })
}

fn one_replay(rows: &[Played], draw: u64) -> Result<f64> {
    let mut random = SplitMix64::seed_from_u64(draw);
    let drawn = resampled(rows, &mut random);
    let mut strategies: Vec<&str> = rows.iter().map(|row| row.strategy.as_str()).collect();
    strategies.sort_unstable();
    strategies.dedup();
    let arms: Vec<Vec<&Played>> = strategies
        .iter()
        .map(|name| drawn.iter().copied().filter(|row| row.strategy == **name).collect())
        .collect();
    let weights = labelled(&arms, draw)?;
    let pay = |row: &Played| weights.value_of(&row.scores, Some(&row.strategy)).clamp(0.0, 1.0);
    let paid: Vec<Vec<f64>> = arms.iter().map(|arm| arm.iter().map(|row| pay(row)).collect()).collect();
    let worth: Vec<f64> = strategies
        .iter()
        .map(|name| {
            let own = rows.iter().filter(|row| row.strategy == **name).map(|row| row.rating);
            mean(&own.collect::<Vec<f64>>())
        })
        .collect();
    let best = worth.iter().copied().fold(f64::MIN, f64::max);
    let any = mean(&worth);
    let chosen = thompson(&paid, &mut random);
    let last: Vec<f64> = chosen.iter().rev().take(LAST).filter_map(|arm| worth.get(*arm)).copied().collect();
    Ok((mean(&last) - any) / (best - any).max(1e-9))
}

/// Requests drawn with replacement, each with all answers to it.
fn resampled<'a>(rows: &'a [Played], random: &mut SplitMix64) -> Vec<&'a Played> {
    let mut requests: Vec<u64> = rows.iter().map(|row| row.request).collect();
    requests.sort_unstable();
    requests.dedup();
    let picked = (0..requests.len()).filter_map(|_| requests.get(below(random, requests.len())));
    picked.flat_map(|request| rows.iter().filter(move |row| row.request == *request)).collect()
}

/// What is learned from labels of each strategy's answers: the weights when they are adopted, otherwise the offsets alone.
fn labelled(arms: &[Vec<&Played>], draw: u64) -> Result<LearnedWeights> {
    let mut known: Vec<(&Played, String)> = Vec::new();
    for arm in arms {
        let mut own = arm.clone();
        shuffle(draw, &mut own);
        known.extend(own.into_iter().take(LABELS).map(|row| (row, row.request.to_string())));
    }
    let rating = |(row, request): &'_ (&Played, String)| -> Result<(UnitInterval, String)> {
        Ok((UnitInterval::new(row.rating)?, request.clone()))
    };
    let checked: Vec<(UnitInterval, String)> = known.iter().map(rating).collect::<Result<_>>()?;
    let ratings: Vec<Rating<'_>> = known
        .iter()
        .zip(&checked)
        .map(|((row, _), (rating, request))| Rating {
            scores: &row.scores,
            words: row.words,
            rating: *rating,
            request,
            strategy: Some(&row.strategy),
        })
        .collect();
    let learned = learn(&RewardSpec::standard()?, &ratings, Learning::default())?;
    Ok(if learned.adopted { learned.weights } else { learned.corrected })
}

/// Which arm is chosen in each step by Thompson sampling, from a normal posterior whose variance is that of the rewards seen.
fn thompson(paid: &[Vec<f64>], random: &mut SplitMix64) -> Vec<usize> {
    let mut seen: Vec<(f64, f64, f64)> = vec![(0.0, 0.0, 0.0); paid.len()];
    let mut chosen = Vec::with_capacity(STEPS);
    for step in 0..STEPS {
        let mut draw = |(count, sum, squares): &(f64, f64, f64)| {
            let mean = (sum + 0.5) / (count + 1.0);
            let variance = ((squares + 0.25) / (count + 1.0) - mean * mean).max(0.0) + 0.01;
            let share = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            mean + (variance / (count + 1.0)).sqrt() * normal::quantile(share.clamp(1e-12, 1.0 - 1e-12))
        };
        let sampled: Vec<f64> = seen.iter().map(&mut draw).collect();
        let best = sampled.iter().copied().fold(f64::MIN, f64::max);
        // Each strategy is tried once first.
        let arm =
            if step < paid.len() { Some(step) } else { sampled.iter().position(|value| *value >= best) };
        let Some(arm) = arm else { continue };
        let rewards = paid.get(arm).map_or(&[][..], Vec::as_slice);
        let reward = rewards.get(below(random, rewards.len().max(1))).copied().unwrap_or(0.0);
        if let Some((count, sum, squares)) = seen.get_mut(arm) {
            *count += 1.0;
            *sum += reward;
            *squares += reward * reward;
        }
        chosen.push(arm);
    }
    chosen
}

/// Every half's reward; an error where the data lack what one of the heads is fitted to.
pub(super) fn both(rows: &[Row], pairs: &[Pair<'_>]) -> Result<Arc<[Blind]>> {
    let has = |what: &str, is: bool| {
        if is { Ok(()) } else { Err(Error::Evaluator(format!("there are no {what}").into())) }
    };
    has("pairs", !pairs.is_empty())?;
    [Half::First, Half::Second].into_iter().map(|half| Blind::to(half, rows, pairs)).collect()
}
