//! Whatever stands for a reward: it is refused, or made of what it says.

use helm_orchestrator::eval::RewardSpecConfig;

/// Builds a reward of this.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(written) = serde_json::from_slice::<RewardSpecConfig>(data) else { return };
    let name = "fuzzed".parse().expect("a name");
    if let Err(error) = written.build(&name) {
        assert!(!error.to_string().is_empty());
    }
}
