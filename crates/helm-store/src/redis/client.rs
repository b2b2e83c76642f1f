use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fred::{
    clients::Client,
    error::{Error as DriverError, ErrorKind as DriverErrorKind},
    interfaces::{ClientLike, EventInterface},
    types::config::Server,
};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    oneshot, watch,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{AbortOnDropHandle, TaskTracker},
};

use super::breaker::{Breaker, Failure};
use super::options::RedisOptions;
use crate::error::Result;

/// A connection to a Redis server, from version 6 on, for any number of caches and limiters.
///
/// The server may be absent at any time, at the start too. A call waits for it at most
/// [`RedisOptions::command_timeout`]; from then on calls do without it at once, until it has answered a probe that
/// is made in the background every [`RedisOptions::retry_after`]. `helm_redis_up` is 1 or 0, from the start, and
/// `helm_redis_failures_total` counts by reason. The log says once that the server is away, and once that it answers again.
///
/// Clones share the connection. It ends with [`Redis::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
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
        let (client, breaker) = (options.client()?, Breaker::new(options.failures));
        let link = Arc::new(Link { client, breaker, options, missed: AtomicBool::new(false) });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (tried, outcome) = oneshot::channel();
        tasks.spawn(Watcher::new(&link, tried).run(stop.clone()));
        // What comes of it does not matter here: whoever calls finds out.
        let _ = tokio::time::timeout(link.options.command_timeout, outcome).await;
        let guard = stop.clone().drop_guard();
        Ok(Self { inner: Arc::new(Inner { link, tasks, stop, _guard: guard }) })
    }

    /// Whether the server answered last time.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.link.breaker.is_closed()
    }

    /// Whether the server was looked for and not found, and has not answered since. One slow answer does not make it so:
    /// the connection failed, or a probe after it.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.inner.link.missed.load(Ordering::Relaxed)
    }

    /// Whether the server answers, now or within this time.
    pub async fn answers_within(&self, patience: Duration) -> bool {
        let mut closed = self.inner.link.watch();
        let answered = closed.wait_for(|closed| *closed);
        tokio::time::timeout(patience, answered).await.is_ok_and(|answered| answered.is_ok())
    }

    /// Ends the connection, for all clones. Calls after it do without the server.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// What commands are sent through. Tasks hold it instead of this handle, so that they keep nothing alive.
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.inner.link
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
        f.debug_struct("Redis").field("is_up", &self.is_up()).field("options", &self.link().options).finish()
    }
}

/// A connection for commands, and what is known of its state.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) options: RedisOptions,
    breaker: Breaker,
    /// Whether the log says that the server is away.
    missed: AtomicBool,
}

impl Link {
    /// What `command` answers; `None` when it fails, and at once while the server does not answer. Commands of
    /// [`Link::client`] are not sent before this runs them.
    pub(super) async fn call<T>(&self, command: impl Future<Output = Result<T, DriverError>>) -> Option<T> {
        if !self.breaker.is_closed() {
            count_failure("down");
            return None;
        }
        match command.await {
            Ok(answer) => {
                self.breaker.succeeded();
                Some(answer)
            }
            Err(error) => {
                self.breaker.failed(note(&error));
                None
            }
        }
    }

    /// Says once that the server is away. The driver's error may quote the address: its kind says enough.
    fn miss(&self, why: &DriverErrorKind) {
        if !self.missed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                ?why,
                "Redis does not answer: until it does, each process keeps limits and answers for itself; check its address (REDIS_URL, store.redis_url)"
            );
        }
    }

    fn found(&self) {
        if self.missed.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis answers again");
        }
    }

    /// Tells when the server begins and ceases to answer.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.breaker.watch()
    }
}

/// Connects, and once more `wait` after that has failed, until it is dropped. A connection that is lost later is
/// made again by the driver.
pub(super) async fn keep_connected(client: &impl ClientLike, wait: Duration) {
    loop {
        let ended = AbortOnDropHandle::new(client.connect()).await;
        tracing::debug!(?ended, "no connection to Redis");
        tokio::time::sleep(wait).await;
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
    link: Arc<Link>,
    connects: Receiver<Server>,
    errors: Receiver<(DriverError, Option<Server>)>,
    /// Told once the first attempt to connect has ended.
    tried: Option<oneshot::Sender<()>>,
}

impl Watcher {
    fn new(link: &Arc<Link>, tried: oneshot::Sender<()>) -> Self {
        let (connects, errors) = (link.client.reconnect_rx(), link.client.error_rx());
        Self { link: Arc::clone(link), connects, errors, tried: Some(tried) }
    }

    async fn run(mut self, stop: CancellationToken) {
        let (mut closed, retry_after) = (self.link.watch(), self.link.options.retry_after);
        let link = Arc::clone(&self.link);
        let mut connection = pin!(keep_connected(&link.client, retry_after));
        loop {
            let is_closed = *closed.borrow_and_update();
            if is_closed {
                self.link.found();
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = &mut connection => break,
                Ok(()) = closed.changed() => {}
                connected = self.connects.recv() => match connected {
                    Err(RecvError::Closed) => break,
                    _ => self.connected().await,
                },
                failed = self.errors.recv() => match failed {
                    Err(RecvError::Closed) => break,
                    Ok((error, _)) => self.failed(error.kind()),
                    Err(RecvError::Lagged(_)) => self.failed(&DriverErrorKind::Unknown),
                },
                // Without a connection a probe would only wait; when there is one again, that is told.
                () = tokio::time::sleep(retry_after), if !is_closed => {
                    if self.link.client.is_connected() {
                        self.probe().await;
                    }
                    if !self.link.breaker.is_closed() {
                        self.link.miss(&DriverErrorKind::Timeout);
                    }
                }
            }
        }
        self.link.breaker.open();
    }

    async fn connected(&mut self) {
        self.probe().await;
        self.tell();
    }

    fn failed(&mut self, why: &DriverErrorKind) {
        self.link.breaker.open();
        self.link.miss(why);
        self.tell();
    }

    fn tell(&mut self) {
        if let Some(tried) = self.tried.take() {
            // Whoever waited may have gone.
            let _ = tried.send(());
        }
    }

    async fn probe(&self) {
        if self.link.client.ping::<()>(None).await.is_ok() {
            self.link.breaker.close();
        }
    }
}
