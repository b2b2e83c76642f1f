//! One file a command.

mod chat;
mod config;
mod db_copy;
mod decisions;
mod doctor;
mod eval;
mod experiment;
mod export;
mod feedback;
mod guard;
mod health;
mod init;
mod jobs;
mod keys;
mod log;
mod migrate;
mod ope;
mod policy_gate;
mod policy_list;
mod policy_plot;
mod policy_rebuild;
mod policy_simulate;
mod policy_text;
mod scenario;
mod serve;
mod tasks;
mod users;

use std::process::ExitCode;

use crate::arguments::{
    Arguments, Command, ConfigCommand, DbCommand, DecisionsCommand, LogCommand, PolicyCommand,
    ScenarioCommand, TasksCommand, UsersCommand,
};
use crate::error::{Failure, Result};
use crate::output::Format;

/// Runs a command.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { global, command } = arguments;
    let is_report = matches!(&command, Command::Experiment(command) if command.is_report());
    if matches!(global.output, Format::Markdown | Format::Html) && !is_report {
        return Err(Failure::wrong(
            "only reports of experiments are written as markdown or html; write table, json or jsonl",
        ));
    }
    match command {
        Command::Init { path, force } => init::run(&global, path.as_deref(), force)?,
        Command::Chat { task, user, conversation, of } => {
            return chat::run(&global, &of, task, &user, conversation).await;
        }
        Command::Scenario(ScenarioCommand::Run { file, limit, of }) => {
            scenario::run(&global, &of, &file, limit).await?;
        }
        Command::Serve { listen } => return serve::run(&global, listen).await,
        Command::Decisions(DecisionsCommand::Show { id, of }) => {
            decisions::show(&global, &of, &id).await?;
        }
        Command::Feedback(feedback) => feedback::run(&global, &feedback).await?,
        Command::Tasks(TasksCommand::List) => tasks::list(&global)?,
        Command::Tasks(TasksCommand::Report { task, of }) => tasks::report(&global, &of, &task).await?,
        Command::Policy(PolicyCommand::Simulate(arguments)) => policy_simulate::run(&global, &arguments)?,
        Command::Policy(PolicyCommand::List) => policy_list::run(&global)?,
        Command::Policy(PolicyCommand::Rebuild { task, check, of }) => {
            return policy_rebuild::run(&global, &of, &task, check).await;
        }
        Command::Policy(PolicyCommand::Gate(arguments)) => {
            return policy_gate::run(&global, &arguments).await;
        }
        Command::Export(arguments) => return export::run(&global, &arguments).await,
        Command::Log(LogCommand::Retain { older_than, dry_run, of }) => {
            log::retain(&global, &of, &older_than, dry_run).await?;
        }
        Command::Doctor { live, of } => return doctor::run(&global, &of, live).await,
        Command::Health { url } => return health::run(&global, url.as_deref()).await,
        Command::Jobs(command) => jobs::run(&global, &command).await?,
        Command::Users(UsersCommand::Export { user, to, of }) => {
            users::export(&global, &of, &user, to.as_deref()).await?;
        }
        Command::Users(UsersCommand::Forget { user, dry_run, yes, of }) => {
            let ask = users::Ask { dry_run, yes };
            users::forget(&global, &of, &user, ask).await?;
        }
        Command::Keys(command) => keys::run(&global, &command).await?,
        Command::Config(ConfigCommand::Schema) => config::schema(&global)?,
        Command::Config(ConfigCommand::Check) => config::check(&global)?,
        Command::Config(ConfigCommand::Show { origin: false }) => config::show(&global)?,
        Command::Config(ConfigCommand::Show { origin: true }) => config::show_origins(&global)?,
        Command::Db(DbCommand::Copy { from, to }) => db_copy::run(&global, &from, &to).await?,
        Command::Migrate { command } => migrate::run(&global, command.as_ref()).await?,
        Command::Experiment(command) => return experiment::run(&global, &command).await,
        Command::Ope(arguments) => return ope::run(&global, &arguments).await,
        Command::Eval(command) => return eval::run(&global, &command).await,
        Command::Guard(command) => guard::run(&global, &command).await?,
    }
    Ok(ExitCode::SUCCESS)
}
