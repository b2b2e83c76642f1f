//! `helmctl users`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum UsersCommand {
    /// Everything that is kept of a user, as JSON.
    #[command(
        after_help = "Example:\n  helmctl users export ana --to ana.json\n\nPreferences, conversations, memories, turns with decisions and feedback, what was learnt from them, and jobs."
    )]
    Export {
        /// The user.
        user: String,
        /// In which tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Into this file, which appears under its name when it is whole. Default: standard output.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Forget a user: what they said goes, what was learnt stays under a pseudonym.
    #[command(
        after_help = "Examples:\n  helmctl users forget ana --dry-run\n  helmctl users forget ana --yes --output json\n\nEnded early, it goes on when it is run again; done, it changes nothing. Backups and files that were exported keep what is\nin them, and so do logs. Kept answers are removed here and in Redis; where servers share none, theirs last until their\ntime is over: ask the server instead, with DELETE /helm/v1/users/USER."
    )]
    Forget {
        /// The user.
        user: String,
        /// In which tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Only count.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}
