use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{CacheEvent, CacheKey};

/// Word that a thing has changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// What has changed.
    pub key: CacheKey,
    /// The revision it has now. Every commit that changes the thing raises it.
    pub revision: u64,
}

/// How many events a receiver may be behind before it is told that it has missed some.
pub(crate) const BACKLOG: usize = 8_192;

/// What `sender` sends from now on, with a [`CacheEvent::Missed`] in the place of events that this receiver was
/// too slow for.
pub(crate) fn events(sender: &broadcast::Sender<CacheEvent>) -> BoxStream<'static, CacheEvent> {
    futures::stream::unfold(sender.subscribe(), async |mut receiver| match receiver.recv().await {
        Ok(event) => Some((event, receiver)),
        Err(RecvError::Lagged(_)) => Some((CacheEvent::Missed, receiver)),
        Err(RecvError::Closed) => None,
    })
    .boxed()
}
