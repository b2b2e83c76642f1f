//! Which strategies may be chosen for a request.

use helm_core::{Exclusion, ExclusionReason, Strategy, StrategyId};
use helm_llm::ChatRequest;

use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime};
use crate::turn::wishes;

/// A task's strategies, sorted by whether they may be chosen.
pub(crate) struct Eligibility {
    pub(crate) eligible: Vec<StrategyId>,
    pub(crate) excluded: Vec<Exclusion>,
}

impl Inner {
    /// Sorts the strategies of a task, for a caller's own wishes or without any.
    pub(crate) fn eligibility(&self, task: &TaskRuntime, chat: Option<&ChatRequest>) -> Eligibility {
        let mut sorted = Eligibility { eligible: Vec::new(), excluded: Vec::new() };
        for strategy in &task.strategies {
            match self.excludes(task, strategy, chat) {
                None => sorted.eligible.push(strategy.id.clone()),
                Some(reason) => sorted.excluded.push(Exclusion { strategy: strategy.id.clone(), reason }),
            }
        }
        sorted
    }

    fn excludes(
        &self,
        task: &TaskRuntime,
        strategy: &Strategy,
        chat: Option<&ChatRequest>,
    ) -> Option<ExclusionReason> {
        let recalls = strategy.retrieval.memories > 0;
        if (recalls && self.embedder.is_none()) || self.lacks(task, strategy, chat).is_some() {
            return Some(ExclusionReason::Capability);
        }
        let available = self.model(strategy).is_ok_and(|model| model.is_available());
        (!available).then_some(ExclusionReason::BreakerOpen)
    }

    /// What a strategy's model cannot do of a caller's wishes, if anything.
    fn lacks(&self, task: &TaskRuntime, strategy: &Strategy, chat: Option<&ChatRequest>) -> Option<String> {
        let capabilities = self.model(strategy).ok()?.capabilities();
        let checked = capabilities.check_request(&wishes(task, strategy, capabilities, chat?));
        checked.err().map(|unsupported| unsupported.to_string())
    }

    /// Refuses wishes that nobody who may answer can fulfil.
    pub(crate) fn check_wishes(
        &self,
        task: &TaskRuntime,
        pinned: Option<&Strategy>,
        chat: &ChatRequest,
    ) -> Result<()> {
        let askable: Vec<_> = match pinned {
            Some(strategy) => vec![strategy],
            None => task.strategies.iter().collect(),
        };
        let mut lacking = Vec::new();
        for strategy in askable {
            match self.lacks(task, strategy, Some(chat)) {
                None => return Ok(()),
                Some(why) => lacking.push(format!("{}: {why}", strategy.id)),
            }
        }
        Err(Error::Unsupported { task: task.id.clone(), why: lacking.join("; ") })
    }
}
