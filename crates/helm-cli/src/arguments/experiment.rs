//! `helmctl experiment`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{OfTenant, above_zero};

#[derive(Subcommand)]
pub(crate) enum ExperimentCommand {
    /// How many users a test needs, what it can find, or how surely.
    #[command(
        after_help = "Examples:\n  helmctl experiment power --effect 0.2\n  helmctl experiment power --shares 0.10,0.12 --units 4000\n  helmctl experiment power --units 1000 --turns 8 --correlation 0.3 --explained 0.5\n\nOf --effect (or --shares), --units and --power two are given, and the third is told; --power is 0.8 by default."
    )]
    Power(PowerArguments),
    /// Everything that is wrong with specifications, with lines; exit code 1 if something is.
    #[command(after_help = "Example: helmctl experiment check experiments/*.toml")]
    Check {
        /// The specifications.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// What the log says of an experiment: its health, a verdict, and the figures.
    #[command(
        after_help = "Examples:\n  helmctl experiment analyze tone-2026-11\n  helmctl experiment analyze tone.toml --output html > tone.html\n  helmctl export --to turns.jsonl && helmctl experiment analyze tone.toml --log turns.jsonl --output json\n\nFrom the database unless --log names an export. Exit code 1 when the log is not to be trusted, 3 when there is too little to\ntell. The same log and specification give the same bytes."
    )]
    Analyze {
        /// The experiment's key in the configuration, or the file of its specification.
        #[arg(value_name = "KEY|FILE")]
        experiment: String,
        /// An export of the log: JSON lines of `helmctl export`. Default: the database.
        #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
        log: Option<PathBuf>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Play simulated users, or those of a scenario, under the variants, and say what came of it.
    #[command(
        after_help = "Examples:\n  helmctl experiment run tone.toml --results played\n  helmctl experiment run tone.toml --results played --design between --users 400 --turns 3\n  helmctl experiment run tone.toml --results played --scenario talk.jsonl --max-dollars 2 --output html > tone.html\n\nEach variant has a database of its own in the folder, so nothing of the installation is touched. The same command goes on\nwhere it was ended. Exit codes are those of analyze."
    )]
    Run(ExperimentRunArguments),
    /// Which variant an experiment gives to users.
    #[command(
        after_help = "Examples:\n  helmctl experiment assign tone-2026-11 --unit ana --unit bob\n  helmctl experiment assign tone.toml --unit ana --segment beta --output json"
    )]
    Assign {
        /// The experiment's key in the configuration, or the file of its specification.
        #[arg(value_name = "KEY|FILE")]
        experiment: String,
        /// The segment that the users belong to.
        #[arg(long)]
        segment: Option<String>,
        /// The users.
        #[arg(long = "unit", required = true, value_name = "USER")]
        units: Vec<String>,
        #[command(flatten)]
        of: OfTenant,
    },
}

/// Who is played, and how.
#[derive(Args)]
pub(crate) struct ExperimentRunArguments {
    /// The file of the specification, or the experiment's key in the configuration.
    #[arg(value_name = "FILE|KEY")]
    pub(crate) experiment: String,
    /// The folder that keeps what was played.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) results: PathBuf,
    /// Whether users meet every variant and are compared with themselves, or one variant each.
    #[arg(long, value_enum, default_value = "paired")]
    pub(crate) design: Design,
    /// Messages and ratings, as `scenario run` reads them. Default: simulated users.
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// How many users are simulated.
    #[arg(long, default_value_t = 100, conflicts_with = "scenario")]
    pub(crate) users: usize,
    /// Turns of each simulated user.
    #[arg(long, default_value_t = 3, conflicts_with = "scenario")]
    pub(crate) turns: u64,
    /// What the simulated users derive from.
    #[arg(long, default_value_t = 1, conflicts_with = "scenario")]
    pub(crate) seed: u64,
    /// Stops before models have cost more than this, what was played before included.
    #[arg(long, value_name = "DOLLARS", value_parser = above_zero, allow_negative_numbers = true)]
    pub(crate) max_dollars: Option<f64>,
}

/// Who meets which variant.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Design {
    /// Every user every variant.
    Paired,
    /// Every user one variant, by hash.
    Between,
}

impl ExperimentCommand {
    /// Whether what it writes may be a page.
    pub(crate) const fn is_report(&self) -> bool {
        matches!(self, Self::Analyze { .. } | Self::Run(_))
    }
}

/// A planned test of two arms of equal size.
#[derive(Args)]
pub(crate) struct PowerArguments {
    /// The difference to find, in standard deviations of a user's value.
    #[arg(long, conflicts_with = "shares")]
    pub(crate) effect: Option<f64>,
    /// The control's and the treatment's share of successes, instead of an effect.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) shares: Option<Vec<f64>>,
    /// Users in each arm.
    #[arg(long)]
    pub(crate) units: Option<f64>,
    /// How surely it is found.
    #[arg(long)]
    pub(crate) power: Option<f64>,
    /// How often a difference is found where there is none.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) alpha: f64,
    /// Turns a user on average, where values are of turns.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) turns: f64,
    /// How much turns of the same user are alike, from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) correlation: f64,
    /// The share of the variance that is explained by what is known of users before (CUPED), from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) explained: f64,
}
