//! What a log says of an experiment, from its health to a verdict, as data and for people.

mod adaptive;
mod collate;
mod effect;
mod estimate;
mod figures;
mod health;
mod html;
mod markdown;
mod plot;
mod row;
mod sample;
mod segments;
mod series;
mod settle;
mod verdict;
mod whole;

pub use estimate::{Believed, Bounds, Comparison, Effect, Estimate, Found, NotWorse, Relative};
pub use health::{Check, CheckState, VariantUsers};
pub use row::{LogCandidate, LogFeedback, LogRow};
pub use segments::SegmentReport;
pub use series::{Look, Novelty, Slice};
pub use verdict::{Decision, Verdict};
pub use whole::{MetricReport, Report, VariantValue};
