//! About how much memory a queued write holds: enough to keep the queue from eating a process.

use helm_core::{Decision, Message, Outcome};
use serde_json::Value;

use crate::job::NewJob;
use crate::preference::PreferenceChange;
use crate::records::TurnRecord;
use crate::vector::Memory;

/// The fixed part of any write.
pub(crate) const SMALL: usize = 512;

pub(crate) fn decision(decision: &Decision) -> usize {
    let strategies = decision.candidates.len() + decision.excluded.len();
    2 * SMALL + 128 * strategies + 8 * decision.context.features.values().len()
}

pub(crate) fn outcome(outcome: &Outcome) -> usize {
    SMALL + 256 * (outcome.scores.len() + outcome.violations.len())
}

pub(crate) fn turn(turn: &TurnRecord) -> usize {
    let text = turn.input.len() + turn.output.as_ref().map_or(0, String::len);
    let messages: usize = turn.messages.iter().map(message).sum();
    SMALL
        + outcome(&turn.outcome)
        + text
        + messages
        + changes(&turn.preferences)
        + memories(&turn.memories)
        + jobs(&turn.jobs)
}

fn message(message: &Message) -> usize {
    64 + message.joined_text().len()
}

pub(crate) fn memories(memories: &[Memory]) -> usize {
    let size =
        |memory: &Memory| 128 + memory.text.len() + 4 * memory.embedding.len() + json(&memory.metadata);
    memories.iter().map(size).sum()
}

pub(crate) fn jobs(jobs: &[NewJob]) -> usize {
    jobs.iter().map(|job| 128 + job.dedupe.len() + json(&job.body)).sum()
}

pub(crate) fn changes(changes: &[PreferenceChange]) -> usize {
    let size = |change: &PreferenceChange| match change {
        PreferenceChange::Set { name, value } => 64 + name.len() + json(value),
        PreferenceChange::Increment { name, .. } | PreferenceChange::Remove { name } => 64 + name.len(),
    };
    changes.iter().map(size).sum()
}

pub(crate) fn json(value: &Value) -> usize {
    match value {
        Value::String(text) => 32 + text.len(),
        Value::Array(values) => 32 + values.iter().map(json).sum::<usize>(),
        Value::Object(values) => {
            32 + values.iter().map(|(name, value)| name.len() + json(value)).sum::<usize>()
        }
        _ => 32,
    }
}
