//! `helmctl scenario`.

use std::path::PathBuf;

use clap::Subcommand;

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum ScenarioCommand {
    /// Play a JSONL file of {user, task, message, ratings?: {strategy: 1..5}} and report what came of it.
    #[command(
        after_help = "Examples:\n  helmctl scenario run examples/scenarios/support.jsonl\n  helmctl scenario run mine.jsonl --limit 20 --output json\n\nA file with a mistake is not played at all."
    )]
    Run {
        /// The file.
        file: PathBuf,
        /// Play only the first so many lines.
        #[arg(long)]
        limit: Option<usize>,
        #[command(flatten)]
        of: OfTenant,
    },
}
