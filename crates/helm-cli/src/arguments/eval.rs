//! `helmctl eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{OfTenant, above_zero};

#[derive(Subcommand)]
pub(crate) enum EvalCommand {
    /// Score JSONL of {id, system?, context?, user, response, knowledge?, reference?} on standard input; JSONL of {id,
    /// scores, reward, stderr} out, one line for each line in, in order.
    #[command(
        after_help = "Examples:\n  echo '{\"id\":1,\"user\":\"What is DNS?\",\"response\":\"The phone book of the internet.\"}' | helmctl eval score\n  helmctl eval score --reward reward.toml < turns.jsonl\n\n`context` is what was said before, one turn a line. What could not be judged is null, which is not 0."
    )]
    Score {
        /// The reward: a name in the configuration, or a .toml file with its table. Default: default.
        #[arg(long, value_name = "SPEC")]
        reward: Option<String>,
    },
    /// Score a data set, answered as it is or by a strategy, and say whether it shows what it must.
    #[command(
        after_help = "Examples:\n  helmctl eval run --dataset rows.jsonl --gate 'relevance>=0.9'\n  helmctl eval run --dataset rows.jsonl --task support --strategy concise --results new.jsonl \\\n    --baseline old.jsonl --gate 'reward not-below baseline by 0.02' --report report.html --report junit.xml --max-dollars 2\n\nRows are those of `eval score`, `response` left out where a strategy answers. Gates are judged by 95 % intervals. Measures are\nthe evaluators, reward, seconds, dollars and errors, with --judges also the judges. With --results, the same command goes on where it was ended.\nExit code 1 when a gate failed, 2 when the run could not be made, 3 when there is too little data to tell."
    )]
    Run(RunArguments),
    /// Compare the results of two runs on the rows that both have.
    #[command(
        after_help = "Example:\n  helmctl eval compare old.jsonl new.jsonl --gate 'reward above baseline' --report compare.md\n\nDifferences are the second less the first, by pairs of rows. The first is the baseline of the gates."
    )]
    Compare(CompareArguments),
    /// Tell how well scores and reward agree with people's ratings, with intervals.
    #[command(
        after_help = "Examples:\n  helmctl eval agree --ratings rated.jsonl --dimension overall --range 1..5\n  helmctl eval agree --task support --since 30d --output json\n\nA rated line is one of `eval score` with `human`: {dimension: rating}. Intervals hold 95 %, by a bootstrap over requests.\nExit code 3 with fewer than 10 ratings."
    )]
    Agree(RatingsArguments),
    /// Learn a reward's weights from people's ratings, and write it to be pasted into a configuration.
    #[command(
        after_help = "Examples:\n  helmctl eval calibrate --task support > reward.toml\n  helmctl eval calibrate --ratings rated.jsonl --dimension overall --range 1..5 --name rated\n\nThe configured weights are the prior. Exit code 1, and nothing written, when the learned weights are not clearly better\non ratings that they were not fitted on; 3 when there are too few to tell."
    )]
    Calibrate(CalibrateArguments),
    /// Tell what the log says under another reward: each strategy's mean, what people would say of all its answers, and when
    /// people began to disagree with the reward. Nothing is changed.
    #[command(
        after_help = "Example:\n  helmctl eval rescore --task support --reward reward.toml\n\nOnce the reward is configured, `helmctl policy rebuild --task support` settles the log under it.\nExit code 3 when there is no settled decision."
    )]
    Rescore(RescoreArguments),
    /// Tell which weights, learned from people as their ratings came in, have counted for a task's reward, and since when.
    #[command(
        after_help = "Example:\n  helmctl eval weights --task support\n\nOnly rewards with `weights = \"learned\"` have any. The number of the weights stands behind the plus in what a reward was\ncomposed by, such as default@2+3."
    )]
    Weights(WeightsArguments),
}

/// Whose learned weights.
#[derive(Args)]
pub(crate) struct WeightsArguments {
    /// Which task.
    #[arg(long)]
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Which log, under which reward.
#[derive(Args)]
pub(crate) struct RescoreArguments {
    /// Which task.
    #[arg(long)]
    pub(crate) task: String,
    /// The reward: a name in the configuration, or a .toml file with its table. Default: the task's.
    #[arg(long, value_name = "SPEC")]
    pub(crate) reward: Option<String>,
    /// Only decisions that were made then or later: a date, an RFC 3339 moment, or how long ago, such as 7d.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What `eval run` scores, and what that must show.
#[derive(Args)]
pub(crate) struct RunArguments {
    /// JSONL of rows.
    #[arg(long, value_name = "FILE")]
    pub(crate) dataset: PathBuf,
    /// What must hold, such as 'relevance>=0.9' or 'reward not-below baseline by 0.02'; may be repeated.
    #[arg(long = "gate", value_name = "CONDITION")]
    pub(crate) gates: Vec<String>,
    /// The results of the run that relative gates compare with.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// The reward: a name in the configuration, or a .toml file with its table. Default: the task's, and
    /// without a task default.
    #[arg(long, value_name = "SPEC")]
    pub(crate) reward: Option<String>,
    /// A strategy of this task answers every row anew; nothing is learned from it.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Which strategy. Default: the task's only one.
    #[arg(long, value_name = "NAME", requires = "task")]
    pub(crate) strategy: Option<String>,
    /// Keeps each row's result here as it comes, to go on with and to compare.
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Writes a report: .json, .xml for JUnit, .md or .html; may be repeated.
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) reports: Vec<PathBuf>,
    /// Only the first so many rows.
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<std::num::NonZeroUsize>,
    /// How many rows are answered at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    /// The configured judges that the reward counts judge every row.
    #[arg(long)]
    pub(crate) judges: bool,
    /// Dollars that all answers of these results, and their judgements, may cost together.
    #[arg(long, value_parser = above_zero, allow_negative_numbers = true)]
    pub(crate) max_dollars: Option<f64>,
}

/// What `eval compare` compares.
#[derive(Args)]
pub(crate) struct CompareArguments {
    /// The results of one run: the baseline.
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,
    /// The results of the other.
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,
    /// What must hold of the second; may be repeated.
    #[arg(long = "gate", value_name = "CONDITION")]
    pub(crate) gates: Vec<String>,
    /// Writes a report: .json, .xml for JUnit, .md or .html; may be repeated.
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) reports: Vec<PathBuf>,
}

/// Which ratings, and beside which reward.
#[derive(Args, Clone)]
pub(crate) struct RatingsArguments {
    /// JSONL of rated answers.
    #[arg(long, value_name = "FILE", conflicts_with = "task")]
    pub(crate) ratings: Option<PathBuf>,
    /// Which of the things that people rated. Needed where they rated several.
    #[arg(long, value_name = "NAME", requires = "ratings")]
    pub(crate) dimension: Option<String>,
    /// The scale of the ratings in a file.
    #[arg(long, value_name = "LOW..HIGH", default_value = "0..1", allow_hyphen_values = true)]
    pub(crate) range: String,
    /// Feedback on this task's turns in the log, instead of a file.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Only turns that began then or later: a date, an RFC 3339 moment, or how long ago, such as 7d.
    #[arg(long, value_name = "WHEN", requires = "task")]
    pub(crate) since: Option<String>,
    /// The reward: a name in the configuration, or a .toml file with its table. Default: the task's, and
    /// for a file default.
    #[arg(long, value_name = "SPEC")]
    pub(crate) reward: Option<String>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What `eval calibrate` learns, and from what.
#[derive(Args)]
pub(crate) struct CalibrateArguments {
    #[command(flatten)]
    pub(crate) ratings: RatingsArguments,
    /// A task whose feedback says what people like in this one too, as long as it has few ratings; may be repeated.
    #[arg(long = "like", value_name = "TASK", requires = "task")]
    pub(crate) others: Vec<String>,
    /// What the learned reward is called. Default: as the one it is learned from.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// As how many ratings the configured weights count.
    #[arg(long, default_value_t = 40.0, value_parser = above_zero, allow_negative_numbers = true)]
    pub(crate) prior_ratings: f64,
    /// The seed of the test by which weights are adopted.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}
