use std::{fmt, sync::Arc};

use fred::{
    clients::Client,
    error::{Error as DriverError, ErrorKind as DriverErrorKind},
    interfaces::{ClientLike, EventInterface},
    types::{ConnectHandle, config::Server},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::breaker::{Breaker, Failure};
use super::options::RedisOptions;
use crate::error::Result;

/// A connection to a Redis server, from version 6 on, for any number of caches and limiters.
///
/// The server may be absent at any time, at the start too. A call waits for it at most
/// [`RedisOptions::command_timeout`]; from then on calls do without it at once, until it has answered a probe that
/// is made in the background every [`RedisOptions::retry_after`]. `helm_redis_up` is 1 or 0, and
/// `helm_redis_failures_total` counts by reason.
///
/// Clones share the connection. It ends with [`Redis::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    breaker: Arc<Breaker>,
    options: RedisOptions,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Stops the tasks when nobody is left who could need them.
    _guard: DropGuard,
}

impl Redis {
    /// Begins to connect, and waits for the server at most one command's time: with an absent one this answers
    /// as well.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the address cannot be used.
    pub async fn connect(options: RedisOptions) -> Result<Self> {
        let (client, breaker) = (options.client()?, Arc::new(Breaker::new(options.failures)));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watcher = Watcher {
            connects: client.reconnect_rx(),
            errors: client.error_rx(),
            connection: client.connect(),
            client: client.clone(),
            breaker: Arc::clone(&breaker),
            options: options.clone(),
        };
        let mut closed = breaker.watch();
        tasks.spawn(watcher.run(stop.clone()));
        // What comes of it does not matter here: whoever calls finds out.
        let _ = tokio::time::timeout(options.command_timeout, closed.wait_for(|closed| *closed)).await;
        let guard = stop.clone().drop_guard();
        Ok(Self { inner: Arc::new(Inner { client, breaker, options, tasks, stop, _guard: guard }) })
    }

    /// Whether the server answered last time.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.breaker.is_closed()
    }

    /// Ends the connection, for all clones. Calls after it do without the server.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// What `command` answers; `None` at once while the server does not answer, and when it fails.
    pub(super) async fn call<T>(&self, command: impl Future<Output = Result<T, DriverError>>) -> Option<T> {
        let breaker = &self.inner.breaker;
        if !breaker.is_closed() {
            count_failure("down");
            return None;
        }
        match command.await {
            Ok(answer) => {
                breaker.succeeded();
                Some(answer)
            }
            Err(error) => {
                breaker.failed(note(&error));
                None
            }
        }
    }

    /// For making commands; nothing is sent before [`Redis::call`] runs them.
    pub(super) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.inner.options
    }

    /// Runs `task` until the connection is closed.
    pub(super) fn spawn<F>(&self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.inner.tasks.spawn(task(self.inner.stop.clone()));
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("is_up", &self.is_up()).field("options", self.options()).finish()
    }
}

fn note(error: &DriverError) -> Failure {
    let timed_out = matches!(error.kind(), DriverErrorKind::Timeout);
    count_failure(if timed_out { "timeout" } else { "error" });
    tracing::debug!(%error, "a Redis command failed");
    if timed_out { Failure::TimedOut } else { Failure::Refused }
}

fn count_failure(reason: &'static str) {
    metrics::counter!("helm_redis_failures_total", "reason" => reason).increment(1);
}

/// Opens and closes the breaker by what is heard of the server.
struct Watcher {
    client: Client,
    connection: ConnectHandle,
    connects: Receiver<Server>,
    errors: Receiver<(DriverError, Option<Server>)>,
    breaker: Arc<Breaker>,
    options: RedisOptions,
}

impl Watcher {
    async fn run(mut self, stop: CancellationToken) {
        let mut closed = self.breaker.watch();
        loop {
            let is_closed = *closed.borrow_and_update();
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = closed.changed() => {}
                connected = self.connects.recv() => match connected {
                    Err(RecvError::Closed) => break,
                    _ => self.probe().await,
                },
                failed = self.errors.recv() => match failed {
                    Err(RecvError::Closed) => break,
                    _ => self.breaker.open(),
                },
                // Without a connection a probe would only wait; when there is one again, that is told.
                () = tokio::time::sleep(self.options.retry_after), if !is_closed => {
                    if self.client.is_connected() {
                        self.probe().await;
                    }
                }
            }
        }
        self.breaker.open();
        self.connection.abort();
    }

    async fn probe(&self) {
        if self.client.ping::<()>(None).await.is_ok() {
            self.breaker.close();
        }
    }
}
