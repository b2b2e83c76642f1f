//! Turns from a file, and what people said of them.
//!
//! | you want to | look at |
//! |---|---|
//! | read a turn that somebody wrote down | [`Sample`] |
//! | know how well scores agree with ratings | [`agreement`], of [`RatedAnswer`]s |

mod agreement;
mod sample;

pub use agreement::{Agreement, RatedAnswer, agreement};
pub use sample::Sample;
