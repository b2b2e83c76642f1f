//! Linear models of text with small whole weights.

mod built_in;
mod features;
mod model;
mod pair;
mod scored;
mod text;

pub use model::LinearModel;
#[cfg(feature = "train")]
pub(crate) use {
    features::{SLOTS, Sink, Word, features},
    model::Parameters,
};
pub(crate) use {
    model::Sums,
    pair::{Both, Reading},
    scored::Scored,
    text::{Pieces, Sentence, folded_sentences, trimmed},
};
