use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use helm_core::{EvaluatorName, NanoUsd, Score};
use helm_llm::Call;

use super::judging::sum;
use super::{Judged, Judging};
use crate::error::{Error, Result};
use crate::evaluators::scored;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs};

/// What several judges say together: their median, which one of them cannot move far.
///
/// The confidence is the mean of theirs, less how far they are apart (their mean distance from the median, doubled). When fewer
/// than half of them have a score there is none. Small judges of different families do as well as a large one (Verga et al.,
/// "Replacing judges with juries", 2024).
pub struct Panel {
    name: EvaluatorName,
    members: Vec<Arc<dyn Judging>>,
}

impl Panel {
    /// A panel of these judges, who are asked at once.
    ///
    /// # Errors
    ///
    /// Fails when `name` is not an evaluator's name, and for fewer than two judges.
    pub fn new(name: &str, members: Vec<Arc<dyn Judging>>) -> Result<Self> {
        if members.len() < 2 {
            return Err(Error::InvalidSpec { message: "a panel needs at least two judges".to_owned() });
        }
        Ok(Self { name: EvaluatorName::new(name)?, members })
    }
}

#[async_trait]
impl Judging for Panel {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn needs(&self) -> Needs {
        union(&self.members)
    }

    fn identity(&self) -> String {
        let members: Vec<String> = self.members.iter().map(Judging::identity).collect();
        format!("panel/1/{members:?}")
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        let all = self.members.iter().map(|member| member.most(exchange));
        all.fold(Some(NanoUsd::from_nanos(0)), sum)
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        let said = join_all(self.members.iter().map(|member| member.judge(exchange, call))).await;
        let scores: Vec<&Score> = said.iter().filter_map(|judged| judged.outcome.score()).collect();
        let judged = if scores.len() * 2 < self.members.len() || scores.is_empty() {
            Judged::failed(format!("only {} of {} judges gave a verdict", scores.len(), self.members.len()))
        } else {
            Judged::free(together(&scores))
        };
        judged.after(&said)
    }
}

fn together(scores: &[&Score]) -> helm_core::ScoreOutcome {
    let mut values: Vec<f64> = scores.iter().map(|score| score.value.get()).collect();
    values.sort_by(f64::total_cmp);
    let median = crate::stats::quantile(&values, 0.5);
    let apart = values.iter().map(|value| (value - median).abs()).sum::<f64>() / values.len() as f64;
    let sure = scores.iter().map(|score| score.confidence.get()).sum::<f64>() / scores.len() as f64;
    let count = scores.len();
    scored(median, sure - 2.0 * apart, || format!("the median of {count} judges, who are {apart:.2} apart"))
}

/// What one of them needs, all need.
pub(super) fn union(judges: &[Arc<dyn Judging>]) -> Needs {
    let needs: Vec<Need> = judges.iter().flat_map(|judge| judge.needs().iter().collect::<Vec<_>>()).collect();
    Needs::of(&needs)
}
