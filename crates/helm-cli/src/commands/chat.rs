use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use helm_core::{Clock, ConversationId, DecisionId, Feedback, SystemClock, TaskId, UserId};
use helm_orchestrator::store::{PreferenceChange, StoredMessage};
use helm_orchestrator::{Helm, TurnEvent, TurnRequest, TurnResponse};
use helm_server::json::{decision_json, report_json, turn_json};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use serde::Serialize;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::tasks;
use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, INTERRUPTED, Result, WRONG};
use crate::open;
use crate::output::{self, Series};

struct Chat {
    helm: Helm,
    task: TaskId,
    user: UserId,
    conversation: ConversationId,
    last: Option<DecisionId>,
    /// Ctrl-C. Listened to from the beginning: one that comes before a turn waits would end the program.
    interrupts: Signal,
    interrupted: bool,
    series: Series,
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
    of: &OfTenant,
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
    let interrupts = signal(SignalKind::interrupt())?;
    let helm = open::helm(global, of).await?;
    let series = Series::new(global.output);
    let mut chat =
        Chat { helm, task, user, conversation, last: None, interrupts, interrupted: false, series };
    let ended = if std::io::stdin().is_terminal() { chat.converse().await } else { chat.read_all().await };
    open::close(&chat.helm).await;
    chat.series.end()?;
    ended
}

/// Lines of standard input as they come. The thread ends with the program: nothing can wake a read.
fn lines() -> mpsc::Receiver<std::io::Result<String>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
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
                    match self.take(&line).await {
                        Ok(Next::GoOn) => {}
                        Ok(Next::Quit) => return Ok(ExitCode::SUCCESS),
                        Err(error) if error.is_unread() => return Err(error),
                        // A mistake in one line does not end the conversation.
                        Err(error) => output::complain(&error.to_string()),
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

    /// Lines from a file or a program, each answered before the next is read. What goes wrong in one does not
    /// end the conversation, but it shows in the exit code. Ctrl-C ends a turn, and the program between turns.
    async fn read_all(&mut self) -> Result<ExitCode> {
        let (mut lines, mut failed) = (lines(), false);
        loop {
            let line = tokio::select! {
                biased;
                _ = self.interrupts.recv() => return Ok(ExitCode::from(INTERRUPTED)),
                line = lines.recv() => line,
            };
            let Some(line) = line else { break };
            let taken = match line {
                Ok(line) => self.take(&line).await,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    Err(Failure::wrong("a line is not UTF-8; it is left out"))
                }
                Err(error) => return Err(error.into()),
            };
            match taken {
                Ok(Next::GoOn) => {}
                Ok(Next::Quit) => break,
                Err(error) if error.is_unread() => return Err(error),
                Err(error) => {
                    output::complain(&error.to_string());
                    failed = true;
                }
            }
        }
        Ok(match (self.interrupted, failed) {
            (true, _) => ExitCode::from(INTERRUPTED),
            (false, true) => ExitCode::from(WRONG),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    async fn take(&mut self, line: &str) -> Result<Next> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Next::GoOn);
        }
        match line.strip_prefix('/') {
            Some("quit" | "exit") => return Ok(Next::Quit),
            Some(command) => self.command(command).await?,
            None => self.say(line).await?,
        }
        Ok(Next::GoOn)
    }

    async fn command(&mut self, command: &str) -> Result<()> {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        match name {
            "help" => {
                output::note(HELP);
                Ok(())
            }
            "rate" => self.rate(rest).await,
            "why" => self.why().await,
            "strategies" => self.strategies().await,
            "history" => self.history().await,
            "prefs" => {
                let preferences = self.helm.preferences(&self.user).await?;
                self.show(&preferences.values)
            }
            "set" => self.set(rest).await,
            other => Err(Failure::wrong(format!("there is no /{other}; /help lists the commands"))),
        }
    }

    /// Writes a value that people read as JSON, too.
    fn show(&mut self, value: &impl Serialize) -> Result<()> {
        if self.series.is_data() {
            return self.series.value(value);
        }
        output::line(&serde_json::to_string_pretty(value)?)
    }

    async fn why(&mut self) -> Result<()> {
        let explanation = self.helm.explain(self.last()?).await?;
        if self.series.is_data() {
            return self.series.value(&decision_json(&explanation));
        }
        output::line(&explanation.why.replace("; ", "\n  "))
    }

    async fn strategies(&mut self) -> Result<()> {
        let report = self.helm.report(&self.task).await?;
        if self.series.is_data() {
            return self.series.value(&report_json(&report));
        }
        output::line(&tasks::table(&report))
    }

    fn last(&self) -> Result<DecisionId> {
        self.last.ok_or_else(|| Failure::wrong("nothing has been answered yet"))
    }

    async fn rate(&mut self, rating: &str) -> Result<()> {
        let rating: f64 = rating
            .trim()
            .parse()
            .map_err(|_| Failure::wrong("write a number from 1 to 5, for example /rate 4"))?;
        let id = self.last()?;
        let receipt = self.helm.feedback(Feedback::rating(id, rating)?).await?;
        let reward = receipt.reward.map(|reward| reward.value.get());
        if self.series.is_data() {
            let value = json!({ "decision_id": id, "applied": receipt.applied, "reward": reward });
            return self.series.value(&value);
        }
        output::line(&format!("thank you; the reward is now {}", output::number(reward)))
    }

    async fn history(&mut self) -> Result<()> {
        let messages = self.helm.conversation(&self.user, &self.conversation, 100).await?;
        if self.series.is_data() {
            let message = |stored: &StoredMessage| json!({ "role": stored.message.role.as_str(), "text": stored.message.joined_text() });
            let messages: Vec<_> = messages.iter().map(message).collect();
            return self.series.value(&json!({ "history": messages }));
        }
        messages.iter().try_for_each(|stored| {
            output::line(&format!("{:<9} {}", stored.message.role.as_str(), stored.message.joined_text()))
        })
    }

    async fn set(&mut self, rest: &str) -> Result<()> {
        let (name, value) =
            rest.trim().split_once(' ').ok_or_else(|| Failure::wrong("write /set NAME VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let change = PreferenceChange::Set { name: name.to_owned(), value };
        let preferences = self.helm.change_preferences(&self.user, &[change]).await?;
        self.show(&preferences.values)
    }

    async fn say(&mut self, message: &str) -> Result<()> {
        let request =
            TurnRequest::new(&self.user, &self.task, message)?.with_conversation(self.conversation.clone());
        let mut turn = self.helm.turn_stream(request)?;
        loop {
            let event = tokio::select! {
                biased;
                _ = self.interrupts.recv() => {
                    // Dropping the turn cancels it, and it is recorded.
                    self.interrupted = true;
                    output::note("\ncancelled");
                    return Ok(());
                }
                event = turn.next_event() => event,
            };
            match event {
                Some(Ok(TurnEvent::Decided { decision_id, .. })) => self.last = Some(decision_id),
                Some(Ok(TurnEvent::Delta(text))) if !self.series.is_data() => output::piece(&text)?,
                Some(Ok(TurnEvent::Ended(response))) => {
                    self.last = Some(response.decision_id);
                    if self.series.is_data() {
                        self.series.value(&turn_json(&response, message))?;
                    } else {
                        shown(&response)?;
                    }
                    return match response.error {
                        Some(error) => Err(Failure::wrong(error)),
                        None => Ok(()),
                    };
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
    Ok(())
}
