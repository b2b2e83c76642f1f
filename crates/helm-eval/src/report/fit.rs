use std::collections::BTreeMap;

use super::borrowed::{Borrowed, borrowed};
use super::data::Row;
use super::relevance;
use crate::error::{Error, Result};
use crate::model::{Head, Heads, Problem, Term, fit_logistic};
use crate::view::{Signals, word_list};

/// Files for the folder `models` of this crate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Models {
    /// `words.txt`: how many texts have a word.
    pub words: String,
    /// `heads.json`: the fitted functions.
    pub heads: String,
}

/// What a head is fitted of: signals and the sign that each weight is held to.
pub(super) type Recipe = &'static [(&'static str, i8)];

pub(super) const RELEVANCE: Recipe = &[
    ("tfidf_user", 1),
    ("bm25_user", 1),
    ("recall_user", 1),
    ("jaccard_user", 1),
    ("copied_user", 1),
    ("user_log_words", 0),
    ("log_words", 0),
    ("log_content", 0),
    ("shared_rarity", 1),
    ("shared_top_rarity", 1),
    ("rarity_recall", 1),
    ("rarity_precision", 1),
    ("prefix_recall", 1),
];
const GROUNDEDNESS: Recipe = &[
    ("k_tfidf", 1),
    ("k_bm25", 1),
    ("k_precision", 1),
    ("k_precision_2", 1),
    ("k_precision_3", 1),
    ("k_rarity_precision", 1),
    ("k_order_precision", 1),
    ("k_run", 1),
    ("k_new_hits", 0),
    ("k_new_numbers", -1),
    ("k_new_names", -1),
    ("log_words", 0),
    ("unknowing", -1),
    ("first_person", -1),
    ("question", -1),
];
const COMPLIANCE: Recipe = &[
    ("refusal", -1),
    ("late_refusal", -1),
    ("apology", -1),
    ("as_an_ai", -1),
    ("unsafe", -1),
    ("advice", -1),
    ("log_words", 0),
    ("list_lines", 0),
    ("code", 1),
    ("ends_well", 0),
    ("first_person", -1),
    ("log_lines", 0),
    ("hedges", 0),
    ("question", 0),
    ("recall_user", 0),
    ("note", 0),
    ("opens_with_yes", 0),
    ("connectives", 0),
    ("new_content", 0),
    ("tfidf_user", 0),
    ("mean_rarity", 0),
    ("chars_per_word", 0),
    ("words_per_sentence", 0),
    ("capitals", 0),
    ("digits", 0),
    ("user_log_words", 0),
    ("user_question", 0),
    ("sentence_overlap", 0),
    ("lecture_early", -1),
    ("improper_early", -1),
    ("opens_with_i", -1),
];
const SPECIFICITY: Recipe = &[
    ("chars_per_word", 1),
    ("long_words", 1),
    ("log_long_words", 1),
    ("mean_rarity", 1),
    ("top_rarity", 1),
    ("log_content", 1),
    ("log_sentences", 1),
    ("new_content", 1),
    ("max_word_share", -1),
    ("repeated_4", -1),
    ("unknowing", -1),
    ("hedges", -1),
];

/// A row of a fit.
pub(super) struct Case<'a> {
    pub(super) signals: &'a Signals,
    /// From 0 to 1.
    pub(super) target: f64,
    pub(super) weight: f64,
}

/// Means and standard deviations of signals over answers.
pub(super) fn scale<'a>(names: impl Iterator<Item = &'a str>, of: &[&Signals]) -> Vec<Term> {
    let term = |name: &str| {
        let values: Vec<f64> = of.iter().filter_map(|signals| signals.get(name)).collect();
        let spread = crate::stats::variance(&values).sqrt();
        (spread > 1e-9).then(|| Term {
            signal: name.to_owned(),
            centre: crate::stats::mean(&values),
            scale: spread,
            weight: 0.0,
        })
    };
    names.filter_map(term).collect()
}

pub(super) fn standard(terms: &[Term], signals: &Signals) -> Vec<f64> {
    terms.iter().map(|term| term.standard(signals.get(&term.signal).unwrap_or(0.0))).collect()
}

/// Fits a head to cases; `precision` is that of the prior around 0.
pub(super) fn head(recipe: Recipe, cases: &[Case<'_>], precision: f64) -> Result<Head> {
    let all: Vec<&Signals> = cases.iter().map(|case| case.signals).collect();
    let terms = scale(recipe.iter().map(|(name, _)| *name), &all);
    let sign_of =
        |term: &Term| recipe.iter().find(|(name, _)| *name == term.signal).map_or(0, |(_, sign)| *sign);
    let rows: Vec<Vec<f64>> =
        cases.iter().map(|case| [1.0].into_iter().chain(standard(&terms, case.signals)).collect()).collect();
    let column = |pick: fn(&Case<'_>) -> f64| cases.iter().map(pick).collect::<Vec<f64>>();
    let fitted = fit_logistic(&Problem {
        rows: &rows,
        targets: &column(|case| case.target),
        weights: &column(|case| case.weight),
        mean: &vec![0.0; terms.len() + 1],
        precision: &[1e-6].into_iter().chain(terms.iter().map(|_| precision)).collect::<Vec<_>>(),
        signs: &[0].into_iter().chain(terms.iter().map(sign_of)).collect::<Vec<_>>(),
    })?;
    Ok(weighed(terms, &fitted))
}

fn weighed(terms: Vec<Term>, fitted: &[f64]) -> Head {
    let bias = fitted.first().copied().unwrap_or(0.0);
    let terms = terms.into_iter().zip(fitted.iter().skip(1));
    let terms =
        terms.map(|(term, weight)| Term { weight: *weight, ..term }).filter(|term| term.weight != 0.0);
    Head { bias, terms: terms.collect() }
}

/// Two answers to one request, the preferred one first.
pub(super) struct Pair<'a> {
    pub(super) better: &'a Row,
    pub(super) worse: &'a Row,
}

/// Pairs of which people preferred one side.
pub(super) fn pairs(rows: &[Row]) -> Vec<Pair<'_>> {
    let mut sides: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let Some(pair) = &row.pair {
            sides.entry((&row.source, pair)).or_default().push(row);
        }
    }
    sides.into_values().filter_map(|sides| ordered(&sides)).collect()
}

/// The pair with the preferred side first; `None` when people tied, or it has not two sides.
fn ordered<'a>(sides: &[&'a Row]) -> Option<Pair<'a>> {
    let [first, second] = *sides else { return None };
    let preferred = first.rated("preferred")?;
    let (better, worse) = if preferred > 0.5 { (first, second) } else { (second, first) };
    (preferred != 0.5).then_some(Pair { better, worse })
}

/// How much pairs of a data set count. The sets of answers to open questions are small, and count more beside the large one
/// of short answers; those in which the worse answer was made to look better count less, since borrowed answers teach the
/// same, and of more questions.
fn weight(source: &str) -> f64 {
    match source {
        "llmbar_adversarial" => 0.6,
        "mtbench_human" | "llmeval2" => 2.0,
        _ => 1.0,
    }
}

/// What borrowed answers weigh for each weight of a pair.
const BORROWED: f64 = 0.25;
/// As many of them are fitted for an answer, at most.
const MOST_BORROWED: usize = 4;

/// Signals of a pair's sides: neither those of passages, nor those of the question alone, which are the same on both, nor
/// those that only say that it was a question.
fn is_of_answer(name: &str) -> bool {
    !["k_", "user_"].iter().any(|prefix| name.starts_with(prefix))
        && !["lecture_early", "improper_early", "opens_with_i"].contains(&name)
}

/// One reward for all pairs: a logistic function of the difference of signals. Answers are preferred to longer ones that are
/// [borrowed](Borrowed), too, where both their questions may be used.
pub(super) fn preference(
    pairs: &[&Pair<'_>],
    borrowed: &[Borrowed<'_>],
    may_use: impl Fn(&Row) -> bool,
) -> Result<Head> {
    let borrowed: Vec<&Borrowed<'_>> = borrowed
        .chunk_by(|one, next| std::ptr::eq(one.own, next.own))
        .flat_map(|of_one| {
            let usable = of_one.iter().filter(|borrowed| may_use(borrowed.own) && may_use(borrowed.lender));
            usable.take(MOST_BORROWED)
        })
        .collect();
    let sides: Vec<&Signals> =
        pairs.iter().flat_map(|pair| [&pair.better.signals, &pair.worse.signals]).collect();
    let terms = scale(Signals::names().iter().copied().filter(|name| is_of_answer(name)), &sides);
    let compared = pairs.iter().map(|pair| (&pair.better.signals, &pair.worse.signals));
    let compared = compared.chain(borrowed.iter().map(|other| (&other.own.signals, &other.signals)));
    let rows: Vec<Vec<f64>> = compared
        .map(|sides| {
            let [better, worse] = [sides.0, sides.1].map(|side| standard(&terms, side));
            better.iter().zip(worse).map(|(better, worse)| better - worse).collect()
        })
        .collect();
    let mut weights: Vec<f64> = pairs.iter().map(|pair| weight(&pair.better.source)).collect();
    let each = BORROWED * weights.iter().sum::<f64>() / borrowed.len().max(1) as f64;
    weights.resize(rows.len(), each);
    // The bias cancels out of differences, so wins alone are fitted: their mirror images would say the same.
    let fitted = fit_logistic(&Problem {
        rows: &rows,
        targets: &vec![1.0; rows.len()],
        weights: &weights,
        mean: &vec![0.0; terms.len()],
        precision: &vec![30.0; terms.len()],
        signs: &vec![0; terms.len()],
    })?;
    let with_bias: Vec<f64> = [0.0].into_iter().chain(fitted).collect();
    Ok(weighed(terms, &with_bias))
}

pub(super) fn groundedness(rows: &[&Row]) -> Result<Head> {
    let cases: Vec<Case<'_>> = rows
        .iter()
        .filter(|row| row.knowledge.is_some())
        .filter_map(|row| {
            Some(Case { signals: &row.signals, target: row.rated("attributable")?, weight: 1.0 })
        })
        .collect();
    head(GROUNDEDNESS, &cases, 1.0)
}

pub(super) fn compliance(rows: &[&Row]) -> Result<Head> {
    let rated = rows.iter().filter_map(|row| {
        Some(Case { signals: &row.signals, target: row.rated("compliance")?, weight: 1.0 })
    });
    head(COMPLIANCE, &rated.collect::<Vec<_>>(), 10.0)
}

/// Of ratings of engagement from 1 to 3.
pub(super) fn specificity(rows: &[&Row]) -> Result<Head> {
    let rated = rows.iter().filter_map(|row| {
        let target = ((row.rated("engagingness")? - 1.0) / 2.0).clamp(0.0, 1.0);
        Some(Case { signals: &row.signals, target, weight: 1.0 })
    });
    head(SPECIFICITY, &rated.collect::<Vec<_>>(), 5.0)
}

/// Fits all models on all rows: what ships with the crate.
///
/// # Errors
///
/// Fails when the data lack what a model is fitted to.
pub fn fit_models(rows: &[Row]) -> Result<Models> {
    let all: Vec<&Row> = rows.iter().collect();
    let pairs = pairs(rows);
    let heads = BTreeMap::from([
        ("relevance".to_owned(), relevance::fit(&relevance::cases(&all))?),
        ("groundedness".to_owned(), groundedness(&all)?),
        ("compliance".to_owned(), compliance(&all)?),
        ("specificity".to_owned(), specificity(&all)?),
        (
            "preference".to_owned(),
            preference(&pairs.iter().collect::<Vec<_>>(), &borrowed(rows, &pairs), |_| true)?,
        ),
    ]);
    let heads = Heads { format_version: 1, heads };
    let heads = serde_json::to_string_pretty(&heads).map_err(|error| Error::Evaluator(error.into()))?;
    let texts = rows.iter().flat_map(|row| [Some(&row.user), Some(&row.response), row.knowledge.as_ref()]);
    Ok(Models { words: word_list(texts.flatten().map(String::as_str)), heads: heads + "\n" })
}
