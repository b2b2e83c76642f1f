//! Scores of a turn, and how they make a reward.
//!
//! An [`Evaluator`] measures; a [`RewardSpec`] decides what the measurements are worth. Neither is the bandit.
//! What cannot be judged is [`NotScored`](helm_core::NotScored), never 0.
//!
//! | evaluator | question | how | fails on |
//! |---|---|---|---|
//! | `length` | is the length right for this request? | a band from what was asked for | requests whose wish for length is not in their words |
//! | `relevance` | is it about what was asked? | shared content words by their stems, logistic | answers in other words or another language |
//! | `coherence` | does it hang together? | repetition, echo, loose ends | fluent nonsense |
//! | `safety` | is it harmless? | what the guardrails found | what guardrails miss |
//!
//! # An evaluator of your own
//!
//! ```
//! use helm_eval::{EvaluationEngine, Exchange, from_fn};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> helm_eval::Result<()> {
//! let calm = from_fn("calm", |exchange| if exchange.response.contains('!') { 0.2 } else { 1.0 })?;
//! let engine = EvaluationEngine::standard()?.with_evaluator(Arc::new(calm))?;
//! let scores = engine.evaluate(&Exchange::new("Hello", "Hello there.")).await;
//! assert!(scores.iter().any(|entry| entry.evaluator.as_str() == "calm"));
//! # Ok(())
//! # }
//! ```
//!
//! With two methods it is a [`Heuristic`], and when it must wait for something an [`Evaluator`]. Both may say what
//! they [need](Evaluator::needs), such as a reference, and in which [tier](Evaluator::tier) they run; an evaluator
//! whose needs are not met is not asked. [`check_evaluator`] runs any against hostile exchanges.
//!
//! [`metrics`] compares answers with a reference, [`stats`] says how well scores agree with people.

mod conformance;
mod engine;
mod error;
mod evaluator;
mod evaluators;
mod exchange;
pub mod metrics;
mod needs;
mod reward;
mod spec;
pub mod stats;
mod text;

pub use conformance::{Unfit, check_evaluator};
pub use engine::EvaluationEngine;
pub use error::{Error, Result};
pub use evaluator::{Evaluator, Heuristic, Inline, from_fn, inline};
pub use evaluators::{Coherence, Length, Relevance, Safety};
pub use exchange::Exchange;
pub use needs::{Need, Needs, Tier};
pub use reward::{Composition, Evidence};
pub use spec::{
    Combine, DefaultReward, Gate, GateMissing, Missing, Price, RewardSpec, RewardSpecConfig, Term,
};
