//! Who answers the rows of a data set, and what that may cost.

use std::sync::Arc;

use helm_core::{Message, NanoUsd, Role, StrategyName, TaskId};
use helm_orchestrator::eval::dataset::{RowResult, Sample};
use helm_orchestrator::llm::{ChatRequest, ErrorKind};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig, TurnRequest};

use crate::arguments::{Global, RunArguments};
use crate::error::{Failure, Result};
use crate::{open, output};

/// Who asks, in the turns of a run; these are kept nowhere.
const USER: &str = "eval";

/// A configured strategy, with a store of its own that nothing is learned in.
pub(super) struct Answerer {
    helm: Helm,
    task: TaskId,
    strategy: StrategyName,
    name: String,
}

/// How a row was answered.
pub(super) struct Answer {
    pub(super) text: Option<String>,
    pub(super) dollars: Option<f64>,
    pub(super) seconds: f64,
    pub(super) error: Option<String>,
    /// Whether only a person can end what failed, such as a key that is refused.
    pub(super) hopeless: bool,
}

impl Answerer {
    /// The strategy that was named; `None` when the rows hold their answers.
    pub(super) async fn open(global: &Global, arguments: &RunArguments) -> Result<Option<Self>> {
        let Some(task) = &arguments.task else { return Ok(None) };
        let task = TaskId::new(task)?;
        open::known_task(global, &task)?;
        let config = open::config(global)?;
        open::log(&config, "error")?;
        let strategy = strategy(&config, &task, arguments.strategy.as_deref())?;
        let built = config.builder(&open::variable)?.store(Arc::new(MemoryStore::new())).build().await;
        let helm = built.map_err(|error| config.locate(error))?;
        let name = format!("{task}/{strategy}");
        if config.models.is_empty() {
            output::note("note: answers are simulated: no model is configured");
        }
        Ok(Some(Self { helm, task, strategy, name }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn answer(&self, row: &Sample) -> Result<Answer> {
        let request = TurnRequest::of_chat(USER, &self.task, ChatRequest::new(conversation(row)))?;
        let turn = self.helm.turn(request.with_strategy(self.strategy.clone())).await?;
        let cost = turn.cost.map(NanoUsd::dollars);
        let answered = turn.status.is_answered();
        let failed =
            || turn.error.clone().unwrap_or_else(|| format!("the turn ended as {}", turn.status.as_str()));
        Ok(Answer {
            dollars: if turn.simulated { Some(cost.unwrap_or(0.0)) } else { cost },
            seconds: turn.latency.as_secs_f64(),
            error: (!answered).then(failed),
            hopeless: turn.failure.is_some_and(ErrorKind::needs_a_person),
            text: turn.answer.filter(|_| answered),
        })
    }

    pub(super) async fn close(&self) {
        open::close(&self.helm).await;
    }
}

/// The strategy that was named, or the only one.
fn strategy(config: &HelmConfig, task: &TaskId, wanted: Option<&str>) -> Result<StrategyName> {
    let strategies = config.tasks.get(task).map(|section| &section.strategies);
    let known: Vec<&StrategyName> = strategies.into_iter().flat_map(|strategies| strategies.keys()).collect();
    let listed = || known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (wanted, known.as_slice()) {
        (None, [only]) => Ok((*only).clone()),
        (None, _) => Err(Failure::wrong(format!(
            "say which strategy of {task} answers, with --strategy: {}",
            listed()
        ))),
        (Some(name), _) => {
            let found = known.iter().find(|strategy| strategy.as_str() == name);
            let absent =
                || Failure::wrong(format!("task {task} has no strategy {name}; it has: {}", listed()));
            found.map(|strategy| (*strategy).clone()).ok_or_else(absent)
        }
    }
}

/// What the model is sent: instructions, what was said before, the question. Of what was said before, the last turn is taken
/// for the model's, and the ones before by turns for the user's and the model's.
fn conversation(row: &Sample) -> Vec<Message> {
    let system = row.system.iter().map(|system| Message::text(Role::System, system.as_str()));
    let count = row.history.len();
    let before = row.history.iter().enumerate().map(|(place, message)| {
        let role = if (count - place) % 2 == 1 { Role::Assistant } else { Role::User };
        Message::text(role, message.joined_text())
    });
    let knowledge =
        (!row.knowledge.is_empty()).then(|| format!("{}\n\n{}", row.knowledge.join("\n\n"), row.user));
    let question = Message::text(Role::User, knowledge.unwrap_or_else(|| row.user.clone()));
    system.chain(before).chain([question]).collect()
}

/// Dollars that must not be exceeded. No row is begun when one as dear as the dearest so far, beside those that are under
/// way, could exceed them; the first row is answered alone.
pub(super) struct Budget {
    most: Option<f64>,
    spent: f64,
    dearest: Option<f64>,
}

impl Budget {
    pub(super) fn new(most: Option<f64>, spent: f64) -> Self {
        Self { most, spent, dearest: None }
    }

    pub(super) fn allows(&self, running: usize) -> bool {
        match (self.most, self.dearest) {
            (None, _) => true,
            (Some(most), None) => running == 0 && self.spent < most,
            (Some(most), Some(dearest)) => self.spent + dearest * (running + 1) as f64 <= most,
        }
    }

    /// Takes down what a row cost; fails when that is not known and must not be exceeded.
    pub(super) fn spend(&mut self, row: &RowResult) -> Result<(), String> {
        if self.most.is_some() && row.dollars.is_none() && row.seconds.is_some() && row.error.is_none() {
            return Err(
                "what an answer costs is not known, so --max-dollars cannot hold; give the model prices"
                    .to_owned(),
            );
        }
        let dollars = row.dollars.unwrap_or(0.0);
        self.spent += dollars;
        self.dearest = Some(self.dearest.unwrap_or(0.0).max(dollars));
        Ok(())
    }

    pub(super) fn stopped_at(&self, done: usize, of: usize) -> String {
        let (spent, most) = (self.spent, self.most.unwrap_or_default());
        format!(
            "stopped after {done} of {of} rows and ${spent:.4}: more could exceed --max-dollars {most}; with --results FILE, the same command goes on with more"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(dollars: f64) -> RowResult {
        let mut row = RowResult::new(1.into());
        (row.dollars, row.seconds) = (Some(dollars), Some(1.0));
        row
    }

    #[test]
    fn a_budget_begins_no_row_that_could_exceed_it() {
        let mut budget = Budget::new(Some(1.0), 0.0);
        assert!(budget.allows(0) && !budget.allows(1), "what a row costs is not known yet");
        budget.spend(&row(0.3)).unwrap();
        assert!(budget.allows(0) && budget.allows(1) && !budget.allows(2));
        budget.spend(&row(0.4)).unwrap();
        assert!(!budget.allows(0), "0.7 and 0.4 are too much");
        assert!(!Budget::new(Some(1.0), 1.0).allows(0), "earlier runs count");
        assert!(Budget::new(None, 9.0).allows(50));
        let mut unpriced = row(0.0);
        unpriced.dollars = None;
        assert!(budget.spend(&unpriced).unwrap_err().contains("not known"));
    }

    #[test]
    fn what_was_said_before_ends_with_the_model() {
        let line = r#"{"id": 1, "system": "Be brief.", "context": "a\nb\nc", "user": "d", "knowledge": "k"}"#;
        let messages = conversation(&serde_json::from_str(line).unwrap());
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::Assistant, Role::User, Role::Assistant, Role::User]);
        assert_eq!(messages[4].joined_text(), "k\n\nd");
    }
}
