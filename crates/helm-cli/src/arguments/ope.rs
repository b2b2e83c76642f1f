//! `helmctl ope`.

use std::path::PathBuf;

use clap::Args;

use super::OfTenant;

/// What `ope` reads, and what it asks.
#[derive(Args)]
pub(crate) struct OpeArguments {
    /// The log: JSON lines of `helmctl export`, or CSV. Default: the database.
    #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
    pub(crate) log: Option<PathBuf>,
    /// Only turns of this task. Default: of the database the only one.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Only turns from this moment on: a date, an RFC 3339 moment, or how long ago (7d, 12h). A policy also learns from
    /// those before.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) since: Option<String>,
    /// Only turns before this moment.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<String>,
    /// The other policy: a strategy (NAME or NAME@VERSION) that is always taken; `uniform` over what could have been chosen;
    /// `best` of what the rewards of the others expect; a policy as a kind, a table (`{ kind = "thompson" }`) or a TOML file
    /// with one, `tasks.NAME` for a configured task's own, or `candidate` for the task's; for CSV also always_N, greedy_q, or
    /// `columns` for pi0 ….
    #[arg(long, value_name = "NAME|POLICY|FILE")]
    pub(crate) target: String,
    /// Refuse where the log is worth fewer decisions of that policy.
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    pub(crate) min_effective: f64,
    /// The intervals miss the truth with this probability at most.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) alpha: f64,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}
