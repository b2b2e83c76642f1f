use helm_core::Context;

use super::{ArmEvidence, Learner};
use crate::error::Result;
use crate::evidence::Evidence;
use crate::posterior::Posterior;

/// Counts of successes and failures under a Beta(1, 1) prior; a reward in between counts for both in its
/// proportion (Thompson 1933; Chapelle & Li 2011). The same for all users.
#[derive(Clone, Copy, Debug, Default)]
pub struct BetaCounts;

impl Learner for BetaCounts {
    fn posterior(&self, arm: &ArmEvidence<'_>, _: &Context) -> Result<Posterior> {
        Ok(from_prior(1.0, 1.0, &arm.task))
    }
}

/// Beta(a, b) after these rewards.
pub(super) fn from_prior(a: f64, b: f64, evidence: &Evidence) -> Posterior {
    Posterior::Beta { a: a + evidence.sum, b: b + (evidence.count - evidence.sum).max(0.0) }
}
