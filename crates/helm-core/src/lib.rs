#![doc = include_str!("../README.md")]
//!
//! # Two layers, four values
//!
//! A [`Context`] goes to the policy layer, a [`Decision`] comes back; the execution layer carries it out and returns an
//! [`Outcome`]; evaluation and people's feedback make it a [`Reward`]. Everything else here names the parts of those
//! four: checked ids, numbers that carry their unit in the type, messages, strategies, violations, scores, and the
//! additive fixed-point [`Stats`] that learning state is made of.

mod context;
mod decision;
mod error;
mod feedback;
mod guard;
mod ids;
mod image;
mod message;
mod money;
mod outcome;
mod reward;
mod score;
mod stats;
mod strategy;
mod time;
mod tokens;
mod tool;
mod unit;

pub use context::{Context, Features};
pub use decision::{AssignedBy, Assignment, Candidate, Decision, DecisionMode, Exclusion, ExclusionReason};
pub use error::{Error, Result};
pub use feedback::Feedback;
pub use guard::{Category, GuardAction, Severity, Span, Stage, Violation};
pub use ids::{
    ConversationId, DecisionId, EvaluatorName, ExperimentKey, IdempotencyKey, ModelName, PolicyHash,
    PolicyName, RewardName, SegmentName, SourceName, SpecDigest, StrategyId, StrategyName, TaskId, TenantId,
    ToolName, UserId, VariantName,
};
pub use image::Image;
pub use message::{Message, Part, ProviderBlock, Role};
pub use money::NanoUsd;
pub use outcome::{JudgeDraw, Outcome, TurnStatus, Usage};
pub use reward::{Reward, RewardComponent, RewardSpecId, RewardStage};
pub use score::{NotScored, Score, ScoreEntry, ScoreOutcome};
pub use stats::{Epoch, Fixed, Layout, Scope, Stats, StatsError, StatsRow};
pub use strategy::{Limits, Retrieval, Sampling, Strategy};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use tokens::{HeuristicTokenCounter, TokenCount, TokenCounter};
pub use tool::{ToolCall, ToolCallId, ToolResult};
pub use unit::{Probability, UnitInterval};
