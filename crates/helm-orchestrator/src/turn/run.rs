use std::sync::Arc;

use helm_core::{Context, DecisionId, TenantId, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::stream::TurnStream;
use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime};
use crate::request::{TurnEvent, TurnRequest, TurnResponse};

/// Whether the answer is wanted piece by piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Streamed,
}

/// A turn under way.
pub(super) struct Turn {
    pub(super) inner: Arc<Inner>,
    pub(super) tenant: TenantId,
    pub(super) request: TurnRequest,
    pub(super) id: DecisionId,
    pub(super) began: Timestamp,
    pub(super) started: Instant,
    pub(super) delivery: Delivery,
    pub(super) cancel: CancellationToken,
}

/// Checks the request and begins the turn in a task of its own, which outlives the caller.
pub(crate) fn start(
    inner: &Arc<Inner>,
    tenant: &TenantId,
    request: TurnRequest,
    delivery: Delivery,
) -> Result<TurnStream> {
    check(inner, &request)?;
    let began = inner.clock.now();
    let cancel = inner.abort.child_token();
    let turn = Turn {
        inner: Arc::clone(inner),
        tenant: tenant.clone(),
        id: DecisionId::generate(began),
        began,
        started: Instant::now(),
        request,
        delivery,
        cancel: cancel.clone(),
    };
    let (sender, receiver) = mpsc::channel(64);
    let played = async move {
        let end = match turn.play(&sender).await {
            Ok(response) => Ok(TurnEvent::Ended(Box::new(response))),
            Err(error) => {
                tracing::warn!(decision = %turn.id, error = %error.report(), "a turn could not be recorded");
                Err(error)
            }
        };
        // A caller that has gone away needs no answer; the turn is stored all the same.
        drop(sender.send(end).await);
    };
    // What the turn logs belongs to the request that began it.
    inner.tracker.spawn(played.in_current_span());
    Ok(TurnStream::new(receiver, cancel.drop_guard()))
}

fn check(inner: &Inner, request: &TurnRequest) -> Result<()> {
    if inner.stopping.is_cancelled() {
        return Err(Error::ShuttingDown);
    }
    let task = inner.task(&request.task)?;
    if let Some(name) = &request.strategy {
        task.strategy_named(name)?;
    }
    let length = request.message.len();
    if request.message.trim().is_empty() {
        return Err(Error::InvalidMessage("is empty; send what the user wrote".to_owned()));
    }
    if length > inner.max_message_bytes {
        let limit = inner.max_message_bytes;
        return Err(Error::InvalidMessage(format!(
            "has {length} bytes, more than the {limit} that are accepted; shorten it"
        )));
    }
    Ok(())
}

impl Turn {
    /// The turn from its input to its stored end.
    async fn play(&self, events: &mpsc::Sender<Result<TurnEvent>>) -> Result<TurnResponse> {
        let task = self.task()?;
        let input = task.guardrails.check_input(&self.request.message);
        if input.is_blocked() {
            return self.conclude_blocked_input(input).await;
        }
        let message = input.text(&self.request.message).to_owned();
        let recalled = self.recall(task, &message).await?;
        let decision = self.decide(task, &recalled)?;
        let execution = self.execute(task, &decision, &recalled, &message, events).await;
        self.conclude(task, decision, execution, input, message, recalled).await
    }

    pub(super) fn task(&self) -> Result<&TaskRuntime> {
        self.inner.task(&self.request.task)
    }

    pub(super) fn context(&self) -> Context {
        let request = &self.request;
        let mut context =
            Context::new(self.tenant.clone(), request.user.clone(), request.task.clone(), self.began);
        context.conversation.clone_from(&request.conversation);
        context.features = request.features.clone();
        context
    }
}
