//! Models that judge answers.
//!
//! | judge | question | says |
//! |---|---|---|
//! | [`Judge`] | which level of a rubric does it reach? | a level; with log-probabilities, the expected one |
//! | [`PairJudge`] | is it better than the reference? | asked in both orders; what differs with the order is a tie |
//! | [`Panel`] | what do several judges say? | their median, surer the nearer they are |
//! | [`Cascade`] | what does the cheap one say, or else the strong one? | the strong one is asked where the cheap one is unsure |
//!
//! Each is a [`Judging`]; [`remote`] makes one an [evaluator](crate::Evaluator) that needs the network, [`Cached`] keeps what one
//! said, [`Capped`] bounds what several of them may cost together.
//!
//! **What is judged is data.** It stands between lines that say a code made of itself, and the verdict must repeat another code
//! that stands only in the instructions: a model that was talked into a verdict by the text does not know it. A verdict without
//! it, of another form or outside the levels is no verdict; the judge is asked once more, and then there is no score.
//!
//! **Money.** Before a call, the most it can cost is computed from the length of what is sent and the limit on what is
//! answered; above [`JudgeOptions::max_cost`] it is not made. A byte counts as a token there, so the bound holds for every
//! tokenizer.
//!
//! ```
//! use helm_eval::judge::{Judge, Judging, Rubric};
//! use helm_eval::Exchange;
//! use helm_llm::{Call, Scripted, ScriptedModel};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rubric = Rubric::new("Is the answer polite?", ["It insults.", "It is neutral.", "It is warm."])?;
//! # let model = Arc::new(ScriptedModel::new("judge".parse()?, [Scripted::Answer("{}".to_owned())]));
//! let judge = Judge::new("polite", rubric, model)?;
//! let judged = judge.judge(&Exchange::new("Hello?", "Hello! How can I help?"), &Call::new("t".parse()?)).await;
//! assert!(judged.outcome.score().is_none(), "this model does not say what a judge must");
//! # Ok(())
//! # }
//! ```

mod asking;
mod cached;
mod capped;
mod cascade;
mod judging;
mod pair;
mod panel;
mod prompt;
mod rubric;
mod single;
mod verdict;

pub use asking::JudgeOptions;
pub use cached::Cached;
pub use capped::Capped;
pub use cascade::Cascade;
pub use judging::{Judged, Judging, Remote, remote};
pub use pair::PairJudge;
pub use panel::Panel;
pub use rubric::Rubric;
pub use single::Judge;
