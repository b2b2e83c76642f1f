use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::output::Format;

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
    #[command(after_help = "Examples:\n  helmctl init\n  helmctl init --path etc/helm.toml --force")]
    Init {
        /// Where to.
        #[arg(long, default_value = "helm.toml")]
        path: PathBuf,
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
        #[arg(long, value_name = "ADDRESS")]
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
    /// Look at policies and what they have learnt.
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
    },
    /// Ask a running server whether it takes requests.
    #[command(
        after_help = "Examples:\n  helmctl health\n  helmctl health --url http://127.0.0.1:9000 --output json\n\nFor containers and scripts: nothing but the answer of /readyz is looked at, for 3 seconds at most. Exit code 1\nwhen the server is not ready or not there."
    )]
    Health {
        /// The server's address.
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        url: String,
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
    /// Estimate what another policy would have earned on a log.
    #[command(
        after_help = "Examples:\n  helmctl export --task support --since 30d --to turns.jsonl\n  helmctl ope --log turns.jsonl --target stepwise\n  helmctl ope --log turns.jsonl --target uniform --output json\n  helmctl ope --log rounds.csv --target always_0\n\nA log is an export of Helm's, or a CSV file with the columns action, reward, pscore, and where they are known pi0 …\n(the other policy's probabilities), plog0 … (the log's own) and q0 … (what a model of rewards expects). Exit code 3\nwhen the log holds too little of what that policy would have done."
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
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
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

/// What `ope` reads, and what it asks.
#[derive(Args)]
pub(crate) struct OpeArguments {
    /// The log: JSON lines of `helmctl export`, or CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// The other policy: a strategy (NAME or NAME@VERSION) that is always taken, `uniform` over what could have been
    /// chosen, or `best` of what the rewards of the others expect; for CSV also always_N, greedy_q, or `columns` for pi0 ….
    #[arg(long, value_name = "NAME")]
    pub(crate) target: String,
    /// Refuse where the log is worth fewer decisions of that policy.
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    pub(crate) min_effective: f64,
    /// The intervals miss the truth with this probability at most.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) alpha: f64,
}

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

/// What `export` writes, and where.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// Only this task's turns.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Only this user's turns.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only turns that began then or later: a date, an RFC 3339 moment, or how long ago, such as 7d.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only turns that began before then. Default: now.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// How rows are written. Default: what the file's name asks for, else jsonl.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    /// Also what was written and answered, which may be personal.
    #[arg(long)]
    pub(crate) texts: bool,
    /// The file. Default: standard output, for jsonl.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// Remove old turns with their decisions, judgements and messages. What was learnt from them stays.
    #[command(
        after_help = "Examples:\n  helmctl log retain --older-than 90d --dry-run\n  helmctl log retain --older-than 52w --output json\n\nTurns that something depends on stay: a reward window that is open, or a draw that a user or a conversation keeps to."
    )]
    Retain {
        /// How old a turn may get: 90d, 12h, 52w.
        #[arg(long, value_name = "AGE")]
        older_than: String,
        /// Only count.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply what is missing.
    Up,
    /// List the migrations; nothing is changed.
    Status,
}

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
    },
}

#[derive(Subcommand)]
pub(crate) enum DecisionsCommand {
    /// Show a decision and why it was made.
    #[command(
        after_help = "Example: helmctl decisions show 01890a5d-ac96-774b-bcce-b302099a8057 --output json"
    )]
    Show {
        /// The decision's id.
        id: String,
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
    },
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

#[derive(Subcommand)]
pub(crate) enum JobsCommand {
    /// How much work there is, and what has died, newest first.
    #[command(after_help = "Examples:\n  helmctl jobs list\n  helmctl jobs list --output json --limit 10")]
    List {
        /// Whose dead jobs.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How many dead ones at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// All that is known of a dead job.
    #[command(after_help = "Example: helmctl jobs show 17")]
    Show {
        /// Its number.
        id: i64,
        /// Whose.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Make dead jobs due again, with all their attempts; any running server does them.
    #[command(
        after_help = "Examples:\n  helmctl jobs replay 17 18\n  helmctl jobs replay --all --kind judge"
    )]
    Replay(WhichJobs),
    /// Remove dead jobs for good.
    #[command(after_help = "Examples:\n  helmctl jobs drop 17\n  helmctl jobs drop --all --kind summarise")]
    Drop(WhichJobs),
}

/// Which dead jobs.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["ids", "all"])))]
pub(crate) struct WhichJobs {
    /// Their numbers.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// All of the tenant's.
    #[arg(long)]
    pub(crate) all: bool,
    /// Of all, only those of this kind.
    #[arg(long, requires = "all")]
    pub(crate) kind: Option<String>,
    /// Whose.
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
}

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

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key that every server on the database knows: it is shown once, and only its hash is kept.
    #[command(
        after_help = "Examples:\n  helmctl keys create shop --role chat\n  helmctl keys create prometheus --role metrics --expires 90d --output json\n\nchat has turns, judges them and uses the chat APIs; read looks at everything of the tenant; metrics asks for /metrics; admin\ndoes everything."
    )]
    Create {
        /// What it is called; limits are counted by the name.
        name: String,
        /// What it may do: chat, read, metrics or admin.
        #[arg(long, default_value = "chat")]
        role: String,
        /// Whose data it opens.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How long it opens anything: 90d, 12h, 52w. Default: for ever.
        #[arg(long, value_name = "AGE")]
        expires: Option<String>,
    },
    /// The keys of the database, without the keys.
    #[command(after_help = "Examples:\n  helmctl keys list\n  helmctl keys list --tenant shop --output json")]
    List {
        /// Only this tenant's.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make a new key of the same name, role and lifetime, and let the old ones end after a while.
    #[command(after_help = "Example: helmctl keys rotate shop --overlap 7d")]
    Rotate {
        /// Its name or id.
        key: String,
        /// Whose.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// How long both open.
        #[arg(long, value_name = "AGE", default_value = "24h")]
        overlap: String,
    },
    /// Let a key open nothing any more, at once.
    #[command(after_help = "Example: helmctl keys revoke 1f9c27e0")]
    Revoke {
        /// Its id, or its name for all of that name.
        key: String,
        /// Whose.
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Make a key for server.keys_file or HELM_API_KEYS: it is shown once, with the entry that holds its hash.
    New {
        /// What it is called.
        name: String,
        /// What it may do: chat, read, metrics or admin. Default: admin.
        #[arg(long)]
        role: Option<String>,
        /// Whose data it opens. Default: that of the installation's only tenant.
        #[arg(long)]
        tenant: Option<String>,
    },
}

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

/// A number above 0.
fn above_zero(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "write a number above 0".to_owned())
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
