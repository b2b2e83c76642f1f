#![doc = include_str!("../README.md")]
//!
//! # What is measured
//!
//! An [`Evaluator`] measures; a [`RewardSpec`] decides what the measurements are worth. Neither is the bandit.
//! What cannot be judged is [`NotScored`](helm_core::NotScored).
//!
//! | evaluator | question | how | fails on |
//! |---|---|---|---|
//! | [`length`](Length) | is the length right for this request? | a band from what was asked for | requests whose wish for length is not in their words |
//! | [`relevance`](Relevance) | is it about what was asked? | a calibrated probability from shared words, by rarity | answers in other words or another language |
//! | [`coherence`](Coherence) | does it hang together? | repetition, echo, loose ends | fluent nonsense |
//! | [`safety`](Safety) | is it harmless? | what the guardrails found | what guardrails miss |
//! | [`specificity`](Specificity) | does it say something? | rare, long and new words, against hedges and "I don't know" | closed questions, jargon |
//! | [`preference`](Preference) | would people prefer it to another answer? | fitted on pairs, against buying it with length | comparing answers to different requests |
//! | [`refusal`](Refusal) | did it refuse, and should it have? | phrases, and how dangerous the request is | unsafe requests in polite words |
//! | [`groundedness`](Groundedness) | is it supported by the passages? | shared words, runs, order, new numbers and names | paraphrases, negations |
//! | [`tool_calls`](ToolCalls) | were the right tools called? | names and arguments in order | several right orders |
//! | `schema` (feature `schema`) | is it JSON of the schema? | jsonschema | - |
//! | `judge` (feature `judge`) | what you write in a rubric | models, alone, in pairs, panels and cascades | what the model cannot know |
//! | [`metrics::Reference`] | how close is it to a reference? | chrF, BLEU, ROUGE-L, exact, numeric | right answers in other words |
//!
//! Those but refusal, tool calls and what follows are [the standard](EvaluationEngine::standard), the first nine are
//! [all that only compute](EvaluationEngine::all_inline); these share one reading of the exchange. Their fitted
//! coefficients, with sources and figures, are in `models`.
//!
//! # Weights from people
//!
//! [`learn`] fits the weights of a specification to ratings ([`learn_tasks`] those of several tasks, [`learn_beside`] those that may
//! succeed others), [`Combine::Learned`] uses them. What a person does with an answer
//! beside rating it is a [`HumanSignal`].
//!
//! # An evaluator of your own
//!
//! The shortest is a closure, with [`from_fn`]. With two methods it is a [`Heuristic`], and when it must wait for
//! something an [`Evaluator`]. Both may say what they [need](Evaluator::needs), such as a reference, and in which
//! [tier](Evaluator::tier) they run; an evaluator whose needs are not met is not asked. [`check_evaluator`] runs any
//! against hostile exchanges.
//!
//! [`metrics`] compares answers with a reference, [`dataset`] reads turns and ratings from files, [`stats`] says how well
//! scores agree with people.

mod conformance;
pub mod dataset;
mod engine;
mod error;
mod evaluator;
mod evaluators;
mod exchange;
mod human;
#[cfg(feature = "judge")]
pub mod judge;
mod learned;
pub mod metrics;
mod model;
mod needs;
#[cfg(feature = "report")]
pub mod report;
mod reward;
mod spec;
pub mod stats;
mod view;

pub use conformance::{Unfit, check_evaluator};
pub use engine::EvaluationEngine;
pub use error::{Error, Result};
pub use evaluator::{Evaluator, Heuristic, Inline, from_fn, inline};
#[cfg(feature = "schema")]
pub use evaluators::SchemaFit;
pub use evaluators::{
    Coherence, Groundedness, Length, Preference, Refusal, Relevance, Safety, Specificity, ToolCalls,
};
pub use exchange::Exchange;
pub use human::HumanSignal;
pub use learned::{
    InUse, Learned, LearnedTerm, LearnedWeights, Learning, Rating, learn, learn_beside, learn_tasks,
};
pub use needs::{Need, Needs, Tier};
pub use reward::{Composition, Evidence};
pub use spec::{
    Combine, DefaultReward, Gate, GateMissing, Missing, Price, RewardSpec, RewardSpecConfig, Term, Weights,
};
pub use view::Signals;
