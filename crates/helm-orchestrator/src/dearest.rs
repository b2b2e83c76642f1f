//! What a turn may cost, before it is begun.

use helm_core::{ModelName, NanoUsd, Strategy, StrategyId, TaskId, TokenCount, Usage};
use helm_llm::ChatModel;

use crate::error::Result;
use crate::helm::Helm;
use crate::inner::TaskRuntime;

/// Tokens counted here are of four bytes at most; a model may have one for each byte.
const BYTES_PER_TOKEN: u64 = 4;
/// Roles, preferences and the like.
const AROUND: u64 = 512;
/// What a memory adds to a prompt.
const MEMORY: u64 = 2_000;

/// What a turn may cost that a strategy answers.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct StrategyCost {
    /// The strategy.
    pub strategy: StrategyId,
    /// The model that it asks.
    pub model: ModelName,
    /// Whether it is known what the model's tokens cost.
    pub is_priced: bool,
    /// The most that one attempt at a turn costs, each byte of the prompt taken for a token; `None` when the model has no
    /// prices, or nothing bounds its answer.
    pub most: Option<NanoUsd>,
}

impl Helm {
    /// What a turn with this message may cost, by each of a task's strategies.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; when a strategy's model is not there.
    pub fn may_cost(&self, task: &TaskId, message: &str) -> Result<Vec<StrategyCost>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        let cost = |strategy: &Strategy| {
            let model = &**inner.model(strategy)?;
            Ok(StrategyCost {
                strategy: strategy.id.clone(),
                model: strategy.model.clone(),
                is_priced: price(model, 1, 1).is_some(),
                most: most(task, strategy, model, message.len() as u64),
            })
        };
        task.strategies.iter().map(cost).collect()
    }
}

fn price(model: &dyn ChatModel, input: u64, output: u64) -> Option<NanoUsd> {
    model.price(Usage::reported(TokenCount::new(input), TokenCount::new(output)))
}

fn most(task: &TaskRuntime, strategy: &Strategy, model: &dyn ChatModel, message: u64) -> Option<NanoUsd> {
    let limits = [strategy.max_output_tokens, model.capabilities().max_output_tokens];
    let output = limits.into_iter().flatten().min()?.get();
    let history = task.history.get().saturating_mul(BYTES_PER_TOKEN);
    let memories = u64::from(strategy.retrieval.memories).saturating_mul(MEMORY);
    let input = [message, strategy.system.len() as u64, memories, AROUND];
    let input = input.into_iter().fold(history, u64::saturating_add);
    let once = price(model, input, output)?;
    if task.tools.is_empty() {
        return Some(once);
    }
    // Each round sends along what was said before it.
    let rounds = i64::from(strategy.limits.tool_turns).saturating_add(1);
    let all = once.nanos().saturating_mul(rounds).saturating_mul(rounds);
    let capped = strategy.limits.cost.map_or(i64::MAX, |most| most.nanos().saturating_add(once.nanos()));
    Some(NanoUsd::from_nanos(all.min(capped)))
}
