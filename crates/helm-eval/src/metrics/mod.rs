//! Distances from a reference answer, as the field computes them, and evaluators of them.

mod bleu;
mod chrf;
mod evaluator;
mod numeric;
mod rouge;

pub use bleu::sentence_bleu;
pub use chrf::chrf;
pub use evaluator::Reference;
pub use numeric::{NumericTolerance, exact_match, numeric_match};
#[cfg(test)]
pub(crate) use rouge::longest_common_subsequence;
pub use rouge::{RougeL, rouge_l};
