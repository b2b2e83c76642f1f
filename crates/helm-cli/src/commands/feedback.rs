use helm_core::{DecisionId, Feedback, IdempotencyKey, SourceName, UnitInterval};
use helm_orchestrator::store::Applied;

use crate::arguments::{FeedbackArguments, Global, Thumbs};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

pub(super) async fn run(global: &Global, arguments: &FeedbackArguments) -> Result<()> {
    let feedback = feedback(arguments)?;
    let helm = open::existing(global, &arguments.of).await?;
    let recorded = helm.feedback(feedback).await;
    open::close(&helm).await;
    let receipt = recorded?;
    let reward = receipt.reward.map(|reward| reward.value.get());
    if global.output != Format::Table {
        let value =
            serde_json::json!({ "decision_id": arguments.id, "applied": receipt.applied, "reward": reward });
        return output::json(global.output, &value);
    }
    let done = match receipt.applied {
        Applied::Duplicate => "it was known already; nothing changed",
        Applied::Corrected => "it replaces the earlier one",
        _ => "it is new",
    };
    output::line(&format!("recorded: {done}; the reward is now {}", output::number(reward)))
}

fn feedback(arguments: &FeedbackArguments) -> Result<Feedback> {
    let id: DecisionId = arguments.id.parse()?;
    let judgement = &arguments.judgement;
    let feedback = match (judgement.rating, judgement.value, judgement.thumbs) {
        (Some(rating), _, _) => Feedback::rating(id, rating)?,
        (_, Some(value), _) => Feedback::new(id, UnitInterval::new(value)?),
        (_, _, Some(thumbs)) => Feedback::thumbs(id, thumbs == Thumbs::Up),
        _ => return Err(Failure::wrong("give --rating, --value or --thumbs")),
    };
    let feedback = feedback.from_source(SourceName::new(&arguments.source)?);
    Ok(match &arguments.key {
        Some(key) => feedback.with_key(IdempotencyKey::new(key)?),
        None => feedback,
    })
}
