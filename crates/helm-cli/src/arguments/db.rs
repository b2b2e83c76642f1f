//! `helmctl db` and `helmctl migrate`.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum DbCommand {
    /// Move an installation from a SQLite file to an empty PostgreSQL database.
    #[command(
        after_help = "Example:\n  helmctl db copy sqlite://helm.db postgres://helm@localhost/helm\n\nStop what writes to the file first: it is locked meanwhile, and left as it is. A copy is whole or not at all; the rows of both sides are counted in the end."
    )]
    Copy {
        /// sqlite://PATH
        from: String,
        /// postgres://USER@HOST/DATABASE
        to: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply what is missing.
    Up,
    /// List the migrations; nothing is changed.
    Status,
}
