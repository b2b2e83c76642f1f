//! `helmctl export` and `helmctl log`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::OfTenant;

/// What `export` writes, and where.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// Only this task's turns.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Only this user's turns.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only turns that began then or later: a date, an RFC 3339 moment, or how long ago, such as 7d.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only turns that began before then. Default: now.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// How rows are written. Default: what the file's name asks for, else jsonl.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    /// Also what was written and answered, which may be personal.
    #[arg(long)]
    pub(crate) texts: bool,
    /// The file. Default: standard output, for jsonl.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// Remove old turns with their decisions, judgements and messages. What was learnt from them stays.
    #[command(
        after_help = "Examples:\n  helmctl log retain --older-than 90d --dry-run\n  helmctl log retain --older-than 52w --output json\n\nTurns that something depends on stay: a reward window that is open, or a draw that a user or a conversation keeps to."
    )]
    Retain {
        /// How old a turn may get: 90d, 12h, 52w.
        #[arg(long, value_name = "AGE")]
        older_than: String,
        /// Only count.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        of: OfTenant,
    },
}
