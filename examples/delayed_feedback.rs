//! Feedback that comes late, twice, corrected, from two sources, and after a restart. Run it:
//! `cargo run --example delayed_feedback`
//!
//! A decision counts once: what changes is its reward.

#[path = "shared/say.rs"]
mod say;

use std::path::Path;
use std::time::Duration;

use helm_core::{Feedback, SourceName, TaskId};
use helm_orchestrator::{Helm, Task, TurnRequest};
use say::say;

async fn open(path: &Path) -> Result<Helm, Box<dyn std::error::Error>> {
    let task = Task::new("support")?
        .strategy("concise", "Answer in at most two sentences.")?
        .strategy("thorough", "Answer formally and in depth, with an example.")?;
    Ok(Helm::builder().sqlite(path).task(task).build().await?)
}

async fn give(helm: &Helm, what: &str, feedback: Feedback) -> Result<(), Box<dyn std::error::Error>> {
    let receipt = helm.feedback(feedback).await?;
    let reward = receipt.reward.map_or(f64::NAN, |reward| reward.value.get());
    say(format_args!("{what:<44} {:?}, reward now {reward:.3}", receipt.applied));
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("helm.db");

    let helm = open(&path).await?;
    let turn = helm.turn(TurnRequest::new("ana", "support", "My invoice is wrong.")?).await?;
    let id = turn.decision_id;
    say(format_args!(
        "decision {id}, reward from evaluators {:.3}",
        turn.reward.map_or(f64::NAN, |r| r.value.get())
    ));
    helm.shutdown(Duration::from_secs(5)).await;

    say("-- the process ends and another begins --");
    let helm = open(&path).await?;
    give(&helm, "the user rates 2 of 5", Feedback::rating(id, 2.0)?).await?;
    give(&helm, "the same request is sent again", Feedback::rating(id, 2.0)?).await?;
    give(&helm, "the user changes their mind: 5 of 5", Feedback::rating(id, 5.0)?).await?;
    let reviewer = SourceName::new("reviewer")?;
    give(&helm, "a reviewer gives thumbs up", Feedback::thumbs(id, true).from_source(reviewer)).await?;

    let report = helm.report(&TaskId::new("support")?).await?;
    for strategy in report.strategies.iter().filter(|strategy| strategy.pulls > 0) {
        let (reward, feedback) = (strategy.reward, strategy.feedback);
        say(format_args!(
            "{}: {} decision, {} reward, {} judgements of people",
            strategy.strategy, strategy.pulls, reward.count, feedback.count
        ));
    }
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
