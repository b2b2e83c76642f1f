//! `helmctl config`.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check it; exit code 2 when it is wrong.
    #[command(after_help = "Example: helmctl config check --config etc/helm.toml")]
    Check,
    /// The JSON Schema of helm.toml, for editors and programs.
    #[command(after_help = "Example: helmctl config schema > helm.schema.json")]
    Schema,
    /// Show what holds in the end, without secrets.
    #[command(after_help = "Examples:\n  helmctl config show\n  helmctl config show --origin --output json")]
    Show {
        /// Say of each value where it comes from: a file and its line, an environment variable, a flag, or nowhere.
        #[arg(long)]
        origin: bool,
    },
}
