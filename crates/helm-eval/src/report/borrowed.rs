//! Good answers under questions that are like their own: what an answer must not be, however well it is written.

use super::data::Row;
use super::fit::Pair;
use super::relevance::is_good;
use crate::exchange::Exchange;
use crate::view::{Signals, Text, cosine};

/// How many of the most similar questions lend an answer, before the rows of a fit are chosen.
const MOST_LENDERS: usize = 6;
/// Questions that are more alike than this ask the same.
const SAME: f64 = 0.9;

/// An answer under its own question, and a longer one under that question which answers another.
pub(super) struct Borrowed<'a> {
    pub(super) own: &'a Row,
    pub(super) lender: &'a Row,
    /// Those of the lender's answer under the other's question.
    pub(super) signals: Signals,
}

/// For each answer that people preferred, or found to be without error, the longer answers of the nearest questions, by the
/// cosine of their words; the nearest first.
pub(super) fn borrowed<'a>(rows: &'a [Row], pairs: &[Pair<'a>]) -> Vec<Borrowed<'a>> {
    let single = rows.iter().filter(|row| row.source == "halueval_general" && is_good(row));
    let good: Vec<&Row> = pairs.iter().map(|pair| pair.better).chain(single).collect();
    let questions: Vec<Text> = good.iter().map(|row| Text::new(&row.user)).collect();
    let mut found = Vec::new();
    for (own, question) in good.iter().copied().zip(&questions) {
        for lender in lenders(own, question, &good, &questions) {
            let exchange = Exchange::new(&own.user, &lender.response).with_history(&own.history);
            let signals = Signals::of(&exchange);
            if signals.get("log_words") > own.signals.get("log_words") {
                found.push(Borrowed { own, lender, signals });
            }
        }
    }
    found
}

fn lenders<'a>(own: &Row, question: &Text, good: &[&'a Row], questions: &[Text]) -> Vec<&'a Row> {
    let others = good.iter().zip(questions).filter(|(row, _)| row.user != own.user);
    let alike = others.map(|(row, other)| (cosine(question, other), *row));
    let mut alike: Vec<(f64, &Row)> = alike.filter(|(likeness, _)| *likeness <= SAME).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.into_iter().take(MOST_LENDERS).map(|(_, row)| row).collect()
}
