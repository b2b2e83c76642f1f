//! `helmctl jobs`.

use clap::{Args, Subcommand};

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum JobsCommand {
    /// How much work there is, and what has died, newest first.
    #[command(after_help = "Examples:\n  helmctl jobs list\n  helmctl jobs list --output json --limit 10")]
    List {
        #[command(flatten)]
        of: OfTenant,
        /// How many dead ones at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// All that is known of a dead job.
    #[command(after_help = "Example: helmctl jobs show 17")]
    Show {
        /// Its number.
        id: i64,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Make dead jobs due again, with all their attempts; any running server does them.
    #[command(
        after_help = "Examples:\n  helmctl jobs replay 17 18\n  helmctl jobs replay --all --kind judge"
    )]
    Replay(WhichJobs),
    /// Remove dead jobs for good.
    #[command(after_help = "Examples:\n  helmctl jobs drop 17\n  helmctl jobs drop --all --kind summarise")]
    Drop(WhichJobs),
}

/// Which dead jobs.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["ids", "all"])))]
pub(crate) struct WhichJobs {
    /// Their numbers.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// All of the tenant's.
    #[arg(long)]
    pub(crate) all: bool,
    /// Of all, only those of this kind.
    #[arg(long, requires = "all")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}
