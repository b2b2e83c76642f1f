//! Experiments as people write them: who takes part, what they get, what is measured, and when that decides.
//!
//! ```
//! use helm_experiment::Spec;
//!
//! let spec = Spec::from_toml(r#"
//!     [experiment]
//!     key = "tone-2026-11"
//!     task = "support"
//!     mode = "sequential"
//!     n_star = 8000
//!     [[variant]]
//!     key = "control"
//!     control = true
//!     weight = 0.5
//!     strategy = "concise"
//!     [[variant]]
//!     key = "warm"
//!     weight = 0.5
//!     strategy = "friendly"
//!     [[metric]]
//!     key = "reward_per_turn"
//!     role = "goal"
//!     kind = "ratio"
//!     num = { event = "reward", agg = "sum" }
//!     den = { event = "reward", agg = "count" }
//!     better = "higher"
//! "#)?;
//! assert_eq!(spec.control().name.as_str(), "control");
//!
//! let problems = Spec::from_toml("[experiment]\nkey = 'tone'\nmode = 'sequentail'").unwrap_err();
//! assert!(problems.all().len() > 3, "all of them at once");
//! # Ok::<(), helm_experiment::spec::SpecProblems>(())
//! ```

mod analysis;
mod metric;
mod plain;
mod plan;
mod problem;
mod read_analysis;
mod read_experiment;
mod read_metric;
mod reader;
mod together;
mod whole;

pub use analysis::{AnalysisPlan, Mode, ShipIf, Together};
pub use metric::{Aggregate, Covariate, Event, Margin, Measure, Metric, MetricKind, Role};
pub use plan::{Attribute, Condition, Hash, Holdout, Namespace, RampStep, SpecVariant, Treatment};
pub use problem::{SpecProblem, SpecProblems};
pub use together::{conflicts, conflicts_from};
pub use whole::Spec;

pub(crate) use plan::Assigning;
