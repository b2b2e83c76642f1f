//! Listening to the notices of all replicas.

use std::{pin::pin, time::Duration};

use fred::{
    clients::SubscriberClient,
    interfaces::{ClientLike, EventInterface, FredResult, PubsubInterface},
    types::Message,
};
use futures::FutureExt;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::client::{Redis, keep_connected};
use crate::cache::{BACKLOG, CacheEvent, Notice, decode};
use crate::error::Result;

/// The version of the encoding of notices.
pub(super) const VERSION: u8 = 1;

/// How often a silent connection is asked whether it is still one.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Sends what is published in `channel`, until the connection is closed.
pub(super) fn listen(redis: &Redis, channel: &str) -> Result<broadcast::Sender<CacheEvent>> {
    let listener = Listener {
        client: redis.link().options.subscriber()?,
        retry_after: redis.link().options.retry_after,
        channel: channel.to_owned(),
        events: broadcast::Sender::new(BACKLOG),
    };
    let events = listener.events.clone();
    redis.spawn(|stop| listener.run(stop).boxed());
    Ok(events)
}

struct Listener {
    client: SubscriberClient,
    retry_after: Duration,
    channel: String,
    events: broadcast::Sender<CacheEvent>,
}

impl Listener {
    async fn run(self, stop: CancellationToken) {
        let (mut messages, mut connects) = (self.client.message_rx(), self.client.reconnect_rx());
        let mut connection = pin!(keep_connected(&self.client, self.retry_after));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = &mut connection => break,
                message = messages.recv() => match message {
                    Ok(message) => self.pass_on(&message),
                    Err(RecvError::Lagged(_)) => self.send(CacheEvent::Missed),
                    Err(RecvError::Closed) => break,
                },
                connected = connects.recv() => match connected {
                    Err(RecvError::Closed) => break,
                    _ => self.subscribe().await,
                },
                () = tokio::time::sleep(HEARTBEAT), if self.client.is_connected() => self.check().await,
            }
        }
    }

    /// A new connection: hears the channel again, and what was said in between is lost.
    async fn subscribe(&self) {
        let subscribed = async {
            self.client.subscribe(self.channel.clone()).await?;
            // The driver does not wait for the server's word; an answer to what comes after it is as good.
            self.client.ping::<()>(None).await
        };
        self.reconnect_unless(subscribed.await).await;
        self.send(CacheEvent::Missed);
    }

    async fn check(&self) {
        self.reconnect_unless(self.client.ping::<()>(None).await).await;
    }

    async fn reconnect_unless(&self, answered: FredResult<()>) {
        if let Err(error) = answered {
            tracing::warn!(%error, "the connection for cache notices does not answer; opening another");
            // Whatever comes of it is told as a connection, or tried again at the next heartbeat.
            let _ = self.client.force_reconnection().await;
        }
    }

    fn pass_on(&self, message: &Message) {
        let notice = message.value.as_bytes().and_then(|bytes| decode::<Notice>(VERSION, bytes));
        match notice {
            Some(notice) => self.send(CacheEvent::Changed(notice)),
            // Somebody said something, and nobody knows what.
            None => self.send(CacheEvent::Missed),
        }
    }

    fn send(&self, event: CacheEvent) {
        // Nobody follows: then nobody has to be told.
        let _ = self.events.send(event);
    }
}
