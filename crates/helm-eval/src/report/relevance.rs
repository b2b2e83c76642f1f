use std::collections::BTreeMap;

use super::data::Row;
use super::fit::{Case, RELEVANCE, head};
use crate::error::Result;
use crate::exchange::Exchange;
use crate::model::Head;
use crate::view::Signals;

/// An answer under its own question or under another's.
pub(super) struct Swapped {
    pub(super) source: String,
    pub(super) request: u64,
    pub(super) signals: Signals,
    pub(super) is_own: bool,
}

/// Data sets of single questions with answers that people found good.
const SETS: [&str; 6] = ["pandalm", "mtbench_human", "llmeval2", "halueval_general", "xstest", "faireval"];

/// Whether people found an answer good.
pub(super) fn is_good(row: &Row) -> bool {
    match row.source.as_str() {
        "xstest" => row.rated("compliance") == Some(1.0),
        "halueval_general" => row.rated("hallucination_free") == Some(1.0),
        _ => row.rated("preferred").is_some_and(|share| share > 0.5),
    }
}

/// Every good answer once under its own question and once under that of another row of its set.
pub(super) fn cases(rows: &[&Row]) -> Vec<Swapped> {
    let mut sets: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().copied().filter(|row| SETS.contains(&row.source.as_str()) && is_good(row)) {
        sets.entry(&row.source).or_default().push(row);
    }
    let mut cases = Vec::new();
    for (source, mut rows) in sets {
        rows.sort_by_key(|row| row.request.rotate_left(17));
        let count = rows.len();
        for (place, row) in rows.iter().enumerate() {
            let others = rows.iter().cycle().skip(place + count / 2).take(count);
            let Some(other) = others.clone().find(|other| other.user != row.user) else { continue };
            for (user, is_own) in [(&row.user, true), (&other.user, false)] {
                let signals = Signals::of(&Exchange::new(user, &row.response));
                cases.push(Swapped { source: source.to_owned(), request: row.request, signals, is_own });
            }
        }
    }
    cases
}

/// Every set counts the same, whatever its size.
pub(super) fn fit(cases: &[Swapped]) -> Result<Head> {
    let size = |source: &str| cases.iter().filter(|case| case.source == source).count() as f64;
    let sizes: BTreeMap<&str, f64> = SETS.iter().map(|source| (*source, size(source))).collect();
    let weight = |source: &str| 400.0 / sizes.get(source).copied().unwrap_or(400.0).max(400.0);
    let cases: Vec<Case<'_>> = cases
        .iter()
        .map(|case| Case {
            signals: &case.signals,
            target: f64::from(u8::from(case.is_own)),
            weight: weight(&case.source),
        })
        .collect();
    head(RELEVANCE, &cases, 0.3)
}
