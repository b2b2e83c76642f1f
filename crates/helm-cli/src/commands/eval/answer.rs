//! Who answers the rows of a data set.

use std::sync::Arc;

use helm_core::{Message, NanoUsd, PolicyHash, Role, StrategyName, TaskId, TokenCount, Usage};
use helm_orchestrator::config::StrategySection;
use helm_orchestrator::eval::dataset::Sample;
use helm_orchestrator::llm::{self, ChatRequest};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{AdmissionLimits, ErrorKind, Helm, HelmConfig, TurnRequest, TurnResponse};

use crate::arguments::{Global, RunArguments};
use crate::error::{Failure, Result};
use crate::{open, output};

/// Who asks, in the turns of a run; these are kept nowhere.
const USER: &str = "eval";

/// A configured strategy, with a store of its own that nothing is learned in. Users' limits and the answers that are kept for
/// them are not for a run, and no work is done beside its turns.
pub(super) struct Answerer {
    helm: Helm,
    task: TaskId,
    strategy: StrategyName,
    name: String,
    fingerprint: String,
    price: Price,
}

/// What answers cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Price {
    Free,
    Known,
    Unknown,
}

/// How a row was answered.
pub(super) struct Answer {
    pub(super) text: Option<String>,
    /// `None` when that is not known.
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
        let mut config = open::config(global)?;
        config.store.redis_url = None;
        open::log(&config, "error")?;
        let strategy = strategy(&config, &task, arguments.strategy.as_deref())?;
        let price = price(&config, &task, &strategy)?;
        let builder = config.builder(&open::variable)?.limits(AdmissionLimits::default()).observing();
        let built = builder.store(Arc::new(MemoryStore::new())).build().await;
        let helm = built.map_err(|error| config.locate(error))?;
        let name = format!("{task}/{strategy}");
        let fingerprint = fingerprint(&config, &task, &strategy)?;
        if config.models.is_empty() {
            output::note("note: answers are simulated: no model is configured");
        }
        Ok(Some(Self { helm, task, strategy, name, fingerprint, price }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Changes with the strategy and its model.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) const fn price(&self) -> Price {
        self.price
    }

    pub(super) async fn answer(&self, row: &Sample) -> Result<Answer> {
        let request = TurnRequest::of_chat(USER, &self.task, ChatRequest::new(conversation(row)));
        let turn = match request {
            Ok(request) => self.helm.turn(request.with_strategy(self.strategy.clone())).await,
            Err(error) => Err(error),
        };
        match turn {
            Ok(turn) => Ok(Answer::of(turn)),
            // Such a row, as one that is too long, says nothing of the others.
            Err(error) if error.kind() == ErrorKind::InvalidRequest => Ok(Answer::refused(error.report())),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn close(&self) {
        open::close(&self.helm).await;
    }
}

impl Answer {
    fn of(turn: TurnResponse) -> Self {
        let answered = turn.status.is_answered();
        // Without a decision, as behind an input that was refused, no model was asked.
        let is_free = turn.simulated || turn.strategy.is_none();
        let cost = turn.cost.map(NanoUsd::dollars).or(is_free.then_some(0.0));
        let error = turn.error.unwrap_or_else(|| format!("the turn ended as {}", turn.status.as_str()));
        Self {
            dollars: cost,
            seconds: turn.latency.as_secs_f64(),
            error: (!answered).then_some(error),
            hopeless: turn.failure.is_some_and(llm::ErrorKind::needs_a_person),
            text: turn.answer.filter(|_| answered),
        }
    }

    fn refused(why: String) -> Self {
        Self { text: None, dollars: Some(0.0), seconds: 0.0, error: Some(why), hopeless: false }
    }
}

/// A strategy as it is configured, and the name of its model.
fn configured<'a>(
    config: &'a HelmConfig,
    task: &TaskId,
    strategy: &StrategyName,
) -> (Option<&'a StrategySection>, &'a str) {
    let section = config.tasks.get(task).and_then(|section| section.strategies.get(strategy));
    let model = section.and_then(|section| section.model.as_ref());
    (section, model.map_or("main", |model| model.as_str()))
}

/// What the model of a strategy costs.
fn price(config: &HelmConfig, task: &TaskId, strategy: &StrategyName) -> Result<Price> {
    let (_, wanted) = configured(config, task, strategy);
    let models = config.models(&open::variable)?;
    let model = models.iter().find(|model| model.name().as_str() == wanted);
    let many = Usage::reported(TokenCount::new(1_000_000), TokenCount::new(1_000_000));
    Ok(match model.map(|model| (model.capabilities().simulated, model.price(many))) {
        Some((true, _)) => Price::Free,
        Some((_, Some(price))) if price.nanos() == 0 => Price::Free,
        Some((_, Some(_))) => Price::Known,
        _ => Price::Unknown,
    })
}

/// Of the strategy, its prompt and its model, as they are configured.
fn fingerprint(config: &HelmConfig, task: &TaskId, strategy: &StrategyName) -> Result<String> {
    let (section, wanted) = configured(config, task, strategy);
    let model = config.models.iter().find(|(name, _)| name.as_str() == wanted);
    let file = section.and_then(|section| section.system_file.as_ref());
    let system = file.map(|file| std::fs::read_to_string(config.folder.join(file))).transpose()?;
    let canonical = serde_json::to_string(&(section, model, system))?;
    Ok(PolicyHash::of(&canonical).to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_ends_with_the_model() {
        let line = r#"{"id": 1, "system": "Be brief.", "context": "a\nb\nc", "user": "d", "knowledge": "k"}"#;
        let messages = conversation(&serde_json::from_str(line).unwrap());
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::Assistant, Role::User, Role::Assistant, Role::User]);
        assert_eq!(messages[4].joined_text(), "k\n\nd");
    }
}
