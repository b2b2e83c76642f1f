//! `helmctl decisions` and `helmctl feedback`.

use clap::{Args, Subcommand, ValueEnum};

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum DecisionsCommand {
    /// Show a decision and why it was made.
    #[command(
        after_help = "Example: helmctl decisions show 01890a5d-ac96-774b-bcce-b302099a8057 --output json"
    )]
    Show {
        /// The decision's id.
        id: String,
        #[command(flatten)]
        of: OfTenant,
    },
}

#[derive(Args)]
pub(crate) struct FeedbackArguments {
    /// The decision's id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) judgement: Judgement,
    /// Who says so.
    #[arg(long, default_value = "user")]
    pub(crate) source: String,
    /// Makes a repetition harmless.
    #[arg(long)]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Judgement {
    /// From 1, worst, to 5, best.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) rating: Option<f64>,
    /// From 0, worst, to 1, best.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) value: Option<f64>,
    /// Up or down.
    #[arg(long, value_enum)]
    pub(crate) thumbs: Option<Thumbs>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Thumbs {
    /// Good.
    Up,
    /// Bad.
    Down,
}
