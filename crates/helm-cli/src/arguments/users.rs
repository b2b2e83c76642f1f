//! `helmctl users`.

use std::path::PathBuf;

use clap::Subcommand;

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum UsersCommand {
    /// Everything that is kept of a user, as JSON.
    #[command(
        after_help = "Example:\n  helmctl users export ana --to ana.json\n\nPreferences, conversations, memories, turns with decisions and feedback, what was learnt from them, and jobs.\nOf somebody of whom nothing is kept the document is empty, which a note says; exit code 0."
    )]
    Export {
        /// The user.
        user: String,
        #[command(flatten)]
        of: OfTenant,
        /// Into this file, which appears under its name when it is whole. Default: standard output.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Forget a user: what they said goes, what was learnt stays under a pseudonym.
    #[command(
        after_help = "Examples:\n  helmctl users forget ana --dry-run\n  helmctl users forget ana --yes --output json\n\nEnded early, it goes on when it is run again; done, it changes nothing. Backups and files that were exported keep what is\nin them, and so do logs. Kept answers are removed here and in Redis; where servers share none, theirs last until their\ntime is over: ask the server instead, with DELETE /helm/v1/users/USER.\nWhen nothing is kept of them a note says so; exit code 0, since they are forgotten."
    )]
    Forget {
        /// The user.
        user: String,
        #[command(flatten)]
        of: OfTenant,
        /// Only count.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}
