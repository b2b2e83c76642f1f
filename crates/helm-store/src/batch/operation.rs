use std::sync::Arc;

use helm_core::{Decision, DecisionId, Feedback, Reward, TenantId, Timestamp};
use tokio::sync::oneshot;

use super::size;
use crate::error::{Error, ErrorKind, Result};
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::Settle;

/// One write about one decision.
pub(crate) enum Operation {
    LogDecision {
        decision: Arc<Decision>,
        deadline: Timestamp,
    },
    CommitTurn {
        turn: Arc<TurnRecord>,
        digest: [u8; 32],
        settle: Arc<dyn Settle>,
    },
    RecordFeedback {
        tenant: TenantId,
        feedback: Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    },
    /// Settles again from the stored evidence.
    Resettle {
        tenant: TenantId,
        decision: DecisionId,
        /// Whether the reward window has ended with it.
        ends_silence: bool,
        settle: Arc<dyn Settle>,
    },
}

impl Operation {
    /// A decision to be logged.
    pub(crate) fn log_decision(decision: &Decision, deadline: Timestamp) -> Self {
        Self::LogDecision { decision: Arc::new(decision.clone()), deadline }
    }

    /// A turn to be committed; its digest is taken here, beside the committer and not in it.
    pub(crate) fn commit_turn(
        backend: &'static str,
        turn: TurnRecord,
        settle: Arc<dyn Settle>,
    ) -> Result<Self> {
        let digest = turn.digest().map_err(|error| {
            let message = "a value cannot be written as JSON";
            Error::new(ErrorKind::Invalid, backend, "commit_turn", message).with_source(error)
        })?;
        Ok(Self::CommitTurn { turn: Arc::new(turn), digest, settle })
    }

    /// A judgement to be recorded.
    pub(crate) fn record_feedback(
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> Self {
        Self::RecordFeedback { tenant: tenant.clone(), feedback: feedback.clone(), at, settle }
    }

    /// A decision whose reward window has ended.
    pub(crate) fn end_silence(tenant: &TenantId, decision: DecisionId, settle: Arc<dyn Settle>) -> Self {
        Self::Resettle { tenant: tenant.clone(), decision, ends_silence: true, settle }
    }

    /// A decision to be settled again.
    pub(crate) fn resettle(tenant: &TenantId, decision: DecisionId, settle: Arc<dyn Settle>) -> Self {
        Self::Resettle { tenant: tenant.clone(), decision, ends_silence: false, settle }
    }

    /// About how much memory it holds while it is queued.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::LogDecision { decision, .. } => size::decision(decision),
            Self::CommitTurn { turn, .. } => size::turn(turn),
            Self::RecordFeedback { .. } | Self::Resettle { .. } => size::SMALL,
        }
    }

    /// The method that asked for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::LogDecision { .. } => "log_decision",
            Self::CommitTurn { .. } => "commit_turn",
            Self::RecordFeedback { .. } => "record_feedback",
            Self::Resettle { ends_silence: true, .. } => "end_silence",
            Self::Resettle { ends_silence: false, .. } => "resettle",
        }
    }
}

/// What an operation did.
#[derive(Debug)]
pub(crate) enum Answer {
    Logged(Applied),
    Committed(TurnReceipt),
    Recorded(FeedbackReceipt),
    Resettled(Option<Reward>),
}

impl Answer {
    pub(crate) fn logged(self, backend: &'static str) -> Result<Applied> {
        match self {
            Self::Logged(applied) => Ok(applied),
            other => Err(other.mixed_up(backend, "log_decision")),
        }
    }

    pub(crate) fn committed(self, backend: &'static str) -> Result<TurnReceipt> {
        match self {
            Self::Committed(receipt) => Ok(receipt),
            other => Err(other.mixed_up(backend, "commit_turn")),
        }
    }

    pub(crate) fn recorded(self, backend: &'static str) -> Result<FeedbackReceipt> {
        match self {
            Self::Recorded(receipt) => Ok(receipt),
            other => Err(other.mixed_up(backend, "record_feedback")),
        }
    }

    pub(crate) fn resettled(self, backend: &'static str) -> Result<Option<Reward>> {
        match self {
            Self::Resettled(reward) => Ok(reward),
            other => Err(other.mixed_up(backend, "resettle")),
        }
    }

    fn mixed_up(self, backend: &'static str, operation: &'static str) -> Error {
        Error::new(ErrorKind::Internal, backend, operation, format!("answered by {self:?}"))
    }
}

/// A queued operation and the way back to its caller.
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) reply: oneshot::Sender<Result<Answer>>,
}

impl Request {
    /// Tells the caller. One that has gone away does not need the answer.
    pub(crate) fn acknowledge(self, answer: Result<Answer>) {
        drop(self.reply.send(answer));
    }
}
