//! How well the scores agree with people, measured on rated data; and the fit of the models that come with the crate.
//!
//! Data are folders of `.jsonl` files, one JSON object a line: `id`, `source`, `context` (earlier turns, one a line),
//! `user`, `response`, `human` (dimension to mean score), and where they exist `knowledge`, `reference`, `model` and
//! `pair_id` (two rows, `human.preferred` is the share of raters for that side).
//!
//! Everything is fitted on one half of the requests and tested on the other, both ways round; the pairs, of which there
//! are few, on nine tenths and tested on the tenth, ten times. Where a request belongs is a hash of its text.

mod borrowed;
mod data;
mod figures;
mod fit;
mod interval;
mod learned;
mod relevance;
mod standard;

pub use data::{DataError, Half, Row, read};
pub use figures::{Figure, figures};
pub use fit::{Models, fit_models};
