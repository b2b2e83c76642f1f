use axum::http::StatusCode;
use helm_core::{StrategyName, TaskId};
use helm_orchestrator::Helm;

use crate::problem::Problem;

/// What a model's name stands for: a task, whose policy chooses, or one strategy of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) task: TaskId,
    pub(crate) strategy: Option<StrategyName>,
}

const PREFIX: &str = "helm/";

impl Target {
    /// `helm/TASK`, `helm/TASK/STRATEGY`, or the name of a strategy that only one task has.
    pub(crate) fn of(helm: &Helm, model: &str) -> Result<Self, Problem> {
        let tasks = helm.tasks();
        if let Some(rest) = model.strip_prefix(PREFIX) {
            return tasks
                .iter()
                .find_map(|task| within(helm, task, rest))
                .ok_or_else(|| unknown(helm, model));
        }
        let mut found = tasks.iter().filter_map(|task| strategy(helm, task, model));
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found),
            (Some(first), Some(second)) => {
                let (first, second) = (first.id(), second.id());
                let detail =
                    format!("several tasks have a strategy {model}; say which, as {first} or {second}");
                Err(missing(detail))
            }
            (None, _) => Err(unknown(helm, model)),
        }
    }

    /// Everything that can be asked for, by task and strategy in their order.
    pub(crate) fn all(helm: &Helm) -> Vec<Self> {
        let of_task = |task: TaskId| {
            let pinned = strategies(helm, &task);
            let pinned =
                pinned.map(|name| Self { task: task.clone(), strategy: Some(name) }).collect::<Vec<_>>();
            std::iter::once(Self { task, strategy: None }).chain(pinned)
        };
        helm.tasks().into_iter().flat_map(of_task).collect()
    }

    /// The model's full name.
    pub(crate) fn id(&self) -> String {
        match &self.strategy {
            Some(strategy) => format!("{PREFIX}{}/{strategy}", self.task),
            None => format!("{PREFIX}{}", self.task),
        }
    }
}

fn strategies(helm: &Helm, task: &TaskId) -> impl Iterator<Item = StrategyName> + use<> {
    let ids = helm.strategies(task).unwrap_or_default();
    ids.into_iter().map(|id| id.name().clone())
}

/// What `rest` says of this task, if anything: its own name, or that and a strategy's.
fn within(helm: &Helm, task: &TaskId, rest: &str) -> Option<Target> {
    match rest.strip_prefix(task.as_str())? {
        "" => Some(Target { task: task.clone(), strategy: None }),
        rest => strategy(helm, task, rest.strip_prefix('/')?),
    }
}

fn strategy(helm: &Helm, task: &TaskId, name: &str) -> Option<Target> {
    let found = strategies(helm, task).find(|strategy| strategy.as_str() == name)?;
    Some(Target { task: task.clone(), strategy: Some(found) })
}

fn unknown(helm: &Helm, model: &str) -> Problem {
    let tasks: Vec<_> = helm.tasks().iter().map(|task| format!("{PREFIX}{task}")).collect();
    let model: String = model.chars().take(100).collect();
    let known = tasks.join(", ");
    missing(format!(
        "there is no model {model:?}; there are {known}, each with its strategies as helm/TASK/STRATEGY"
    ))
}

fn missing(detail: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, detail).with_code("model_not_found").with_param("model")
}
