//! `helmctl tasks` and `helmctl policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum TasksCommand {
    /// List the tasks.
    #[command(after_help = "Example: helmctl tasks list --output jsonl")]
    List,
    /// Show what was learnt about a task.
    #[command(
        after_help = "Examples:\n  helmctl tasks report support\n  helmctl tasks report support --output json"
    )]
    Report {
        /// The task.
        task: String,
        #[command(flatten)]
        of: OfTenant,
    },
}

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Play policies through simulated worlds and report their regret.
    #[command(
        after_help = "Examples:\n  helmctl policy simulate --manifest worlds/manifest.json\n  helmctl policy simulate --manifest worlds/manifest.json --env judge --policy auto --policy '{ kind = \"thompson\", width = 0.5 }' --plot regret.svg\n\nRegret is in the worlds' own units, summed over the horizon, with 95 % intervals over seeds."
    )]
    Simulate(SimulateArguments),
    /// Show the built-in policies with their parameters and sources.
    #[command(after_help = "Examples:\n  helmctl policy list\n  helmctl policy list --output json")]
    List,
    /// Whether a candidate may take the place of a task's policy, by what the log says of both.
    #[command(
        after_help = "Examples:\n  helmctl policy gate --task support\n  helmctl policy gate --task support --candidate candidate.toml --output json\n  helmctl policy gate --task support --roll-back --reason 'it asks too much'\n\nThe candidate is [tasks.NAME.candidate] unless --candidate names one. It may be asked at any time and again and again: the\nbounds hold at all looks together. Where the candidate was raised (automatic = true), the policy waits for its place. Exit code\n0: raise the one that waits. 1: not yet, or it is worse (the verdict says which). 3: there is too little to tell. Nothing is\nchanged, but by --roll-back."
    )]
    Gate(GateArguments),
    /// Settle a task's logged decisions again with the configured policy and reward, and make state of them.
    #[command(
        after_help = "Examples:\n  helmctl policy rebuild --task support --check\n  helmctl policy rebuild --task support --output json\n\nNeeded after the kind of policy or the reward was changed. With --check nothing is changed; exit code 1 when log and state differ."
    )]
    Rebuild {
        /// Which task.
        #[arg(long)]
        task: String,
        /// Only compare.
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        of: OfTenant,
    },
}

/// What `policy gate` compares.
#[derive(Args)]
pub(crate) struct GateArguments {
    /// Which task.
    #[arg(long)]
    pub(crate) task: String,
    /// Another candidate than the configured one: a kind, a table or a TOML file, as `ope --target` takes them.
    #[arg(long, value_name = "POLICY|FILE")]
    pub(crate) candidate: Option<String>,
    /// Only turns from this moment on. It must not be chosen by what they earned.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) since: Option<String>,
    /// Put the policy back in the place of the candidate that was raised. That is not raised again before it, or the policy, is
    /// configured otherwise.
    #[arg(long, requires = "reason", conflicts_with_all = ["candidate", "since"])]
    pub(crate) roll_back: bool,
    /// Why; it is kept.
    #[arg(long, value_name = "TEXT", requires = "roll_back")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What `policy simulate` plays.
#[derive(Args)]
pub(crate) struct SimulateArguments {
    /// The JSON file that lists the worlds.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// A world of the manifest; may be repeated. Default: all of them.
    #[arg(long = "env", value_name = "NAME", num_args = 1..)]
    pub(crate) worlds: Vec<String>,
    /// A kind, or a table with `kind` as in a configuration; may be repeated.
    #[arg(long = "policy", value_name = "NAME", num_args = 1.., default_value = "auto")]
    pub(crate) policies: Vec<String>,
    /// How many of each world's published seeds, from the first on. Default: 10, or all of fewer.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) seeds: Option<u16>,
    /// The floor of every policy, in place of its own: a total probability mass from 0 to 1.
    #[arg(long)]
    pub(crate) floor: Option<f64>,
    /// The range that rewards lie in, in place of the world's own.
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,
    /// How much simulated time passes between steps, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) step_seconds: u32,
    /// Draws the mean regret over time to this SVG file.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}
