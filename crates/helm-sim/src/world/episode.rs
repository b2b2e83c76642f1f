/// One seed of a world: what every strategy would pay at every step.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Episode {
    /// How many strategies.
    pub arms: usize,
    /// Rewards by step, then strategy, in the world's own units.
    pub rewards: Vec<Vec<f64>>,
    /// Expected rewards of the same shape; where no expectation is known, the rewards.
    pub means: Vec<Vec<f64>>,
    /// Features by step; empty without any.
    pub contexts: Vec<Vec<f64>>,
    /// Who asks, by step; empty where it is always the same user.
    pub users: Vec<usize>,
    /// After how many further steps a reward is learnt. 0: before the next step.
    pub delay: usize,
    /// The range that rewards lie in.
    pub range: (f64, f64),
}

impl Episode {
    /// How many steps.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.rewards.len()
    }

    /// What choosing `arm` at `step` costs against the best strategy, in expected reward; `None` when there is no
    /// such step or strategy.
    #[must_use]
    pub fn regret(&self, step: usize, arm: usize) -> Option<f64> {
        let means = self.means.get(step)?;
        let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(best - means.get(arm)?)
    }

    /// What `arm` pays at `step`.
    #[must_use]
    pub fn reward(&self, step: usize, arm: usize) -> Option<f64> {
        self.rewards.get(step)?.get(arm).copied()
    }
}
