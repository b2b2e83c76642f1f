//! Ratings of Topical-Chat: what a few of them teach, and how well it holds for strategies that were not rated.

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{RewardName, ScoreEntry, ScoreOutcome, UnitInterval};

use super::data::{Half, Row};
use super::fit::{Recipe, scale, standard};
use super::interval::Tested;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::evaluators::{Coherence, Groundedness, Length, Relevance, Specificity};
use crate::exchange::Exchange;
use crate::learned::{Learning, Rating, learn};
use crate::model::{Problem, Term, fit_linear};
use crate::spec::{RewardSpec, RewardSpecConfig};
use crate::stats::spearman;

/// Signals of a good turn of conversation and their signs, which are the configured weights.
const CONVERSATION: Recipe = &[
    ("chars_per_word", 1),
    ("log_sentences", 1),
    ("log_long_words", 1),
    ("max_word_share", -1),
    ("first_person", -1),
    ("k_bm25", 1),
    ("k_run", 1),
    ("unknowing", -1),
    ("ends_well", 1),
    ("copied_context", -1),
    ("repeated_4", -1),
    ("top_rarity", 1),
    ("bm25_context", 1),
    ("k_new_hits", 1),
    ("mean_rarity", 1),
    ("log_content", 1),
    ("distinct_2", 1),
];

/// A linear reward of signals.
pub(super) struct Linear {
    terms: Vec<Term>,
    weights: Vec<f64>,
    mean: f64,
    spread: f64,
}

impl Linear {
    /// The rating to be expected.
    pub(super) fn rating(&self, row: &Row) -> f64 {
        self.mean + self.spread * self.value(row)
    }

    /// The value, in standard deviations of the ratings.
    pub(super) fn value(&self, row: &Row) -> f64 {
        standard(&self.terms, &row.signals)
            .iter()
            .zip(&self.weights)
            .map(|(value, weight)| value * weight)
            .sum()
    }
}

/// Equal weights of every signal as the prior, worth 60 ratings.
pub(super) fn conversation(rows: &[&Row]) -> Result<Linear> {
    let rated: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((*row, row.rated("overall")?))).collect();
    let signals: Vec<_> = rated.iter().map(|(row, _)| &row.signals).collect();
    let terms = scale(CONVERSATION.iter().map(|(name, _)| *name), &signals);
    let sign =
        |term: &Term| CONVERSATION.iter().find(|(name, _)| *name == term.signal).map_or(0, |(_, sign)| *sign);
    let signs: Vec<i8> = terms.iter().map(sign).collect();
    let people: Vec<f64> = rated.iter().map(|(_, rating)| *rating).collect();
    let (mean, spread) = (crate::stats::mean(&people), crate::stats::variance(&people).sqrt().max(1e-9));
    let weights = fit_linear(&Problem {
        rows: &rated.iter().map(|(row, _)| standard(&terms, &row.signals)).collect::<Vec<_>>(),
        targets: &people.iter().map(|rating| (rating - mean) / spread).collect::<Vec<_>>(),
        weights: &vec![1.0; rated.len()],
        mean: &signs.iter().map(|sign| 0.06 * f64::from(*sign)).collect::<Vec<_>>(),
        precision: &vec![60.0; terms.len()],
        signs: &signs,
    })?;
    Ok(Linear { terms, weights, mean, spread })
}

/// The rows of each strategy, tested by a fit on all the others', which may answer the same requests.
pub(super) fn unseen_strategies(rows: &[&Row]) -> Result<Vec<Tested>> {
    let mut models: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        models.entry(row.model.as_deref().unwrap_or_default()).or_default().push(row);
    }
    let mut tested = Vec::new();
    for (name, own) in &models {
        let others: Vec<&Row> = models
            .iter()
            .filter(|(model, _)| model != &name)
            .flat_map(|(_, rows)| rows.iter().copied())
            .collect();
        let linear = conversation(&others)?;
        tested.extend(own.iter().filter_map(|row| {
            Some(Tested {
                group: (*name).to_owned(),
                request: row.request,
                fit: 0,
                value: linear.value(row),
                truth: row.rated("overall")?,
            })
        }));
    }
    Ok(tested)
}

fn spec() -> Result<RewardSpec> {
    let terms = [
        ("relevance", 2.0),
        ("specificity", 2.0),
        ("coherence", 1.0),
        ("length", 1.0),
        ("groundedness", 1.0),
    ];
    let terms: Vec<_> =
        terms.map(|(evaluator, weight)| serde_json::json!({"evaluator": evaluator, "weight": weight})).into();
    let config = serde_json::json!({"terms": terms});
    let config: RewardSpecConfig =
        serde_json::from_value(config).map_err(|error| crate::Error::Evaluator(error.into()))?;
    config.build(&RewardName::new("report")?)
}

fn scores(row: &Row, evaluators: &[Arc<dyn Heuristic>]) -> Vec<ScoreEntry> {
    let passages: Vec<&str> = row.knowledge.as_deref().into_iter().collect();
    let exchange =
        Exchange::new(&row.user, &row.response).with_history(&row.history).with_passages(&passages);
    let entry = |evaluator: &Arc<dyn Heuristic>| {
        let outcome: ScoreOutcome = evaluator.measure(&exchange);
        ScoreEntry { evaluator: evaluator.name().clone(), outcome }
    };
    evaluators.iter().map(entry).collect()
}

/// What weights that were learned from few ratings are worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct FewRatings {
    pub(super) ratings: usize,
    /// Spearman's correlation on the other half under the configured weights, and under those in use after learning: the
    /// mean of all draws.
    pub(super) configured: f64,
    pub(super) learned: f64,
    /// The share of draws in which learned weights were adopted.
    pub(super) adopted: f64,
}

/// Learns from draws of ratings of one half, and tests on the other.
pub(super) fn few_ratings(rows: &[&Row], draws: u64) -> Result<Vec<FewRatings>> {
    let evaluators: [Arc<dyn Heuristic>; 5] = [
        Arc::new(Relevance::new()?),
        Arc::new(Specificity::new()?),
        Arc::new(Coherence::new()?),
        Arc::new(Length::new()?),
        Arc::new(Groundedness::new()?),
    ];
    let spec = spec()?;
    let judged: Vec<(&Row, Vec<ScoreEntry>, f64)> = rows
        .iter()
        .filter_map(|row| Some((*row, scores(row, &evaluators), (row.rated("overall")? - 1.0) / 4.0)))
        .collect();
    let size = |half| judged.iter().filter(|(row, ..)| row.half() == half).count();
    let most = size(Half::First).min(size(Half::Second));
    let mut results = Vec::new();
    for count in [10, 20, 40, 80, 160].into_iter().filter(|count| *count <= most) {
        let mut sums = [0.0; 3];
        for draw in 0..draws {
            let half = if draw % 2 == 0 { Half::First } else { Half::Second };
            let mut train: Vec<_> = judged.iter().filter(|(row, ..)| row.half() == half).collect();
            crate::stats::shuffle(draw, &mut train);
            let requests: Vec<String> = train.iter().map(|(row, ..)| row.request.to_string()).collect();
            let ratings: Vec<Rating<'_>> = train
                .iter()
                .zip(&requests)
                .take(count)
                .filter_map(|((row, scores, rating), request)| {
                    let (rating, words) =
                        (UnitInterval::new(*rating).ok()?, row.response.split_whitespace().count());
                    Some(Rating { scores, words, rating, request, strategy: row.model.as_deref() })
                })
                .collect();
            let learned = learn(&spec, &ratings, Learning::default())?;
            let test: Vec<_> = judged.iter().filter(|(row, ..)| row.half() != half).collect();
            let people: Vec<f64> = test.iter().map(|(_, _, rating)| *rating).collect();
            let agreement = |value: &dyn Fn(&Row, &[ScoreEntry]) -> f64| {
                let values: Vec<f64> = test.iter().map(|(row, scores, _)| value(row, scores)).collect();
                spearman(&values, &people).map(|agreement| agreement.unwrap_or(0.0))
            };
            let configured = agreement(&|_, scores| crate::learned::configured(&spec, scores))?;
            let after = if learned.adopted {
                agreement(&|row, scores| learned.weights.value_of(scores, row.model.as_deref()))?
            } else {
                configured
            };
            let found = [configured, after, f64::from(u8::from(learned.adopted))];
            sums.iter_mut().zip(found).for_each(|(sum, value)| *sum += value / draws as f64);
        }
        let [configured, learned, adopted] = sums;
        results.push(FewRatings { ratings: count, configured, learned, adopted });
    }
    Ok(results)
}
