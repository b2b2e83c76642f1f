//! An evaluator of your own, and a reward that counts it. Run it: `cargo run --example custom_evaluator`
//!
//! Three ways to write one: a closure, a `Heuristic`, an async `Evaluator` that says what it needs and where it runs.
//! `check_evaluator` tries each on hostile exchanges first; in a crate of your own, that is one test.

#[path = "shared/say.rs"]
mod say;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NotScored, Score, ScoreOutcome, UnitInterval};
use helm_orchestrator::eval::{
    self, Evaluator, Exchange, Heuristic, Need, Needs, RewardSpecConfig, Tier, check_evaluator,
};
use helm_orchestrator::{Helm, Task, TurnRequest};
use say::say;

/// Is the answer free of apologies? Sync, looks at the answer only.
struct NoApology(EvaluatorName);

impl Heuristic for NoApology {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let sorry = exchange.response.to_lowercase().contains("sorry");
        let value = if sorry { UnitInterval::ZERO } else { UnitInterval::ONE };
        ScoreOutcome::Scored(
            Score::new(value, UnitInterval::ONE).because("apologies are counted as failures"),
        )
    }
}

/// Does the answer agree with a knowledge base? Async, and honest about what it cannot judge.
struct KnowledgeBase(EvaluatorName);

#[async_trait]
impl Evaluator for KnowledgeBase {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Network])
    }

    fn tier(&self) -> Tier {
        Tier::Remote
    }

    async fn evaluate(&self, exchange: &Exchange<'_>) -> eval::Result<ScoreOutcome> {
        // A real one would ask a service here.
        tokio::task::yield_now().await;
        if !exchange.user.to_lowercase().contains("password") {
            return Ok(ScoreOutcome::NotScored(NotScored::NotApplicable(
                "only passwords are covered".to_owned(),
            )));
        }
        let value = if exchange.response.to_lowercase().contains("password") { 1.0 } else { 0.0 };
        Ok(ScoreOutcome::Scored(Score::new(UnitInterval::new(value)?, UnitInterval::ONE)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calm = eval::from_fn("calm", |exchange| if exchange.response.contains('!') { 0.3 } else { 1.0 })?;
    let no_apology = eval::inline(NoApology("no_apology".parse()?));
    let knowledge_base = KnowledgeBase("knowledge_base".parse()?);
    let own: [&dyn Evaluator; 3] = [&calm, &no_apology, &knowledge_base];
    for evaluator in own {
        check_evaluator(evaluator).await?;
    }

    let reward: RewardSpecConfig = serde_json::from_value(serde_json::json!({
        "version": 1,
        "terms": [
            { "evaluator": "relevance", "weight": 2.0 },
            { "evaluator": "calm", "weight": 1.0 },
            { "evaluator": "no_apology", "weight": 1.0 },
            { "evaluator": "knowledge_base", "weight": 2.0 },
        ],
    }))?;
    let task = Task::new("support")?
        .strategy("concise", "Answer in at most two sentences.")?
        .strategy("friendly", "Be warm, friendly and encouraging.")?
        .with_evaluator(Arc::new(calm))
        .with_evaluator(Arc::new(no_apology))
        .with_evaluator(Arc::new(knowledge_base))
        .with_reward(reward.build(&"own".parse()?)?);
    let helm = Helm::builder().task(task).build().await?;

    for message in ["How do I reset my password?", "Where is my parcel?"] {
        let turn = helm.turn(TurnRequest::new("ana", "support", message)?).await?;
        say(format_args!("{message}\n  {}", turn.answer.unwrap_or_default().replace('\n', "\n  ")));
        for entry in &turn.scores {
            match &entry.outcome {
                ScoreOutcome::Scored(score) => {
                    say(format_args!("  {:<16} {:.2}", entry.evaluator, score.value.get()))
                }
                ScoreOutcome::NotScored(why) => {
                    say(format_args!("  {:<16} not scored: {why:?}", entry.evaluator))
                }
            }
        }
        say(format_args!(
            "  reward           {:.2}\n",
            turn.reward.map_or(f64::NAN, |reward| reward.value.get())
        ));
    }
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
