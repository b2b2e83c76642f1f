//! A task's log under another reward, without changing anything.

use helm_core::{
    DecisionId, JudgeDraw, Probability, SourceName, StrategyId, TaskId, TenantId, Timestamp, UnitInterval,
};
use helm_eval::RewardSpec;
use helm_store::{Case, SettledDecision};

use crate::error::Result;
use crate::inner::Inner;
use crate::settle::compose;

/// Decisions that are read at a time.
const PAGE: usize = 500;

/// What a decision is worth under another reward.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Rescored {
    /// Which decision.
    pub decision: DecisionId,
    /// When it was made.
    pub at: Timestamp,
    /// Which strategy it chose.
    pub strategy: StrategyId,
    /// The reward that is stored.
    pub stored: Option<UnitInterval>,
    /// What the other reward says.
    pub rewarded: Option<UnitInterval>,
    /// What the other reward says without people's part in it.
    pub machine: Option<UnitInterval>,
    /// What the other reward says without people and without model judges.
    pub unjudged: Option<UnitInterval>,
    /// How likely it was that all judges that the reward counts are asked about it, where all have spoken; `None` otherwise.
    pub judged: Option<Probability>,
    /// Whether it is known how likely the judges were to be asked, and each could have been.
    pub drawn: bool,
    /// The mean of what people last said.
    pub people: Option<UnitInterval>,
}

/// Composes the stored evidence of a task's decisions again, oldest first.
pub(crate) async fn rescore(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    spec: &RewardSpec,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Rescored>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = inner.store.log().settled(tenant, task, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.decision.id);
        for settled in &page {
            all.push(one(spec, settled)?);
        }
        progress(all.len() as u64);
    }
}

fn one(spec: &RewardSpec, settled: &SettledDecision) -> Result<Rescored> {
    let value = |case: &Case<'_>| {
        let composed = compose(spec, case).map_err(helm_eval::Error::Evaluator)?;
        Ok::<_, crate::Error>(composed.map(|reward| reward.value))
    };
    let case = settled.case();
    let judged: Vec<_> =
        settled.feedback.iter().filter(|(source, _)| source.as_judge().is_some()).cloned().collect();
    let without = Case::new(&settled.decision, settled.outcome.as_ref(), &judged, false);
    let draws = draws(spec, settled);
    let people = settled.feedback.iter().filter(|(source, _)| source.as_judge().is_none());
    let people: Vec<f64> = people.map(|(_, value)| value.get()).collect();
    let mean = people.iter().sum::<f64>() / people.len().max(1) as f64;
    Ok(Rescored {
        decision: settled.decision.id,
        at: settled.decision.at,
        strategy: settled.decision.strategy.clone(),
        stored: settled.reward.as_ref().map(|reward| reward.value),
        rewarded: value(&case)?,
        machine: value(&without)?,
        unjudged: value(&Case::new(&settled.decision, settled.outcome.as_ref(), &[], false))?,
        judged: probability(&draws, &judged)?,
        drawn: !draws.is_empty() && draws.iter().all(|draw| draw.probability.get() > 0.0),
        people: if people.is_empty() { None } else { Some(UnitInterval::clamped(mean)?) },
    })
}

/// With which probabilities the judges that the reward counts were drawn.
fn draws<'a>(spec: &RewardSpec, settled: &'a SettledDecision) -> Vec<&'a JudgeDraw> {
    let all = settled.outcome.as_ref().map_or(&[][..], |outcome| &outcome.judging);
    all.iter().filter(|draw| spec.evaluators().any(|name| *name == draw.judge)).collect()
}

/// How likely it was that all are asked, where all have spoken: each was drawn by itself.
fn probability(draws: &[&JudgeDraw], judged: &[(SourceName, UnitInterval)]) -> Result<Option<Probability>> {
    let spoke = |draw: &&JudgeDraw| {
        draw.drawn && judged.iter().any(|(source, _)| source.as_judge() == Some(draw.judge.as_str()))
    };
    if draws.is_empty() || !draws.iter().all(spoke) {
        return Ok(None);
    }
    let all: f64 = draws.iter().map(|draw| draw.probability.get()).product();
    Ok(Some(Probability::new(all)?))
}
