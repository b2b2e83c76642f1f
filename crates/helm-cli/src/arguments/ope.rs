//! `helmctl ope`.

use std::path::PathBuf;

use clap::Args;

/// What `ope` reads, and what it asks.
#[derive(Args)]
pub(crate) struct OpeArguments {
    /// The log: JSON lines of `helmctl export`, or CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// The other policy: a strategy (NAME or NAME@VERSION) that is always taken, `uniform` over what could have been
    /// chosen, or `best` of what the rewards of the others expect; for CSV also always_N, greedy_q, or `columns` for pi0 ….
    #[arg(long, value_name = "NAME")]
    pub(crate) target: String,
    /// Refuse where the log is worth fewer decisions of that policy.
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    pub(crate) min_effective: f64,
    /// The intervals miss the truth with this probability at most.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) alpha: f64,
}
