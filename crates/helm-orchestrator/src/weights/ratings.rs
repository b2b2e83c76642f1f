use std::collections::BTreeSet;

use helm_core::{
    EvaluatorName, PolicyHash, Score, ScoreEntry, ScoreOutcome, TaskId, TenantId, Timestamp, UnitInterval,
};
use helm_eval::dataset::RatedAnswer;
use helm_store::{FeedbackEntry, LogQuery, TurnView};

use crate::error::Result;
use crate::inner::Inner;

/// Turns that are read at a time.
const PAGE: usize = 500;
/// How many of a task's newest turns are looked at.
const MOST_TURNS: usize = 50_000;

/// Rated answers, those first that were there at some moment.
pub(super) struct Ratings {
    pub(super) answers: Vec<RatedAnswer>,
    /// The place of the first one that was not.
    pub(super) since: usize,
}

/// The newest answers of a task that people rated, at most so many. Those count as new that were rated after `seen`, and whose request
/// was not rated before.
pub(super) async fn ratings(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    most: usize,
    seen: Option<Timestamp>,
) -> Result<Ratings> {
    let query = LogQuery::default().with_task(task.clone());
    let (mut old, mut new, mut after, mut looked) = (Vec::new(), Vec::new(), None, 0);
    while old.len() + new.len() < most && looked < MOST_TURNS {
        let page = inner.store.log().scan(tenant, &query, after.as_ref(), PAGE).await?;
        looked += page.items.len();
        for turn in &page.items {
            let Some((answer, at)) = of_turn(turn)? else { continue };
            match seen.is_some_and(|seen| at > seen) {
                true => new.push(answer),
                false => old.push(answer),
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let known: BTreeSet<String> = old.iter().map(|answer: &RatedAnswer| answer.request.clone()).collect();
    let (again, new): (Vec<_>, Vec<_>) = new.into_iter().partition(|answer| known.contains(&answer.request));
    old.extend(again);
    let since = old.len();
    Ok(Ratings { answers: old.into_iter().chain(new).collect(), since })
}

/// A rated turn, and when it was first rated.
fn of_turn(turn: &TurnView) -> Result<Option<(RatedAnswer, Timestamp)>> {
    let people: Vec<&FeedbackEntry> =
        turn.feedback.iter().filter(|entry| entry.source.as_judge().is_none()).collect();
    let Some(at) = people.iter().map(|entry| entry.at).min() else { return Ok(None) };
    let mean = people.iter().map(|entry| entry.value.get()).sum::<f64>() / people.len() as f64;
    Ok(rated(turn, UnitInterval::clamped(mean)?).map(|answer| (answer, at)))
}

/// A rated turn, as weights are learned from it; `None` where nothing was scored. No text is kept.
pub(crate) fn rated(turn: &TurnView, people: UnitInterval) -> Option<RatedAnswer> {
    let mut scores = turn.outcome.as_ref()?.scores.clone();
    scores.extend(turn.feedback.iter().filter_map(judged));
    if scores.iter().all(|entry| entry.outcome.score().is_none()) {
        return None;
    }
    // Texts may have been erased: then each turn is a request of its own.
    let asked = turn.input.as_deref().filter(|text| !text.is_empty());
    let request = asked.map_or_else(|| turn.id.to_string(), |text| PolicyHash::of(text).to_string());
    let mut answer = RatedAnswer::new(request, people, scores);
    answer.words = turn.output.as_deref().map_or(0, |text| text.split_whitespace().count());
    answer.strategy = turn.decision.as_ref().map(|decision| decision.strategy.to_string());
    Some(answer)
}

/// What a model judge said, as a score.
fn judged(entry: &FeedbackEntry) -> Option<ScoreEntry> {
    let evaluator = EvaluatorName::new(entry.source.as_judge()?).ok()?;
    Some(ScoreEntry { evaluator, outcome: ScoreOutcome::Scored(Score::new(entry.value, UnitInterval::ONE)) })
}
