//! Model judges, in durable work beside the turns.
//!
//! Whether a turn is judged is drawn when it ends, and the job stands in the transaction that commits it. What a judge says is
//! recorded as a source of its own (`judge:NAME`), so the settlement that corrections of people go through applies it, once
//! whatever happens: a job that runs again finds it there.

use std::sync::Arc;

use helm_core::{
    Decision, DecisionId, EvaluatorName, Feedback, NanoUsd, NotScored, PolicyHash, Probability, ScoreEntry,
    ScoreOutcome, SourceName, TaskId, TenantId, UserId,
};
use helm_eval::Exchange;
use helm_eval::judge::{Cached, Judged, Judging};
use helm_llm::Call;
use helm_store::{NewJob, PreferenceChange, TurnRecord, TurnView};
use serde::{Deserialize, Serialize};

use crate::background::Undone;
use crate::error::Result;
use crate::inner::Inner;

/// The kind of job that has a turn judged.
pub(crate) const JUDGE: &str = "judge";
/// After as many failures the turn is left unjudged.
const ATTEMPTS: u32 = 4;
/// How many verdicts a process keeps for exchanges that come again.
const KEPT: usize = 1_024;
/// In whose preferences it is kept what judges have spent on which day.
const LEDGER: &str = "helm/judges";
const DAY: i64 = 86_400_000_000;
/// A verdict that is less sure is none.
const LEAST_CONFIDENCE: f64 = 0.3;

/// A model judge of a task's turns: who judges, which turns, and for how much money a day.
#[derive(Clone)]
pub struct TaskJudge {
    judge: Arc<Cached<Arc<dyn Judging>>>,
    rate: Probability,
    uncertain_rate: Probability,
    uncertain_spread: f64,
    new_strategy_turns: u64,
    dollars_per_day: Option<NanoUsd>,
}

impl TaskJudge {
    /// A judge of one turn in ten, of every second turn whose scores disagree (a standard deviation of .25), and of every turn
    /// of strategies with fewer than 20 rewards, for one dollar a day.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new(judge: Arc<dyn Judging>) -> Result<Self> {
        Ok(Self {
            judge: Arc::new(Cached::new(judge, KEPT)),
            rate: Probability::new(0.1)?,
            uncertain_rate: Probability::new(0.5)?,
            uncertain_spread: 0.25,
            new_strategy_turns: 20,
            dollars_per_day: Some(NanoUsd::from_dollars(1.0)?),
        })
    }

    /// Sets which share of the turns is judged in any case.
    #[must_use]
    pub fn with_rate(mut self, rate: Probability) -> Self {
        self.rate = rate;
        self
    }

    /// Sets which share of the turns is judged whose scores disagree.
    #[must_use]
    pub fn with_uncertain_rate(mut self, rate: Probability) -> Self {
        self.uncertain_rate = rate;
        self
    }

    /// Sets below how many rewards a strategy is so new that all its turns are judged.
    #[must_use]
    pub fn with_new_strategy_turns(mut self, turns: u64) -> Self {
        self.new_strategy_turns = turns;
        self
    }

    /// Sets what it may spend a day (in UTC) and tenant, over all processes; `None` for no bound. What a judgement can cost at
    /// most is set aside before it is asked for, so the bound holds.
    #[must_use]
    pub fn with_dollars_per_day(mut self, most: Option<NanoUsd>) -> Self {
        self.dollars_per_day = most;
        self
    }

    /// The judge's name.
    #[must_use]
    pub fn name(&self) -> &EvaluatorName {
        self.judge.name()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        SourceName::judge(self.name()).map_err(|error| error.to_string())?;
        let priced = self.judge.most(&Exchange::new("", "")).is_some();
        if self.dollars_per_day.is_some() && !priced {
            return Err(
                "what its model costs is not known, so no bound on dollars can hold; give the model \
                        input_price and output_price (0 for one of your own), or lift the bound"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// How likely a turn is to be judged.
    fn probability(&self, decision: &Decision, scores: &[ScoreEntry]) -> f64 {
        let pulls = decision.candidates.iter().find(|candidate| candidate.strategy == decision.strategy);
        if pulls.is_none_or(|candidate| candidate.pulls < self.new_strategy_turns) {
            return 1.0;
        }
        match spread(scores) >= self.uncertain_spread {
            true => self.uncertain_rate.get().max(self.rate.get()),
            false => self.rate.get(),
        }
    }
}

/// The standard deviation of the scores: how much evaluators disagree.
fn spread(scores: &[ScoreEntry]) -> f64 {
    let values: Vec<f64> =
        scores.iter().filter_map(|entry| Some(entry.outcome.score()?.value.get())).collect();
    let count = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Which turn a job is about, and by which judge; and how likely it was to be chosen, for whoever weighs by that.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    decision: DecisionId,
    task: TaskId,
    judge: EvaluatorName,
    probability: f64,
}

/// The jobs that judge a turn which has just ended.
pub(crate) fn jobs(judges: &[TaskJudge], decision: &Decision, record: &TurnRecord) -> Vec<NewJob> {
    if !record.outcome.status.is_answered() || !decision.mode.teaches() {
        return Vec::new();
    }
    let job = |judge: &TaskJudge| {
        let probability = judge.probability(decision, &record.outcome.scores);
        let drawn = share_of(decision.id, judge.name()) < probability;
        drawn.then(|| NewJob {
            kind: JUDGE.to_owned(),
            dedupe: format!("{JUDGE}:{}:{}", judge.name(), decision.id),
            body: serde_json::json!(About {
                decision: decision.id,
                task: record.task.clone(),
                judge: judge.name().clone(),
                probability,
            }),
            run_at: record.outcome.at,
            max_attempts: ATTEMPTS,
        })
    };
    judges.iter().filter_map(job).collect()
}

/// A number from 0 to 1 that is as good as drawn, and the same whenever it is asked for.
fn share_of(decision: DecisionId, judge: &EvaluatorName) -> f64 {
    let hash = PolicyHash::of(&format!("{decision}/{judge}"));
    let bits = u64::from_str_radix(hash.as_str(), 16).unwrap_or(u64::MAX);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Has a turn judged, and records what was said.
pub(crate) async fn judge(inner: &Inner, tenant: &TenantId, about: &About) -> Result<(), Undone> {
    let task = inner.task(&about.task)?;
    let Some(judge) = task.judges.iter().find(|judge| *judge.name() == about.judge) else {
        // Another process may be configured with it.
        return Err(Undone::Elsewhere);
    };
    let source = SourceName::judge(&about.judge).map_err(crate::Error::from)?;
    let Some(turn) = inner.store.log().turn(tenant, about.decision).await? else { return Ok(()) };
    let Some((input, output)) = texts(&turn) else { return Ok(()) };
    if turn.feedback.iter().any(|entry| entry.source == source) {
        return Ok(());
    }
    let Some(judged) = spend(inner, tenant, judge, &Exchange::new(input, output)).await? else {
        count(about, "over_budget");
        return Ok(());
    };
    match judged.outcome {
        ScoreOutcome::Scored(score) if score.confidence.get() >= LEAST_CONFIDENCE => {
            let feedback = Feedback::new(about.decision, score.value).from_source(source);
            let (at, settler) = (inner.clock.now(), Arc::clone(&inner.settler));
            inner.store.record_feedback(tenant, &feedback, at, settler).await?;
            count(about, "judged");
            Ok(())
        }
        ScoreOutcome::Scored(_) => {
            count(about, "unsure");
            Ok(())
        }
        // What was asked and not answered may be answered later; what was not asked, or answered with no verdict, will not.
        ScoreOutcome::NotScored(NotScored::Failed(why)) if judged.cost.is_none() && judged.calls > 0 => {
            Err(Undone::Failed(why))
        }
        ScoreOutcome::NotScored(why) => {
            tracing::debug!(decision = %about.decision, judge = %about.judge, ?why, "a turn was not judged");
            count(about, "no_verdict");
            Ok(())
        }
    }
}

/// What is judged; `None` when there is nothing, or it was erased.
fn texts(turn: &TurnView) -> Option<(&str, &str)> {
    let (input, output) = (turn.input.as_deref()?, turn.output.as_deref()?);
    (!input.is_empty() && !output.is_empty()).then_some((input, output))
}

/// Judges, when the day's money allows the most that this can cost; takes down what it did cost.
async fn spend(
    inner: &Inner,
    tenant: &TenantId,
    judge: &TaskJudge,
    exchange: &Exchange<'_>,
) -> Result<Option<Judged>, Undone> {
    let call = Call::new(tenant.clone()).with_cancel(inner.abort.child_token());
    let Some(cap) = judge.dollars_per_day else {
        return Ok(Some(judge.judge.judge(exchange, &call).await));
    };
    let Some(most) = judge.judge.most(exchange) else { return Ok(None) };
    let ledger = Ledger::of_today(inner, tenant, judge.name());
    let spent = ledger.add(most.nanos()).await?;
    if spent > cap.nanos() {
        ledger.add(-most.nanos()).await?;
        return Ok(None);
    }
    let judged = judge.judge.judge(exchange, &call).await;
    // What nobody knows the cost of may have cost the most.
    if let Some(cost) = judged.cost {
        ledger.add(cost.nanos() - most.nanos()).await?;
        metrics::counter!("helm_judge_cost_nano_usd_total", "judge" => judge.name().to_string())
            .increment(u64::try_from(cost.nanos()).unwrap_or(0));
    }
    Ok(Some(judged))
}

/// What a judge has spent and set aside today, in the store: all processes see the same, and it outlives them.
struct Ledger<'a> {
    inner: &'a Inner,
    tenant: &'a TenantId,
    judge: &'a EvaluatorName,
    day: i64,
}

impl<'a> Ledger<'a> {
    fn of_today(inner: &'a Inner, tenant: &'a TenantId, judge: &'a EvaluatorName) -> Self {
        Self { inner, tenant, judge, day: inner.clock.now().as_micros().div_euclid(DAY) }
    }

    /// Adds so many billionths of a dollar; the sum of the day after it.
    async fn add(&self, nanos: i64) -> Result<i64, Undone> {
        let (user, name) = (UserId::new(LEDGER).map_err(crate::Error::from)?, self.name(self.day));
        // Days that are over are not needed any more.
        let changes = [
            PreferenceChange::Increment { name: name.clone(), by: nanos },
            PreferenceChange::Remove { name: self.name(self.day - 2) },
        ];
        let after = self.inner.store.preferences().apply(self.tenant, &user, &changes, None).await?;
        Ok(after.values.get(&name).and_then(serde_json::Value::as_i64).unwrap_or(i64::MAX))
    }

    fn name(&self, day: i64) -> String {
        format!("{}/{day}", self.judge)
    }
}

fn count(about: &About, result: &'static str) {
    metrics::counter!("helm_judgements_total", "judge" => about.judge.to_string(), "result" => result)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_drawn_evenly_and_always_the_same() {
        let name = EvaluatorName::new("helpful").unwrap();
        let share = |number: u16| {
            let mut bytes = [0; 16];
            bytes[14..].copy_from_slice(&number.to_be_bytes());
            share_of(DecisionId::from_bytes(bytes), &name)
        };
        let drawn = (0..10_000).filter(|number| share(*number) < 0.1).count();
        assert!((900..1_100).contains(&drawn), "{drawn} of 10,000");
        assert_eq!(share(7).to_bits(), share(7).to_bits());
    }

    #[test]
    fn scores_disagree_by_their_spread() {
        let entry = |value: f64| {
            let value = helm_core::UnitInterval::new(value).unwrap();
            let score = helm_core::Score::new(value, helm_core::UnitInterval::ONE);
            let outcome = ScoreOutcome::Scored(score);
            ScoreEntry { evaluator: EvaluatorName::new("x").unwrap(), outcome }
        };
        assert_eq!(spread(&[entry(0.3)]), 0.0);
        assert!((spread(&[entry(0.0), entry(1.0)]) - 0.5).abs() < 1e-12);
    }
}
