use std::collections::BTreeMap;

use helm_core::StrategyId;

use super::past_turn::PastTurn;

/// Rewards are expected of turns of the other parts, so that none is judged by itself.
const PARTS: usize = 3;
/// The mean of all counts as so many turns of each strategy.
const PRIOR: f64 = 2.0;

type Sums = [(f64, f64); PARTS];

/// What the turns of each part earned, by strategy.
pub(super) struct Expected {
    pub(super) strategies: BTreeMap<StrategyId, Sums>,
    overall: Sums,
}

impl Expected {
    /// Turns with the parts that they are of: all of one user are of one part.
    pub(super) fn of<'a>(turns: impl Iterator<Item = (&'a PastTurn, usize)>) -> Self {
        let mut expected = Self { strategies: BTreeMap::new(), overall: Sums::default() };
        for (turn, part) in turns {
            for candidate in &turn.candidates {
                expected.strategies.entry(candidate.strategy.clone()).or_default();
            }
            let (Some(strategy), Some(reward)) = (&turn.strategy, turn.reward) else { continue };
            let own = expected.strategies.entry(strategy.clone()).or_default();
            let sums = [own.get_mut(part % PARTS), expected.overall.get_mut(part % PARTS)];
            for (sum, count) in sums.into_iter().flatten() {
                *sum += reward.get();
                *count += 1.0;
            }
        }
        expected
    }

    /// What a strategy earned in the other parts, drawn towards the mean of all.
    pub(super) fn value(&self, part: usize, strategy: &StrategyId) -> f64 {
        let others = |sums: &Sums| {
            let others = sums.iter().enumerate().filter(|(own, _)| *own != part % PARTS);
            others.fold((0.0, 0.0), |sum, (_, own)| (sum.0 + own.0, sum.1 + own.1))
        };
        let (all, count) = others(&self.overall);
        let mean = if count > 0.0 { all / count } else { 0.5 };
        let (own, count) = self.strategies.get(strategy).map_or((0.0, 0.0), others);
        (own + PRIOR * mean) / (count + PRIOR)
    }
}
