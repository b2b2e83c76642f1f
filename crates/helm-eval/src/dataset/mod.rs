//! Turns from a file, what people said of them, and what a run over them showed.
//!
//! | you want to | look at |
//! |---|---|
//! | read a turn that somebody wrote down | [`Sample`] |
//! | know how well scores agree with ratings | [`agreement`], of [`RatedAnswer`]s |
//! | say what a run must show | [`Condition`], of [`RowResult`]s |
//! | sum up a run, or compare two | [`summary`], [`differences`] |

mod agreement;
mod condition;
mod result;
mod sample;
mod summary;

pub use agreement::{Agreement, RatedAnswer, agreement};
pub use condition::{Bound, Condition, Judgement, Verdict};
pub use result::RowResult;
pub use sample::Sample;
pub use summary::{Difference, Measure, differences, summary};
