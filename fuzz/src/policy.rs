//! Whatever stands for a policy: it is refused, or its probabilities are a law over whoever is eligible.

use helm_orchestrator::core::{Context, DecisionId, StrategyId, TaskId, TenantId, Timestamp, UserId};
use helm_orchestrator::policy::{Arm, ChoiceRequest, Policy, Registry, Snapshot};
use serde_json::Value;

/// Builds a policy of this, and lets it decide where nothing is known.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(written) = serde_json::from_slice::<Value>(data) else { return };
    match Registry::standard().build(&written) {
        Ok(policy) => decide(&*policy),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn decide(policy: &dyn Policy) {
    let (user, task) = (UserId::new("ana").expect("a user"), TaskId::new("t").expect("a task"));
    let context = Context::new(TenantId::single(), user, task, Timestamp::from_micros(0));
    let strategy = |name: &str| Arm::new(name.parse::<StrategyId>().expect("a strategy"));
    let arms = [strategy("a@1"), strategy("b@1"), strategy("c@1")];
    let snapshot = Snapshot::default();
    let request = ChoiceRequest::new(DecisionId::from_bytes([1; 16]), &context, &arms, &snapshot);
    let Ok(choice) = policy.choose(&request) else { return };
    let sum: f64 = choice.candidates.iter().map(|candidate| candidate.probability.get()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}: {choice:?}");
    let drawn = choice.candidates.iter().find(|candidate| candidate.strategy == choice.strategy);
    assert!(drawn.is_some_and(|drawn| drawn.probability == choice.propensity), "{choice:?}");
}
