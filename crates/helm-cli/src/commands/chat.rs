use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use helm_core::{Clock, ConversationId, DecisionId, Feedback, SystemClock, TaskId, UserId};
use helm_orchestrator::store::PreferenceChange;
use helm_orchestrator::{Helm, TurnEvent, TurnRequest, TurnResponse};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::tasks;
use crate::arguments::Global;
use crate::error::{Failure, INTERRUPTED, Result};
use crate::open;
use crate::output;

struct Chat {
    helm: Helm,
    task: TaskId,
    user: UserId,
    conversation: ConversationId,
    last: Option<DecisionId>,
}

/// What a line from the user leads to.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

const HELP: &str = "/rate 1..5   judge the last answer\n/why         why that strategy was chosen\n/strategies  what was learnt of this task\n/history     this conversation\n/prefs       what is known about you\n/set N V     set a preference\n/quit        end";

pub(super) async fn run(
    global: &Global,
    task: Option<String>,
    user: &str,
    conversation: Option<String>,
) -> Result<ExitCode> {
    let task = match task {
        Some(task) => TaskId::new(task)?,
        None => {
            let first = open::config(global)?.tasks.into_keys().next();
            first.ok_or_else(|| Failure::wrong("no task is configured; helmctl init writes some"))?
        }
    };
    open::known_task(global, &task)?;
    let user = UserId::new(user)?;
    let conversation = match conversation {
        Some(id) => ConversationId::new(id)?,
        None => ConversationId::new(DecisionId::generate(SystemClock.now()).to_string())?,
    };
    let helm = open::helm(global).await?;
    let mut chat = Chat { helm, task, user, conversation, last: None };
    let ended = if std::io::stdin().is_terminal() { chat.converse().await } else { chat.read_all().await };
    open::close(&chat.helm).await;
    ended
}

impl Chat {
    /// A conversation at a terminal. Ctrl-C ends a turn; at the prompt it clears the line, and twice it ends.
    async fn converse(&mut self) -> Result<ExitCode> {
        output::note(&format!(
            "Task {}, user {}. /help lists the commands, /quit ends.",
            self.task, self.user
        ));
        let mut editor = DefaultEditor::new().map_err(|error| Failure::wrong(error.to_string()))?;
        let mut interrupted = false;
        loop {
            let (returned, line) = tokio::task::spawn_blocking(move || {
                let line = editor.readline("> ");
                (editor, line)
            })
            .await
            .map_err(|error| Failure::wrong(error.to_string()))?;
            editor = returned;
            match line {
                Ok(line) => {
                    interrupted = false;
                    // A line that cannot be remembered is still answered.
                    drop(editor.add_history_entry(&line));
                    if self.take(&line).await? == Next::Quit {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                Err(ReadlineError::Interrupted) if interrupted => return Ok(ExitCode::from(INTERRUPTED)),
                Err(ReadlineError::Interrupted) => {
                    interrupted = true;
                    output::note("once more Ctrl-C, Ctrl-D or /quit ends");
                }
                Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
                Err(error) => return Err(Failure::wrong(error.to_string())),
            }
        }
    }

    /// Lines from a file or a program.
    async fn read_all(&mut self) -> Result<ExitCode> {
        let lines: Vec<String> = std::io::stdin().lock().lines().collect::<std::io::Result<_>>()?;
        for line in lines {
            if self.take(&line).await? == Next::Quit {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn take(&mut self, line: &str) -> Result<Next> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Next::GoOn);
        }
        let done = match line.strip_prefix('/') {
            Some("quit" | "exit") => return Ok(Next::Quit),
            Some(command) => self.command(command).await,
            None => self.say(line).await,
        };
        // A mistake in one line does not end the conversation.
        if let Err(error) = done {
            output::complain(&error.to_string());
        }
        Ok(Next::GoOn)
    }

    async fn command(&mut self, command: &str) -> Result<()> {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        match name {
            "help" => output::line(HELP),
            "rate" => self.rate(rest).await,
            "why" => {
                let explanation = self.helm.explain(self.last()?).await?;
                output::line(&explanation.why.replace("; ", "\n  "))
            }
            "strategies" => output::line(&tasks::table(&self.helm.report(&self.task).await?)),
            "history" => self.history().await,
            "prefs" => {
                let preferences = self.helm.preferences(&self.user).await?;
                output::line(&serde_json::to_string_pretty(&preferences.values)?)
            }
            "set" => self.set(rest).await,
            other => Err(Failure::wrong(format!("there is no /{other}; /help lists the commands"))),
        }
    }

    fn last(&self) -> Result<DecisionId> {
        self.last.ok_or_else(|| Failure::wrong("nothing has been answered yet"))
    }

    async fn rate(&self, rating: &str) -> Result<()> {
        let rating: f64 = rating
            .trim()
            .parse()
            .map_err(|_| Failure::wrong("write a number from 1 to 5, for example /rate 4"))?;
        let receipt = self.helm.feedback(Feedback::rating(self.last()?, rating)?).await?;
        let reward = receipt.reward.map(|reward| reward.value.get());
        output::line(&format!("thank you; the reward is now {}", output::number(reward)))
    }

    async fn history(&self) -> Result<()> {
        let messages = self.helm.conversation(&self.user, &self.conversation, 100).await?;
        messages.iter().try_for_each(|stored| {
            output::line(&format!("{:<9} {}", stored.message.role.as_str(), stored.message.joined_text()))
        })
    }

    async fn set(&self, rest: &str) -> Result<()> {
        let (name, value) =
            rest.trim().split_once(' ').ok_or_else(|| Failure::wrong("write /set NAME VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let change = PreferenceChange::Set { name: name.to_owned(), value };
        let preferences = self.helm.change_preferences(&self.user, &[change]).await?;
        output::line(&serde_json::to_string(&preferences.values)?)
    }

    async fn say(&mut self, message: &str) -> Result<()> {
        let request =
            TurnRequest::new(&self.user, &self.task, message)?.with_conversation(self.conversation.clone());
        let mut turn = self.helm.turn_stream(request)?;
        loop {
            let event = tokio::select! {
                event = turn.next_event() => event,
                _ = tokio::signal::ctrl_c() => {
                    output::note("\ncancelled");
                    return Ok(());
                }
            };
            match event {
                Some(Ok(TurnEvent::Decided { decision_id, .. })) => self.last = Some(decision_id),
                Some(Ok(TurnEvent::Delta(text))) => output::piece(&text)?,
                Some(Ok(TurnEvent::Ended(response))) => {
                    self.last = Some(response.decision_id);
                    return shown(&response);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            }
        }
    }
}

/// The line under an answer.
fn shown(turn: &TurnResponse) -> Result<()> {
    output::line("")?;
    let strategy = turn.strategy.as_ref().map_or_else(|| "no strategy".to_owned(), ToString::to_string);
    let reward = turn.reward.as_ref().map(|reward| reward.value.get());
    output::line(&format!(
        "[{strategy}, chosen with {}; {}; reward {}; decision {}]",
        output::percent(turn.propensity.map(helm_core::Probability::get)),
        turn.status.as_str(),
        output::number(reward),
        turn.decision_id,
    ))?;
    if turn.simulated {
        output::line("(simulated answer: the built-in demonstration model)")?;
    }
    match &turn.error {
        Some(error) => Err(Failure::wrong(error.clone())),
        None => Ok(()),
    }
}
