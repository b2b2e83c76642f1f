use helm_core::{
    Category, ConversationId, DecisionId, ModelName, Probability, StrategyId, TaskId, TurnStatus, Violation,
};
use helm_orchestrator::{TurnEvent, TurnResponse};
use serde::Serialize;

use crate::json::SimilarJson;

/// Helm's own part of an answer: the object `helm`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HelmShown {
    /// The id to give feedback by.
    #[schema(value_type = String)]
    pub(crate) decision_id: DecisionId,
    /// The conversation, as the request named it or as it was derived.
    #[schema(value_type = Option<String>)]
    conversation_id: Option<ConversationId>,
    /// The task.
    #[schema(value_type = String)]
    task: TaskId,
    /// The strategy that was chosen; none when the input was refused.
    #[schema(value_type = Option<String>)]
    strategy: Option<StrategyId>,
    /// The probability with which it was chosen.
    #[schema(value_type = Option<f64>)]
    propensity: Option<Probability>,
    /// How the turn ended; not there while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status: Option<TurnStatus>,
    /// The reward so far.
    reward: Option<f64>,
    /// Whether the built-in demonstration model answered; not known while the turn runs.
    simulated: Option<bool>,
    /// The model as the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    model: Option<ModelName>,
    /// What it cost in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    /// The earlier turn whose answer was used again; not there when the model was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    similar_to: Option<SimilarJson>,
    /// The categories of what guards found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    violations: Vec<Category>,
}

/// What is known of a turn before its first event.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) task: TaskId,
    pub(crate) conversation: Option<ConversationId>,
}

impl HelmShown {
    /// What a turn's first event tells; `None` when it tells nothing of it.
    pub(crate) fn of_event(event: &TurnEvent, asked: &Asked) -> Option<Self> {
        match event {
            TurnEvent::Decided { decision_id, strategy, propensity } => Some(Self {
                decision_id: *decision_id,
                conversation_id: asked.conversation.clone(),
                task: asked.task.clone(),
                strategy: Some(strategy.clone()),
                propensity: Some(*propensity),
                status: None,
                reward: None,
                simulated: None,
                model: None,
                cost_usd: None,
                similar_to: None,
                violations: Vec::new(),
            }),
            TurnEvent::Ended(turn) => Some(Self::of(turn)),
            _ => None,
        }
    }

    /// What a whole turn tells.
    pub(crate) fn of(turn: &TurnResponse) -> Self {
        Self {
            decision_id: turn.decision_id,
            conversation_id: turn.conversation_id.clone(),
            task: turn.task.clone(),
            strategy: turn.strategy.clone(),
            propensity: turn.propensity,
            status: Some(turn.status),
            reward: turn.reward.as_ref().map(|reward| reward.value.get()),
            simulated: Some(turn.simulated),
            model: turn.model.clone(),
            cost_usd: turn.cost.map(helm_core::NanoUsd::dollars),
            similar_to: turn.similar_to.map(SimilarJson::from),
            violations: categories(&turn.violations),
        }
    }
}

fn categories(violations: &[Violation]) -> Vec<Category> {
    let mut categories: Vec<Category> = Vec::new();
    for violation in violations {
        if !categories.contains(&violation.category) {
            categories.push(violation.category);
        }
    }
    categories
}
