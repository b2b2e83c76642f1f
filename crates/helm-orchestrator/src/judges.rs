//! Model judges, in durable work beside the turns.
//!
//! Whether a turn is judged is drawn when it ends, and the job stands in the transaction that commits it. What a judge says is
//! recorded as a source of its own (`judge:NAME`), so the settlement that corrections of people go through applies it, once
//! whatever happens: a job that runs again finds it there.

use std::sync::Arc;

use helm_core::{
    Decision, DecisionId, EvaluatorName, Feedback, JudgeDraw, NanoUsd, NotScored, PolicyHash, Probability,
    ScoreEntry, ScoreOutcome, SourceName, TaskId, TenantId, UnitInterval,
};
use helm_eval::Exchange;
use helm_eval::judge::{Cached, Judged, Judging};
use helm_llm::Call;
use helm_store::{NewJob, TurnRecord, TurnView};
use serde::{Deserialize, Serialize};

use crate::background::Undone;
use crate::error::Result;
use crate::inner::Inner;
use crate::ledger::{Ledger, Spent};
use crate::seldom::Seldom;

/// The kind of job that has a turn judged.
pub(crate) const JUDGE: &str = "judge";
/// After as many failures the turn is left unjudged.
const ATTEMPTS: u32 = 4;
/// How many verdicts a process keeps for exchanges that come again.
const KEPT: usize = 1_024;
/// A verdict that is less sure is none.
const LEAST_CONFIDENCE: f64 = 0.3;
/// What data sets measure under names of their own.
const MEASURES: [&str; 4] = ["reward", "dollars", "seconds", "errors"];

/// A model judge of a task's turns: who judges, which turns, and for how much money a day.
#[derive(Clone)]
pub struct TaskJudge {
    judge: Arc<Cached<Arc<dyn Judging>>>,
    rate: Probability,
    uncertain_rate: Probability,
    uncertain_spread: f64,
    new_strategy_turns: u64,
    dollars_per_day: Option<NanoUsd>,
    judgements_per_day: Option<u64>,
    /// Whether somebody was told that it was not asked.
    told: Arc<Seldom>,
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
            judgements_per_day: None,
            told: Arc::default(),
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

    /// Sets how many turns it may be asked about a day (in UTC) and tenant, over all processes; `None`, as is usual, for no
    /// bound. This bounds judges whose prices nobody knows.
    #[must_use]
    pub fn with_judgements_per_day(mut self, most: Option<u64>) -> Self {
        self.judgements_per_day = most;
        self
    }

    /// Asks it outside of turns, as for a data set: nothing is set aside for that. A verdict counts as beside turns: one that is
    /// hardly sure is none, and any other counts in full.
    pub async fn ask(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        let mut judged = self.judge.judge(exchange, call).await;
        if let ScoreOutcome::Scored(score) = &mut judged.outcome {
            if score.confidence.get() < LEAST_CONFIDENCE {
                let unsure = NotScored::Failed("the judge is not sure of its verdict".to_owned());
                judged.outcome = ScoreOutcome::NotScored(unsure);
            } else {
                score.confidence = UnitInterval::ONE;
            }
        }
        judged
    }

    /// The most that judging this can cost; `None` when that is not known.
    #[must_use]
    pub fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        self.judge.most(exchange)
    }

    /// Everything that its verdict depends on but what is judged.
    #[must_use]
    pub fn identity(&self) -> String {
        self.judge.identity()
    }

    /// The judge's name.
    #[must_use]
    pub fn name(&self) -> &EvaluatorName {
        self.judge.name()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        SourceName::judge(self.name()).map_err(|error| error.to_string())?;
        if MEASURES.contains(&self.name().as_str()) {
            return Err("data sets measure something else under this name; give the judge another".to_owned());
        }
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
    fn probability(&self, decision: &Decision, scores: &[ScoreEntry]) -> Probability {
        let pulls = decision.candidates.iter().find(|candidate| candidate.strategy == decision.strategy);
        if pulls.is_none_or(|candidate| candidate.pulls < self.new_strategy_turns) {
            return Probability::ONE;
        }
        match spread(scores) >= self.uncertain_spread && self.uncertain_rate.get() > self.rate.get() {
            true => self.uncertain_rate,
            false => self.rate,
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

/// Which turn a job is about, and by which judge.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    decision: DecisionId,
    task: TaskId,
    judge: EvaluatorName,
}

/// Draws which judges are asked about a turn that has just ended: the jobs stand in its record, and with which probability each was
/// drawn in its outcome.
pub(crate) fn draw(judges: &[TaskJudge], decision: &Decision, record: &mut TurnRecord) {
    if !record.outcome.status.is_answered() || !decision.mode.teaches() {
        return;
    }
    // Turns have no reference, nor anything else that a judge may need.
    for judge in judges.iter().filter(|judge| judge.judge.needs().is_empty()) {
        let probability = judge.probability(decision, &record.outcome.scores);
        let drawn = share_of(decision.id, judge.name()) < probability.get();
        record.outcome.judging.push(JudgeDraw { judge: judge.name().clone(), probability, drawn });
        if drawn {
            record.jobs.push(job(judge, decision.id, record));
        }
    }
}

fn job(judge: &TaskJudge, decision: DecisionId, record: &TurnRecord) -> NewJob {
    let (task, name) = (record.task.clone(), judge.name());
    NewJob {
        kind: JUDGE.to_owned(),
        dedupe: format!("{JUDGE}:{name}:{decision}"),
        body: serde_json::json!(About { decision, task, judge: name.clone() }),
        run_at: record.outcome.at,
        max_attempts: ATTEMPTS,
    }
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
            inner.weigh(tenant).await?;
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
        // Nobody was asked, so nobody will be for turns like this one until something is changed.
        ScoreOutcome::NotScored(NotScored::Failed(why)) if judged.calls == 0 => {
            if judge.told.is_due() {
                tracing::warn!(decision = %about.decision, judge = %about.judge, why, "a judge was not asked");
            }
            count(about, "not_asked");
            Ok(())
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

/// Judges, when what is left of the day allows it; takes down what it did cost.
async fn spend(
    inner: &Inner,
    tenant: &TenantId,
    judge: &TaskJudge,
    exchange: &Exchange<'_>,
) -> Result<Option<Judged>, Undone> {
    let ledger = Ledger::of_today(inner, tenant, judge.name());
    let Some(reserved) = set_aside(&ledger, judge, exchange).await? else { return Ok(None) };
    let call = Call::new(tenant.clone()).with_cancel(inner.abort.child_token());
    let judged = judge.judge.judge(exchange, &call).await;
    if let Some(cost) = judged.cost {
        metrics::counter!("helm_judge_cost_nano_usd_total", "judge" => judge.name().to_string())
            .increment(u64::try_from(cost.nanos()).unwrap_or(0));
    }
    give_back(&ledger, reserved, &judged).await;
    Ok(Some(judged))
}

/// Sets aside the most that a judgement can cost; `None` when the day has not so much left.
async fn set_aside(
    ledger: &Ledger<'_>,
    judge: &TaskJudge,
    exchange: &Exchange<'_>,
) -> Result<Option<Spent>, Undone> {
    let nanos = match judge.dollars_per_day {
        None => 0,
        Some(_) => match judge.judge.most(exchange) {
            Some(most) => most.nanos(),
            None => return Ok(None),
        },
    };
    if judge.dollars_per_day.is_none() && judge.judgements_per_day.is_none() {
        return Ok(Some(Spent::default()));
    }
    let one = Spent { judgements: 1, nanos };
    let after = ledger.add(one).await?;
    let is_too_dear = judge.dollars_per_day.is_some_and(|cap| after.nanos > cap.nanos());
    let is_too_often = judge
        .judgements_per_day
        .is_some_and(|cap| i64::try_from(cap).is_ok_and(|cap| after.judgements > cap));
    if is_too_dear || is_too_often {
        ledger.add(one.negated()).await?;
        return Ok(None);
    }
    Ok(Some(one))
}

/// Gives back what was set aside and not needed. What nobody knows the cost of may have cost the most.
async fn give_back(ledger: &Ledger<'_>, reserved: Spent, judged: &Judged) {
    let nanos =
        judged.cost.map_or(0, |cost| if reserved.nanos > 0 { cost.nanos() - reserved.nanos } else { 0 });
    let judgements = if judged.calls == 0 { -reserved.judgements } else { 0 };
    let back = Spent { judgements, nanos };
    // The judgement is paid for; it is not lost because the day has less left than it could.
    if back != Spent::default()
        && let Err(error) = ledger.add(back).await
    {
        tracing::warn!(error = %error.report(), "what a judgement did not cost stays set aside");
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
