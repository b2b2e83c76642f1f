//! What decisions that have left the log had contributed.

use std::collections::BTreeMap;

use helm_core::{Fixed, StatsRow, StrategyId, TaskId, UnitInterval};

use crate::bandit::StrategyTotal;
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{Place, add_judgement, fold, place};

/// Sums over decisions that leave the log together.
#[derive(Default)]
pub(crate) struct Checkpoint {
    /// Of learning state.
    pub(crate) sums: BTreeMap<(TaskId, Place), helm_core::Stats>,
    /// Of what [`StrategyTotal`] counts.
    pub(crate) totals: BTreeMap<(TaskId, StrategyId), Left>,
}

/// How much has left the log of one strategy.
#[derive(Clone, Copy, Default)]
pub(crate) struct Left {
    pub(crate) decisions: u64,
    /// How many of them had contributed anything.
    pub(crate) contributed: u64,
    pub(crate) feedback_count: u64,
    pub(crate) feedback_sum: Fixed,
}

impl Checkpoint {
    /// Takes one decision in.
    pub(crate) fn add(
        &mut self,
        backend: &'static str,
        (task, strategy): (&TaskId, &StrategyId),
        contribution: &[StatsRow],
        judgements: impl Iterator<Item = UnitInterval>,
    ) -> Result<()> {
        for row in contribution {
            let sum = self.sums.entry((task.clone(), place(row))).or_default();
            *sum = fold(backend, sum, &row.stats)?;
        }
        let total = self.totals.entry((task.clone(), strategy.clone())).or_default();
        total.decisions += 1;
        total.contributed += u64::from(!contribution.is_empty());
        for value in judgements {
            total.feedback_count += 1;
            total.feedback_sum = add_judgement(backend, total.feedback_sum, value)?;
        }
        Ok(())
    }
}

impl Left {
    /// Adds it to what is still in the log.
    pub(crate) fn add_to(&self, backend: &'static str, total: &mut StrategyTotal) -> Result<()> {
        total.decisions += self.decisions;
        total.feedback_count += self.feedback_count;
        let sum = total.feedback_sum.to_bits().checked_add(self.feedback_sum.to_bits());
        total.feedback_sum = sum.map(Fixed::from_bits).ok_or_else(|| {
            let message = "the sum of judgements would overflow; start a new strategy version";
            Error::new(ErrorKind::Invalid, backend, "strategy_totals", message)
        })?;
        Ok(())
    }
}

/// No decision and no judgement of a strategy.
pub(crate) fn no_total(strategy: StrategyId) -> StrategyTotal {
    StrategyTotal { strategy, decisions: 0, feedback_count: 0, feedback_sum: Fixed::ZERO }
}
