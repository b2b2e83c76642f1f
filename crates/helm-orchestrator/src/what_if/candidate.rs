use std::fmt;
use std::sync::Arc;

use helm_policy::Policy;

use super::gate::GateOptions;
use super::target::Target;

/// A policy that waits to take the place of a task's present one, and what it must show. It chooses nothing until it is raised.
#[derive(Clone)]
#[non_exhaustive]
pub struct Candidate {
    /// The policy.
    pub policy: Arc<dyn Policy>,
    /// What it must show.
    pub options: GateOptions,
    /// Whether it is raised, and rolled back, without anybody. Default: no.
    pub automatic: bool,
}

impl Candidate {
    /// A policy that must show as much as is usual.
    #[must_use]
    pub fn new(policy: Arc<dyn Policy>) -> Self {
        Self { policy, options: GateOptions::default(), automatic: false }
    }

    /// With what it must show.
    #[must_use]
    pub const fn with_options(mut self, options: GateOptions) -> Self {
        self.options = options;
        self
    }

    /// Raised as soon as it has shown that, for each tenant; rolled back when the policy in whose place it was put shows the same
    /// of turns that it has decided since.
    #[must_use]
    pub const fn automatic(mut self) -> Self {
        self.automatic = true;
        self
    }

    /// The policy, as the log is asked about it.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::Policy(Arc::clone(&self.policy))
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("policy", self.policy.name())
            .field("options", &self.options)
            .field("automatic", &self.automatic)
            .finish()
    }
}
