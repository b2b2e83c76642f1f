//! A learner and a rule of your own, joined to a policy, held to the laws, and used. Run it:
//! `cargo run --example custom_policy`

#[path = "shared/say.rs"]
mod say;

use std::sync::Arc;

use helm_core::Context;
use helm_orchestrator::policy::{
    self, ArmEvidence, Belief, Learner, LearnerPolicy, Options, Policy, Posterior, Registry, Rule,
    conformance,
};
use helm_orchestrator::{Helm, Task, TurnRequest};
use say::say;

/// A learner: the mean of what was seen, drawn towards one half as if ten half rewards had come first.
struct Cautious;

impl Learner for Cautious {
    fn posterior(&self, arm: &ArmEvidence<'_>, _: &Context) -> policy::Result<Posterior> {
        let weight = arm.task.count + 10.0;
        let mean = (arm.task.sum + 5.0) / weight;
        Ok(Posterior::Normal { mean, deviation: 0.5 / weight.sqrt() })
    }
}

/// A rule: each strategy by the square of its mean.
struct BySquare;

impl Rule for BySquare {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> policy::Result<()> {
        let squares = beliefs.iter().map(|belief| belief.posterior.mean().powi(2));
        out.iter_mut().zip(squares).for_each(|(out, square)| *out = square);
        Ok(())
    }
}

/// What a configuration's `policy = { kind = "by_square" }` becomes.
fn by_square(_: &serde_json::Value) -> policy::Result<Arc<dyn Policy>> {
    let invalid = |error: helm_core::Error| policy::Error::InvalidConfig { message: error.to_string() };
    let name = "by_square".parse().map_err(invalid)?;
    Ok(Arc::new(LearnerPolicy::new(name, "by_square 1", Cautious, BySquare, Options::default())?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::standard();
    registry.register("by_square", by_square)?;
    let policy = registry.build(&serde_json::json!({ "kind": "by_square" }))?;
    conformance::learner(&Cautious);
    conformance::rule(&BySquare);
    conformance::policy(&policy);
    say("by_square keeps the laws");

    let task = Task::new("support")?.strategy("concise", "Answer in at most two sentences.")?;
    let task = task.strategy("stepwise", "Answer step by step, as a numbered list.")?;
    let helm = Helm::builder().task(task.with_custom_policy(policy)).build().await?;
    let turn = helm.turn(TurnRequest::new("ana", "support", "How do I reset my password?")?).await?;
    say(format_args!("{}", helm.explain(turn.decision_id).await?.why));
    Ok(())
}
