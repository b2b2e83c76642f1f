use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine::Groups;
use super::error::{driver, failure, was_rolled_back};
use super::options::PostgresOptions;
use super::recent::Recent;
use super::restate::restate;
use super::vectors::{Embeddings, Seen};
use super::{BACKEND, connect, migrate, months, statistics};
use crate::api_key::ApiKeyStore;
use crate::bandit::BanditStore;
use crate::batch::{Answer, Committer, Failure, Limits, Operation, Request, closed};
use crate::conversation::ConversationStore;
use crate::error::Result;
use crate::job::JobQueue;
use crate::log::InteractionLog;
use crate::preference::PreferenceStore;
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::Settle;
use crate::store::{Capabilities, Health, MigrationReport, MigrationStatus, Store};
use crate::user::UserStore;
use crate::vector::VectorStore;

/// How often a small write is tried that others got in the way of.
const TRIES: u32 = 5;

/// The earliest pgvector without known faults in what it keeps.
const SOUND_PGVECTOR: (u32, u32, u32) = (0, 8, 4);

/// Statements of one small write. Run again when others got in their way.
pub(super) trait Work: Send + Sync {
    /// What they find.
    type Done: Send;

    /// Runs them inside a transaction.
    fn run(&self, connection: &mut PgConnection) -> impl Future<Output = Result<Self::Done, Failure>> + Send;
}

/// A store in a PostgreSQL database, from version 15 on; any number of processes may use it at once.
///
/// Vectors are of pgvector's own type if the extension was there when the schema was made.
///
/// # Examples
///
/// ```no_run
/// use helm_store::{Store, postgres::{PostgresOptions, PostgresStore}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::open(PostgresOptions::new("postgres://helm@localhost/helm")).await?;
/// assert!(store.capabilities().shared);
/// store.close().await;
/// # Ok(())
/// # }
/// ```
pub struct PostgresStore {
    /// For reads and small writes.
    pub(super) pool: PgPool,
    /// For searches of memories.
    pub(super) searchers: PgPool,
    /// For groups of writes.
    writers: PgPool,
    /// `None` once closed.
    committer: RwLock<Option<Committer<Request>>>,
    /// What was written just now.
    pub(super) recent: Recent,
    tracker: TaskTracker,
    /// Ends what is done now and then.
    pub(super) stop: CancellationToken,
    pub(super) options: PostgresOptions,
    pub(super) embeddings: Embeddings,
    pub(super) seen: Seen,
}

impl PostgresStore {
    /// Connects, and migrates as the options say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the URL is not understood,
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the server cannot be reached,
    /// [`ErrorKind::SchemaMismatch`](crate::ErrorKind::SchemaMismatch) when its schema is not this build's.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        connect::probe(&options).await?;
        let pool = connect::readers(&options).await?;
        if options.migrate {
            migrate::migrate(&pool).await?;
        } else {
            migrate::require_current(&pool).await?;
        }
        warn_of_pgvector(pgvector(&pool).await?.as_deref());
        let embeddings = Embeddings::of(&pool).await?;
        let searchers = connect::searchers(&options).await?;
        let recent = Recent::new(options.recent_bytes);
        let writers = connect::writers(&options, recent.clone()).await?;
        let tracker = TaskTracker::new();
        let limits = Limits { writes: options.queue, bytes: options.queue_bytes };
        let groups = Groups::new(writers.clone(), recent.clone(), options.groups, tracker.clone());
        let committer = Committer::start(BACKEND, limits, &tracker, groups);
        let stop = CancellationToken::new();
        // A store that leaves the schema as it is leaves the months too.
        if options.migrate {
            months::make_ahead(&pool).await?;
            tracker.spawn(months::look_after(pool.clone(), stop.clone()));
            tracker.spawn(statistics::look_after(pool.clone(), options.clone(), stop.clone()));
        }
        let committer = RwLock::new(Some(committer));
        Ok(Self {
            pool,
            searchers,
            writers,
            committer,
            recent,
            tracker,
            stop,
            options,
            embeddings,
            seen: Seen::default(),
        })
    }

    /// Every migration that this build knows, and whether the database has it. Changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`PostgresStore::open`].
    pub async fn migrations(options: &PostgresOptions) -> Result<Vec<MigrationStatus>> {
        connect::probe(options).await?;
        let pool = connect::readers(options).await?;
        let mut connection = pool.acquire().await.map_err(|error| driver("migrate", error))?;
        let version = migrate::check(&mut connection).await;
        drop(connection);
        pool.close().await;
        version.map(migrate::statuses)
    }

    async fn write(&self, operation: Operation) -> Result<Answer> {
        let (name, bytes) = (operation.name(), operation.bytes());
        let committer = self.committer.read().await;
        let written = match committer.as_ref() {
            Some(committer) => committer.send(name, bytes, |reply| Request { operation, reply }).await,
            None => Err(closed(BACKEND, name)),
        };
        drop(committer);
        written
    }

    /// Runs some statements in a transaction of their own, again when others got in their way.
    pub(super) async fn transaction<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Done> {
        let mut attempt = 0;
        loop {
            let error = match self.attempt(operation, &work).await {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(error)) => error,
            };
            attempt += 1;
            if attempt >= TRIES {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(u64::from((attempt - 1) * attempt))).await;
        }
    }

    /// Runs one statement, which is a transaction by itself, again when others got in its way. Whatever a lost
    /// connection did is not tried again: it may have happened.
    pub(super) async fn statement<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Done> {
        for attempt in 0..TRIES {
            let mut connection = self.pool.acquire().await.map_err(|error| driver(operation, error))?;
            match work.run(&mut connection).await {
                Err(Failure::Again(error)) if was_rolled_back(&error) && attempt + 1 < TRIES => {
                    drop(connection);
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * (attempt + 1)))).await;
                }
                done => return done.map_err(Failure::into_error),
            }
        }
        Err(closed(BACKEND, operation))
    }

    async fn attempt<W: Work>(&self, operation: &'static str, work: &W) -> Result<W::Done, Failure> {
        let mut transaction = self.pool.begin().await.map_err(|error| failure(operation, error))?;
        let done = work.run(&mut transaction).await?;
        // Whether a commit without an answer happened is for the caller to find out.
        transaction.commit().await.map_err(|error| Failure::Final(driver(operation, error)))?;
        Ok(done)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND, true, true)
    }

    fn bandits(&self) -> &dyn BanditStore {
        self
    }

    fn log(&self) -> &dyn InteractionLog {
        self
    }

    fn preferences(&self) -> &dyn PreferenceStore {
        self
    }

    fn conversations(&self) -> &dyn ConversationStore {
        self
    }

    fn vectors(&self) -> &dyn VectorStore {
        self
    }

    fn jobs(&self) -> &dyn JobQueue {
        self
    }

    fn api_keys(&self) -> &dyn ApiKeyStore {
        self
    }

    fn users(&self) -> &dyn UserStore {
        self
    }

    async fn log_decision(&self, decision: &Decision, deadline: Timestamp) -> Result<Applied> {
        self.write(Operation::log_decision(decision, deadline)).await?.logged(BACKEND)
    }

    async fn commit_turn(&self, turn: TurnRecord, settle: Arc<dyn Settle>) -> Result<TurnReceipt> {
        self.write(Operation::commit_turn(BACKEND, turn, settle)?).await?.committed(BACKEND)
    }

    async fn record_feedback(
        &self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> Result<FeedbackReceipt> {
        self.write(Operation::record_feedback(tenant, feedback, at, settle)).await?.recorded(BACKEND)
    }

    async fn end_silence(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.write(Operation::end_silence(tenant, decision, settle)).await?.resettled(BACKEND)
    }

    async fn resettle(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.write(Operation::resettle(tenant, decision, settle)).await?.resettled(BACKEND)
    }

    async fn restate(&self, tenant: &TenantId, task: &TaskId) -> Result<u64> {
        restate(&self.options, tenant, task).await
    }

    async fn migrate(&self) -> Result<MigrationReport> {
        migrate::migrate(&self.pool).await
    }

    async fn health(&self) -> Result<Health> {
        const OPERATION: &str = "health";
        let failed = |error| driver(OPERATION, error);
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let schema = migrate::check(&mut connection).await?;
        let row = sqlx::query("SELECT current_setting('server_version')");
        let row = row.fetch_one(&mut *connection).await.map_err(failed)?;
        let version: &str = row.try_get(0).map_err(failed)?;
        // Only a write shows that there is room for one.
        let beaten = sqlx::query(
            "INSERT INTO helm_health (id, beats) VALUES (1, 1)
             ON CONFLICT (id) DO UPDATE SET beats = helm_health.beats + 1",
        );
        beaten.execute(&mut *connection).await.map_err(failed)?;
        drop(connection);
        let mut warnings = Vec::new();
        let pgvector = match pgvector(&self.pool).await? {
            Some(version) => {
                warnings.extend(unsound(&version));
                format!("pgvector {version}")
            }
            None => "no pgvector".to_owned(),
        };
        if months::has_rest(&self.pool).await? {
            warnings.push("some turns are in no month's partition; see the table helm_turn_rest".to_owned());
        }
        Ok(Health { backend: BACKEND, detail: format!("PostgreSQL {version}, {pgvector}"), schema, warnings })
    }

    async fn close(&self) {
        // Without its sender the committer ends after what is queued.
        drop(self.committer.write().await.take());
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.writers.close().await;
        self.searchers.close().await;
        self.pool.close().await;
    }
}

/// The version of the extension in this database, if it is there.
async fn pgvector(pool: &PgPool) -> Result<Option<String>> {
    let failed = |error| driver("health", error);
    let row = sqlx::query("SELECT extversion FROM pg_extension WHERE extname = 'vector'");
    let row = row.fetch_optional(pool).await.map_err(failed)?;
    row.map(|row| row.try_get(0)).transpose().map_err(failed)
}

fn warn_of_pgvector(version: Option<&str>) {
    if let Some(warning) = version.and_then(unsound) {
        tracing::warn!("{warning}");
    }
}

/// What is to be said of a version of pgvector.
fn unsound(version: &str) -> Option<String> {
    let warning = || format!("pgvector {version} can damage its indexes; upgrade to 0.8.4 or later");
    (!is_sound(version)).then(warning)
}

fn is_sound(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    (part(), part(), part()) >= SOUND_PGVECTOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgvector_is_judged_by_numbers() {
        for (version, sound) in [("0.8.3", false), ("0.8.4", true), ("0.10.0", true), ("1.0", true)] {
            assert_eq!(is_sound(version), sound, "{version}");
        }
    }
}
