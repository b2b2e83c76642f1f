use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use crate::error::{Error, Result};
use crate::request::{TurnEvent, TurnResponse};

/// The events of a turn as they happen.
///
/// Dropping it cancels the turn: the model call is ended and the turn is recorded as cancelled by a task of
/// its own, so nothing is lost with the caller; one that still waits for the store has not begun, and never does.
#[derive(Debug)]
pub struct TurnStream {
    events: mpsc::Receiver<Result<TurnEvent>>,
    /// Cancels the turn when the caller goes away; after the end there is nothing left to cancel.
    _cancel: DropGuard,
}

impl TurnStream {
    pub(crate) fn new(events: mpsc::Receiver<Result<TurnEvent>>, cancel: DropGuard) -> Self {
        Self { events, _cancel: cancel }
    }

    /// The next event; `None` after the last one.
    ///
    /// # Errors
    ///
    /// An error is the last item: the turn could not be carried out or stored.
    ///
    /// # Cancellation safety
    ///
    /// Dropping this future loses no event.
    pub async fn next_event(&mut self) -> Option<Result<TurnEvent>> {
        self.events.recv().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// Fails when the turn could not be carried out or stored.
    ///
    /// # Cancellation safety
    ///
    /// Dropping this future cancels the turn, which is then recorded as cancelled if anything of it has begun.
    pub async fn into_response(mut self) -> Result<TurnResponse> {
        while let Some(event) = self.next_event().await {
            if let TurnEvent::Ended(response) = event? {
                return Ok(*response);
            }
        }
        Err(Error::Lost)
    }
}

impl Stream for TurnStream {
    type Item = Result<TurnEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(context)
    }
}
