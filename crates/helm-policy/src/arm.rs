use helm_core::{Strategy, StrategyId};

/// A strategy as a policy sees it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Arm {
    /// Its name and version.
    pub id: StrategyId,
    /// The version it was made from. While it has few rewards of its own, its parent's stand in for them.
    pub parent: Option<StrategyId>,
}

impl Arm {
    /// A strategy without parent.
    #[must_use]
    pub fn new(id: StrategyId) -> Self {
        Self { id, parent: None }
    }

    /// Sets the version it was made from.
    #[must_use]
    pub fn with_parent(mut self, parent: Option<StrategyId>) -> Self {
        self.parent = parent;
        self
    }
}

impl From<StrategyId> for Arm {
    fn from(id: StrategyId) -> Self {
        Self::new(id)
    }
}

impl From<&Strategy> for Arm {
    fn from(strategy: &Strategy) -> Self {
        Self::new(strategy.id.clone()).with_parent(strategy.parent.clone())
    }
}
