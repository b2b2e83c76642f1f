//! `helmctl guard`.

use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub(crate) enum GuardCommand {
    /// Check JSONL of {id, text} on standard input; one line out for each line in, in order.
    #[command(
        after_help = "Example:\n  echo '{\"id\":1,\"text\":\"mail ana@example.com\"}' | helmctl guard check --direction input --scores"
    )]
    Check {
        /// Which side's rules.
        #[arg(long, value_enum)]
        direction: Direction,
        /// Add scores from 0 to 1, whether or not a threshold is crossed.
        #[arg(long)]
        scores: bool,
        /// The guardrails of this name in the configuration, with the checks that they name. Default: the standard ones.
        #[arg(long, value_name = "NAME")]
        guardrails: Option<String>,
    },
    /// Show what is found in a text, where, how sure that is, and what passes.
    #[command(
        after_help = "Example:\n  helmctl guard explain 'my card is 4111 1111 1111 1111' --direction output"
    )]
    Explain {
        /// The text.
        text: String,
        /// Which side's rules.
        #[arg(long, value_enum, default_value = "input")]
        direction: Direction,
        /// The guardrails of this name in the configuration, with the checks that they name. Default: the standard ones.
        #[arg(long, value_name = "NAME")]
        guardrails: Option<String>,
    },
    /// List the categories, and what is usually done about each.
    #[command(after_help = "Examples:\n  helmctl guard list\n  helmctl guard list --output json")]
    List,
    /// Time the guards on JSONL of {text} on standard input.
    #[command(after_help = "Example:\n  helmctl guard bench --direction output < texts.jsonl")]
    Bench {
        /// Which side's rules.
        #[arg(long, value_enum)]
        direction: Direction,
        /// How long each of the two measurements takes.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
        /// The guardrails of this name in the configuration, without the checks that others make. Default: the standard
        /// ones.
        #[arg(long, value_name = "NAME")]
        guardrails: Option<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// What users write.
    Input,
    /// What models write.
    Output,
}
