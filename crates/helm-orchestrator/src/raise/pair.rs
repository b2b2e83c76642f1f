use helm_core::PolicyHash;
use helm_eval::RewardSpec;
use helm_policy::Policy;

use crate::error::{Error, Result};
use crate::what_if::Candidate;

/// The name that an automatic candidate has together with the policy in whose place it may be put, and with the reward that both
/// are measured by: what became of it is true of these three alone. `None` where the candidate is not automatic.
///
/// # Errors
///
/// When the two keep their sums in buckets of different lengths: the candidate would live in others than the gate looked at.
pub(crate) fn checked_pair(
    policy: &dyn Policy,
    candidate: Option<&Candidate>,
    reward: &RewardSpec,
    place: &str,
) -> Result<Option<PolicyHash>> {
    let Some(candidate) = candidate.filter(|candidate| candidate.automatic) else { return Ok(None) };
    let place = format!("{place}.candidate");
    let (length, own) = (policy.epoch_length(), candidate.policy.epoch_length());
    if length != own {
        let message = format!(
            "an automatic candidate needs the epoch_seconds of the policy, {}; it has {}",
            length.as_secs(),
            own.as_secs()
        );
        return Err(Error::config(format!("{place}.policy"), message));
    }
    let config =
        serde_json::to_string(reward.config()).map_err(|error| Error::config(place, error.to_string()))?;
    let (waits, decides, reward) = (candidate.policy.hash(), policy.hash(), reward.id());
    let text = format!("the candidate {waits} of the policy {decides}, rewarded by {reward}: {config}");
    Ok(Some(PolicyHash::of(&text)))
}
