use std::path::Path;

use super::episode::Episode;
use crate::error::{Error, Result};
use crate::random::permutation;

/// Rows of features and of what every strategy paid. A seed is an order of the rows.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Table {
    contexts: Vec<Vec<f64>>,
    rewards: Vec<Vec<f64>>,
}

impl Table {
    /// Reads a file of comma-separated numbers with a header: `features` columns, then one reward for each of
    /// `arms` strategies; further columns are left.
    pub(super) fn read(path: &Path, features: usize, arms: usize) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let malformed = |message: String| Error::Malformed { path: path.to_owned(), message };
        let mut table = Self { contexts: Vec::new(), rewards: Vec::new() };
        for (number, line) in text.lines().enumerate().skip(1) {
            let line_number = number + 1;
            let values: Vec<f64> = line
                .split(',')
                .map(|value| value.trim().parse::<f64>().ok().filter(|value| value.is_finite()))
                .collect::<Option<_>>()
                .ok_or_else(|| malformed(format!("line {line_number} holds something that is no number")))?;
            if values.len() < features + arms {
                let message = format!(
                    "line {line_number} has {} columns, fewer than {features} features and {arms} rewards",
                    values.len()
                );
                return Err(malformed(message));
            }
            let (context, rest) = values.split_at(features);
            table.contexts.push(context.to_vec());
            table.rewards.push(rest.iter().take(arms).copied().collect());
        }
        if table.rewards.is_empty() { Err(malformed("it has no rows".to_owned())) } else { Ok(table) }
    }

    pub(super) fn range(&self) -> (f64, f64) {
        let rewards = || self.rewards.iter().flatten().copied();
        (rewards().fold(0.0, f64::min), rewards().fold(1.0, f64::max))
    }

    pub(super) fn episode(&self, seed: u64) -> Episode {
        let order = permutation(seed, self.rewards.len());
        let ordered = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
            order.iter().filter_map(|row| rows.get(*row).cloned()).collect()
        };
        let rewards = ordered(&self.rewards);
        Episode {
            arms: rewards.first().map_or(0, Vec::len),
            means: rewards.clone(),
            rewards,
            contexts: ordered(&self.contexts),
            range: self.range(),
            ..Episode::default()
        }
    }
}
