use std::sync::Arc;

use helm_core::{ModelName, Strategy, StrategyId, StrategyName, TaskId, TokenCount, ToolName};
use helm_eval::{EvaluationEngine, Evaluator, RewardSpec};
use helm_guardrails::GuardrailEngine;
use helm_llm::ToolHandler;
use helm_policy::{Policy, PolicyConfig};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::judges::TaskJudge;
use crate::semantic::SemanticCache;
use crate::what_if::Candidate;

/// How many tokens of a conversation are sent along unless somebody says otherwise.
pub(crate) const HISTORY: TokenCount = TokenCount::new(2_000);

/// A kind of work and everything that is decided, checked and measured for it.
///
/// Defaults: the `auto` policy, a draw for each turn, the standard evaluators, reward and guardrails, 2,000 tokens of history, no
/// memories kept. Checked when the [`Helm`](crate::Helm) is built.
#[derive(Clone)]
pub struct Task {
    pub(crate) id: TaskId,
    pub(crate) strategies: Vec<Strategy>,
    pub(crate) fallbacks: Option<Vec<StrategyName>>,
    pub(crate) tools: Vec<Arc<dyn ToolHandler>>,
    /// Names of MCP servers.
    pub(crate) mcp: Vec<ToolName>,
    pub(crate) similar: Vec<(StrategyName, SemanticCache)>,
    pub(crate) policy: PolicyChoice,
    pub(crate) candidate: Option<Candidate>,
    pub(crate) sticky: Sticky,
    pub(crate) evaluators: Option<EvaluationEngine>,
    pub(crate) extra_evaluators: Vec<Arc<dyn Evaluator>>,
    pub(crate) judges: Vec<TaskJudge>,
    pub(crate) reward: Option<RewardSpec>,
    pub(crate) guardrails: Option<GuardrailEngine>,
    pub(crate) history: TokenCount,
    pub(crate) summaries: Option<ModelName>,
    pub(crate) remember: bool,
}

/// How long a draw of the policy holds.
///
/// With a conversation or a user, the first draw fixes the strategy for as long as it is eligible; later turns are
/// logged as [`Sticky`](helm_core::DecisionMode::Sticky), with that draw's law and id, and teach like it. When the
/// strategy is not eligible any more, a new draw takes the place of the first for good. Two first turns at once may
/// draw twice; the draw with the earlier decision id holds from then on. A caller's own choice and an experiment's
/// fixed strategy go first, and are no draws.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sticky {
    /// For one decision: each turn draws anew.
    #[default]
    Decision,
    /// For a conversation; turns outside of any draw anew.
    Conversation,
    /// For a user, within the task.
    User,
}

/// Where a task's policy comes from.
#[derive(Clone)]
pub(crate) enum PolicyChoice {
    Config(PolicyConfig),
    Built(Arc<dyn Policy>),
}

impl Task {
    /// A task without strategies, of which it needs at least one.
    ///
    /// # Errors
    ///
    /// Fails when `id` is not a task id.
    pub fn new(id: impl AsRef<str>) -> Result<Self> {
        Ok(Self {
            id: TaskId::new(id)?,
            strategies: Vec::new(),
            fallbacks: None,
            tools: Vec::new(),
            mcp: Vec::new(),
            similar: Vec::new(),
            policy: PolicyChoice::Config(PolicyConfig::default()),
            candidate: None,
            sticky: Sticky::default(),
            evaluators: None,
            extra_evaluators: Vec::new(),
            judges: Vec::new(),
            reward: None,
            guardrails: None,
            history: HISTORY,
            summaries: None,
            remember: false,
        })
    }

    /// Adds version 1 of a strategy that asks the model `main` with this system prompt template.
    ///
    /// # Errors
    ///
    /// Fails when `name` is not a strategy name.
    pub fn strategy(self, name: impl AsRef<str>, system: impl Into<String>) -> Result<Self> {
        let id = StrategyId::new(StrategyName::new(name)?, 1);
        Ok(self.with_strategy(Strategy::new(id, ModelName::new("main")?).with_system(system)))
    }

    /// Adds a strategy.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Strategy) -> Self {
        self.strategies.push(strategy);
        self
    }

    /// Names the strategy that answers when none is eligible, and when the chosen one's model fails before its first
    /// word.
    #[must_use]
    pub fn with_fallback(self, name: StrategyName) -> Self {
        self.with_fallbacks(vec![name])
    }

    /// Names the strategies that answer in the place of one whose model fails before its first word, in this order;
    /// the first also answers when none is eligible. Default: the task's strategies in their order. Those with the
    /// same model as one that failed are passed over.
    #[must_use]
    pub fn with_fallbacks(mut self, names: Vec<StrategyName>) -> Self {
        self.fallbacks = Some(names);
        self
    }

    /// Gives the models a tool to call: they get its result, and go on, within the strategy's
    /// [limits](helm_core::Limits).
    #[must_use]
    pub fn with_tool(mut self, tool: Arc<dyn ToolHandler>) -> Self {
        self.tools.push(tool);
        self
    }

    /// Gives the models the tools of an [MCP server](crate::HelmBuilder::mcp), which are called `SERVER_TOOL`.
    #[cfg(feature = "mcp")]
    #[must_use]
    pub fn with_mcp(mut self, server: ToolName) -> Self {
        self.mcp.push(server);
        self
    }

    /// Uses a strategy's answers again for questions that mean the same. Default: not at all.
    #[must_use]
    pub fn with_semantic_cache(mut self, strategy: StrategyName, cache: SemanticCache) -> Self {
        self.similar.push((strategy, cache));
        self
    }

    /// Chooses one of the built-in policies.
    #[must_use]
    pub fn with_policy(mut self, policy: PolicyConfig) -> Self {
        self.policy = PolicyChoice::Config(policy);
        self
    }

    /// Names a policy that waits to take the place of the present one: [`Helm::gate`](crate::Helm::gate) says when.
    #[must_use]
    pub fn with_candidate(mut self, candidate: Candidate) -> Self {
        self.candidate = Some(candidate);
        self
    }

    /// Uses a policy of your own.
    #[must_use]
    pub fn with_custom_policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = PolicyChoice::Built(policy);
        self
    }

    /// How long a draw of the policy holds. Default: for one decision.
    #[must_use]
    pub fn sticky(mut self, sticky: Sticky) -> Self {
        self.sticky = sticky;
        self
    }

    /// Replaces the standard evaluators.
    #[must_use]
    pub fn with_evaluators(mut self, engine: EvaluationEngine) -> Self {
        self.evaluators = Some(engine);
        self
    }

    /// Adds an evaluator to the standard ones, or to those given before. The reward specification decides
    /// what it counts.
    #[must_use]
    pub fn with_evaluator(mut self, evaluator: Arc<dyn Evaluator>) -> Self {
        self.extra_evaluators.push(evaluator);
        self
    }

    /// Has a model judge some of the turns, in durable work beside them. The reward specification decides what that
    /// counts, under the judge's name.
    #[must_use]
    pub fn with_judge(mut self, judge: TaskJudge) -> Self {
        self.judges.push(judge);
        self
    }

    /// Replaces the standard reward specification.
    #[must_use]
    pub fn with_reward(mut self, spec: RewardSpec) -> Self {
        self.reward = Some(spec);
        self
    }

    /// Replaces the standard guardrails.
    #[must_use]
    pub fn with_guardrails(mut self, engine: GuardrailEngine) -> Self {
        self.guardrails = Some(engine);
        self
    }

    /// How many tokens of the conversation are sent along. Default: 2,000.
    #[must_use]
    pub fn with_history(mut self, tokens: TokenCount) -> Self {
        self.history = tokens;
        self
    }

    /// Has a model sum up, beside the turns, what of a conversation no longer fits, so that it is not lost: the summary
    /// is sent along before the messages, within their budget, of which it takes a quarter at most. Default: off.
    #[must_use]
    pub fn with_summaries(mut self, model: ModelName) -> Self {
        self.summaries = Some(model);
        self
    }

    /// Keeps each answered message as a memory that strategies with retrieval can recall. Default: off.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.remember = true;
        self
    }
}
