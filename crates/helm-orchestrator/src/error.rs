use std::time::Duration;

use helm_core::{DecisionId, TaskId};

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why Helm could not do what was asked. Nothing was changed, unless it is [`Error::Unstored`], [`Error::Lost`], or an
/// [`Error::Store`] because the store did not answer, or on the way of what takes several steps: then something may have
/// been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value was refused at the boundary.
    #[error(transparent)]
    Invalid(#[from] helm_core::Error),
    /// The message cannot be answered as it is.
    #[error("the message {0}")]
    InvalidMessage(String),
    /// There is no such task.
    #[error("there is no task {task}; the configured tasks are: {known}")]
    UnknownTask {
        /// What was asked for.
        task: TaskId,
        /// The configured tasks, separated by commas.
        known: String,
    },
    /// There is no such strategy in the task.
    #[error("task {task} has no strategy {strategy:?}; it has: {known}")]
    UnknownStrategy {
        /// The task.
        task: TaskId,
        /// What was asked for.
        strategy: String,
        /// The task's strategies, separated by commas.
        known: String,
    },
    /// There is no such decision.
    #[error("there is no decision {id} here; take the decision_id from the turn's answer")]
    UnknownDecision {
        /// What was asked for.
        id: DecisionId,
    },
    /// The name belongs to a preference that Helm keeps itself.
    #[error("the preference {name} is kept by helm itself; choose another name")]
    ReservedPreference {
        /// The name.
        name: String,
    },
    /// The user is none: helm keeps something of its own under this name.
    #[error("{user} is not a user; helm keeps something of its own under this name")]
    ReservedUser {
        /// The name.
        user: helm_core::UserId,
    },
    /// The source belongs to a model judge.
    #[error("the source {source_name} belongs to a model judge; give feedback under another one")]
    ReservedSource {
        /// The source.
        source_name: helm_core::SourceName,
    },
    /// The configuration contradicts itself or names what does not exist.
    #[error("{place}: {message}")]
    Config {
        /// Where, for example `tasks.support.strategies.concise`.
        place: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The configuration file cannot be read.
    #[error("cannot read {path}")]
    ConfigFile {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration file is not what Helm expects. The message names file, line and key, in a line for each mistake.
    #[error("{path}: {message}")]
    ConfigSyntax {
        /// The file.
        path: String,
        /// The parser's message with line and column.
        message: String,
    },
    /// A prompt template cannot be rendered.
    #[error("{place}: the prompt template cannot be rendered")]
    Template {
        /// Which template.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// State could not be read or written.
    #[error("state could not be read or written")]
    Store(#[from] helm_store::Error),
    /// The policy could not decide.
    #[error("the policy could not decide")]
    Policy(#[from] helm_policy::Error),
    /// An evaluator or reward specification is not usable.
    #[error("the reward could not be set up")]
    Eval(#[from] helm_eval::Error),
    /// A guardrail is not usable.
    #[error("the guardrails could not be set up")]
    Guardrails(#[from] helm_guardrails::Error),
    /// A model is not usable.
    #[error("the model could not be set up")]
    Model(#[from] helm_llm::Error),
    /// There is no such experiment.
    #[error("there is no experiment {experiment}; the configured ones are: {known}")]
    UnknownExperiment {
        /// Which was asked for.
        experiment: helm_core::ExperimentKey,
        /// Those that there are.
        known: String,
    },
    /// An experiment is not usable.
    #[error("the experiment could not be set up")]
    Experiment(#[from] helm_experiment::Error),
    /// The request asks for what none of the task's strategies can do.
    #[error("no strategy of task {task} can do what is asked: {why}")]
    Unsupported {
        /// The task.
        task: TaskId,
        /// What stands in the way, by strategy.
        why: String,
    },
    /// The task's candidate does not decide, so it cannot be rolled back.
    #[error("the candidate of task {task} does not decide; there is nothing to roll back")]
    NotRaised {
        /// The task.
        task: TaskId,
    },
    /// Somebody has used up what is allowed for a while.
    #[error("{limit}")]
    RateLimited {
        /// Whose limit, which one, and when to try again.
        limit: String,
        /// When the request fits again; `None` when it is larger than the limit will ever allow.
        retry_after: Option<Duration>,
    },
    /// Vector search is switched off, and with it embeddings and memories.
    #[error(
        "there are no embeddings and no memories: vector search is switched off (features.vector_search)"
    )]
    NoEmbeddings,
    /// The embedding model did not answer.
    #[error("the texts could not be embedded")]
    Embedding(#[source] helm_llm::Error),
    /// The store has more to do than it gets done. Nothing of the request has begun.
    #[error("more is asked than the store gets done; try again later, or ask another instance")]
    Overloaded,
    /// Helm is shutting down and takes no more turns.
    #[error("helm is shutting down; send the request to another instance or try again later")]
    ShuttingDown,
    /// The turn took much longer than its deadline to be stored. It may be stored yet.
    #[error(
        "the turn could not be stored in time; look whether it was, as decision {id}, before sending it again"
    )]
    Unstored {
        /// The turn's id.
        id: DecisionId,
    },
    /// The task of a turn or a judgement ended without an answer, which is a defect.
    #[error("what was begun ended without an answer; please report this")]
    Lost,
}

/// What callers branch on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong; sending it again cannot help.
    InvalidRequest,
    /// What was named does not exist.
    NotFound,
    /// The key is taken by other content.
    Conflict,
    /// A limit is reached; try again later.
    RateLimited,
    /// The configuration is wrong.
    Config,
    /// A service that Helm needs is not available; try again later.
    Unavailable,
    /// Anything else.
    Internal,
}

impl Error {
    /// A configuration error at `place`.
    pub(crate) fn config(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Config { place: place.into(), message: message.into() }
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_)
            | Self::InvalidMessage(_)
            | Self::ReservedPreference { .. }
            | Self::ReservedUser { .. }
            | Self::ReservedSource { .. }
            | Self::Unsupported { .. } => ErrorKind::InvalidRequest,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::NotRaised { .. } => ErrorKind::Conflict,
            Self::UnknownTask { .. }
            | Self::UnknownExperiment { .. }
            | Self::UnknownStrategy { .. }
            | Self::UnknownDecision { .. }
            | Self::NoEmbeddings => ErrorKind::NotFound,
            Self::Config { .. }
            | Self::ConfigFile { .. }
            | Self::ConfigSyntax { .. }
            | Self::Template { .. }
            | Self::Eval(_)
            | Self::Guardrails(_)
            | Self::Model(_)
            | Self::Experiment(_) => ErrorKind::Config,
            Self::Store(error) => store_kind(error),
            Self::Overloaded | Self::ShuttingDown | Self::Embedding(_) | Self::Unstored { .. } => {
                ErrorKind::Unavailable
            }
            Self::Policy(_) | Self::Lost => ErrorKind::Internal,
        }
    }

    /// Whether the same call may succeed later and does nothing twice: a turn that is only not known to be stored may
    /// have been carried out.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let may_be_stored = matches!(self, Self::Unstored { .. });
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited) && !may_be_stored
    }

    /// The message and those of its causes, joined by colons: what a person should read.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let why = error.to_string();
            // Some libraries repeat their causes' texts.
            if !text.contains(&why) {
                text.push_str(": ");
                text.push_str(&why);
            }
            cause = error.source();
        }
        text
    }
}

fn store_kind(error: &helm_store::Error) -> ErrorKind {
    match error.kind() {
        helm_store::ErrorKind::NotFound => ErrorKind::NotFound,
        helm_store::ErrorKind::Conflict => ErrorKind::Conflict,
        helm_store::ErrorKind::Invalid => ErrorKind::InvalidRequest,
        _ if error.is_retryable() => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}
