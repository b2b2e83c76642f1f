//! What can be written behind `helmctl`: one module for the commands of one name.

mod config;
mod db;
mod decisions;
mod eval;
mod experiment;
mod guard;
mod jobs;
mod keys;
mod log;
mod ope;
mod policy;
#[cfg(test)]
mod reference;
mod scenario;
mod tenant;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Format;

pub(crate) use config::ConfigCommand;
pub(crate) use db::{DbCommand, MigrateCommand};
pub(crate) use decisions::{DecisionsCommand, FeedbackArguments, Thumbs};
pub(crate) use eval::{
    CalibrateArguments, CompareArguments, EvalCommand, RatingsArguments, RescoreArguments, RunArguments,
    WeightsArguments,
};
pub(crate) use experiment::{Design, ExperimentCommand, ExperimentRunArguments, PowerArguments};
pub(crate) use guard::{Direction, GuardCommand};
pub(crate) use jobs::{JobsCommand, WhichJobs};
pub(crate) use keys::KeysCommand;
pub(crate) use log::{ExportArguments, ExportFormat, LogCommand};
pub(crate) use ope::OpeArguments;
pub(crate) use policy::{GateArguments, PolicyCommand, SimulateArguments, TasksCommand};
pub(crate) use scenario::ScenarioCommand;
pub(crate) use tenant::OfTenant;
pub(crate) use users::UsersCommand;

/// The operator's tool of Helm.
#[derive(Parser)]
#[command(name = "helmctl", version, max_term_width = 100)]
#[command(
    after_help = "Examples:\n  helmctl init\n  helmctl chat --task support --user ana\n  helmctl tasks report support --output json\n  helmctl serve\n\nExit codes: 0 fine, 1 a check said no, 2 wrong use or input, 3 too little data to tell, 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct Global {
    /// The configuration file. Default: helm.toml in this folder, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where state is kept, instead of store.url: sqlite://PATH or postgres://USER@HOST/DATABASE.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// How results are written.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write a commented helm.toml.
    #[command(after_help = "Examples:\n  helmctl init\n  helmctl init --config etc/helm.toml --force")]
    Init {
        /// Where to. Default: what --config names, else helm.toml in this folder.
        #[arg(long)]
        path: Option<PathBuf>,
        /// Overwrite a file that is there.
        #[arg(long)]
        force: bool,
    },
    /// Talk. Commands in the conversation: /rate 4, /why, /strategies, /history, /prefs, /set NAME VALUE, /quit.
    #[command(
        after_help = "Examples:\n  helmctl chat --task support --user ana\n  printf 'How do I reset it?\\n/rate 4\\n' | helmctl chat --output jsonl\n\nCtrl-C ends the answer. Lines from a file or a program are answered one by one; exit code 2 when one failed, 130 when one was interrupted."
    )]
    Chat {
        /// Which task. Default: the first.
        #[arg(long)]
        task: Option<String>,
        /// Who is talking.
        #[arg(long, default_value = "me")]
        user: String,
        /// Which conversation to go on with. Default: a new one.
        #[arg(long)]
        conversation: Option<String>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Play conversations from a file.
    #[command(subcommand, after_help = "Example: helmctl scenario run examples/scenarios/support.jsonl")]
    Scenario(ScenarioCommand),
    /// Serve HTTP.
    #[command(
        after_help = "Examples:\n  helmctl serve\n  helmctl serve --listen 127.0.0.1:9000 --config etc/helm.toml\n\nCtrl-C or SIGTERM lets running turns end; once more ends at once."
    )]
    Serve {
        /// Where to listen, instead of server.listen.
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        listen: Option<SocketAddr>,
    },
    /// Look at decisions.
    #[command(
        subcommand,
        after_help = "Example: helmctl decisions show 01890a5d-ac96-774b-bcce-b302099a8057"
    )]
    Decisions(DecisionsCommand),
    /// Judge a decision.
    #[command(after_help = "Example: helmctl feedback 01890a5d-ac96-774b-bcce-b302099a8057 --rating 5")]
    Feedback(FeedbackArguments),
    /// Look at tasks.
    #[command(subcommand, after_help = "Example: helmctl tasks report support")]
    Tasks(TasksCommand),
    /// Look at policies, what they have learnt, and whether another would do better.
    #[command(subcommand, after_help = "Example: helmctl policy rebuild --task support --check")]
    Policy(PolicyCommand),
    /// Write the log: one row a turn, with decision, outcome, reward and feedback.
    #[command(
        after_help = "Examples:\n  helmctl export > turns.jsonl\n  helmctl export --task support --since 7d --to support.parquet\n  helmctl export --since 2026-01-01 --until 2026-02-01 --texts --to january.jsonl\n\nEach column is described in docs/log.md. A file appears under its name when it is whole."
    )]
    Export(ExportArguments),
    /// Keep the log in bounds.
    #[command(subcommand, after_help = "Example: helmctl log retain --older-than 90d --dry-run")]
    Log(LogCommand),
    /// See whether everything is as it should be.
    #[command(
        after_help = "Examples:\n  helmctl doctor\n  helmctl doctor --live --output json\n\nNothing is changed. Exit code 1 when a check failed."
    )]
    Doctor {
        /// Ask each model for a hello.
        #[arg(long)]
        live: bool,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Ask a running server whether it takes requests.
    #[command(
        after_help = "Examples:\n  helmctl health\n  helmctl health --config etc/helm.toml\n  helmctl health --url http://127.0.0.1:9000 --output json\n\nFor containers and scripts: nothing but the answer of /readyz is looked at, for 3 seconds at most. Exit code 1 when the server is not ready or not there. A server that has keys tells its warnings to those who have one: put it into HELM_API_KEY."
    )]
    Health {
        /// The server's address. Default: where server.listen of the configuration says, on this machine.
        #[arg(long)]
        url: Option<String>,
    },
    /// Look at background work that has failed for good, and bring it back or drop it.
    #[command(subcommand, after_help = "Examples:\n  helmctl jobs list\n  helmctl jobs replay --all")]
    Jobs(JobsCommand),
    /// Show people what is kept of them, and forget them.
    #[command(
        subcommand,
        after_help = "Examples:\n  helmctl users export ana --to ana.json\n  helmctl users forget ana --dry-run"
    )]
    Users(UsersCommand),
    /// Make keys that open the server's API.
    #[command(
        subcommand,
        after_help = "Examples:\n  helmctl keys create shop --role chat\n  helmctl keys rotate shop --overlap 7d"
    )]
    Keys(KeysCommand),
    /// Look at the configuration.
    #[command(subcommand, after_help = "Example: helmctl config check")]
    Config(ConfigCommand),
    /// Bring the database's schema up to date.
    #[command(
        after_help = "Examples:\n  helmctl migrate\n  helmctl migrate status --database postgres://helm@localhost/helm\n\nSafe to run from several machines at once."
    )]
    Migrate {
        /// What to do. Default: up.
        #[command(subcommand)]
        command: Option<MigrateCommand>,
    },
    /// Work on whole databases.
    #[command(
        subcommand,
        after_help = "Example: helmctl db copy sqlite://helm.db postgres://helm@localhost/helm"
    )]
    Db(DbCommand),
    /// Plan A/B tests, check their specifications, see whom they assign to what, and read what came of it.
    #[command(subcommand, after_help = "Example: helmctl experiment power --effect 0.2 --power 0.9")]
    Experiment(ExperimentCommand),
    /// Estimate what another policy would have earned on the log.
    #[command(
        after_help = "Examples:\n  helmctl ope --task support --since 7d --target stepwise\n  helmctl ope --task support --target '{ kind = \"thompson\", width = 0.5 }'\n  helmctl ope --log turns.jsonl --target uniform --output json\n  helmctl ope --log rounds.csv --target always_0\n\nA log is an export of Helm's, or a CSV file with the columns action, reward, pscore, and where they are known pi0 …\n(the other policy's probabilities), plog0 … (the log's own) and q0 … (what a model of rewards expects). Exit code 3\nwhen the log holds too little of what that policy would have done, or could not have done it."
    )]
    Ope(OpeArguments),
    /// Score answers, and see how well scores agree with people.
    #[command(
        subcommand,
        after_help = "Examples:\n  helmctl eval score < turns.jsonl > scores.jsonl\n  helmctl eval agree --ratings rated.jsonl --dimension overall --range 1..5\n  helmctl eval calibrate --task support > reward.toml"
    )]
    Eval(EvalCommand),
    /// Check texts against the guardrails.
    #[command(subcommand, after_help = "Example: helmctl guard check --direction output < answers.jsonl")]
    Guard(GuardCommand),
}

/// Where to listen, or how to write it.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.trim_start_matches(':').parse::<u16>().unwrap_or(8080);
    text.parse().map_err(|_| format!("write an IP address and a port, such as 127.0.0.1:{port}"))
}

/// A number above 0.
fn above_zero(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "write a number above 0".to_owned())
}
