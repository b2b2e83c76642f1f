use std::collections::BTreeMap;

use helm_core::{EvaluatorName, UnitInterval};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a run showed of one row of a data set; a line of a file of results.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowResult {
    /// The row's id.
    pub id: Value,
    /// The row's [fingerprint](super::Sample::fingerprint), so that a result is not taken for that of another row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// What was answered; `None` when nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// What the evaluators said; `None` where one could not judge.
    #[serde(default)]
    pub scores: BTreeMap<EvaluatorName, Option<UnitInterval>>,
    /// The reward; `None` when too little is known.
    #[serde(default)]
    pub reward: Option<UnitInterval>,
    /// What the answer and its evaluation cost; `None` when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<f64>,
    /// How long the answer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RowResult {
    /// Nothing known of a row.
    #[must_use]
    pub fn new(id: Value) -> Self {
        Self { id, ..Self::default() }
    }

    /// The value of a measure: an evaluator's name, `reward`, `dollars`, `seconds`, or `errors`, which is 1 for a row
    /// without an answer.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<f64> {
        match name {
            "reward" => self.reward.map(UnitInterval::get),
            "dollars" => self.dollars,
            "seconds" => self.seconds,
            "errors" => Some(f64::from(u8::from(self.error.is_some()))),
            evaluator => {
                let score = self.scores.iter().find(|(name, _)| name.as_str() == evaluator)?.1;
                score.map(UnitInterval::get)
            }
        }
    }

    /// The names of the measures that some of these rows have a value of, the reward first.
    #[must_use]
    pub fn measures(rows: &[Self]) -> Vec<String> {
        let scored = rows.iter().flat_map(|row| row.scores.keys().map(EvaluatorName::as_str));
        let mut names: Vec<&str> = scored.collect();
        names.sort_unstable();
        names.dedup();
        let all = ["reward"].into_iter().chain(names).chain(["dollars", "seconds", "errors"]);
        let is_there = |name: &&str| rows.iter().any(|row| row.measure(name).is_some());
        all.filter(is_there).map(str::to_owned).collect()
    }

    /// The id as a text that tells rows apart: 1 is not "1".
    #[must_use]
    pub fn key(&self) -> String {
        self.id.to_string()
    }
}
