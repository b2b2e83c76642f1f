use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{RwLock, oneshot};
use tokio_util::task::TaskTracker;

use super::committer::{Batches, Write};
use super::error::driver;
use super::mover::Mover;
use super::options::SqliteOptions;
use super::readers::Readers;
use super::restate::restate;
use super::shards::Shards;
use super::writer::Writer;
use super::{BACKEND, connect, migrate, writes};
use crate::api_key::ApiKeyStore;
use crate::bandit::{BanditStore, PriorDocument};
use crate::batch::{Answer, Committer, Limits, Operation, Request, closed, size};
use crate::conversation::ConversationStore;
use crate::error::Result;
use crate::job::JobQueue;
use crate::log::InteractionLog;
use crate::preference::{PreferenceChange, PreferenceStore, Preferences};
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::Settle;
use crate::store::{Capabilities, Health, MigrationReport, MigrationStatus, Store};
use crate::user::UserStore;
use crate::vector::VectorStore;

/// A store in one SQLite file.
///
/// Several processes may use the file at once; each waits up to 5 s for the others' writes.
///
/// # Examples
///
/// ```
/// use helm_store::{Store, sqlite::{SqliteOptions, SqliteStore}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await?;
/// assert!(store.capabilities().durable);
/// store.close().await;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    pub(super) readers: Readers,
    /// `None` once closed.
    committer: RwLock<Option<Committer<Write>>>,
    pub(super) tracker: TaskTracker,
    pub(super) options: SqliteOptions,
    pub(super) shards: Arc<Shards>,
}

impl SqliteStore {
    /// Opens the file, creating and migrating it as the options say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) when the file is not a database,
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when it cannot be read or written,
    /// [`ErrorKind::SchemaMismatch`](crate::ErrorKind::SchemaMismatch) when its schema is not this build's.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        connect::check_path(&options)?;
        let lock = migrate::lock(&options.path).await?;
        let mut writer = connect::writer(&options, &lock).await?;
        if options.migrate {
            migrate::migrate(&mut writer, &options.path, &lock).await?;
        } else {
            migrate::require_current(&mut writer).await?;
        }
        drop(lock);
        let tracker = TaskTracker::new();
        let readers = Readers::open(&options, &tracker).await?;
        let limits = Limits { writes: options.queue, bytes: options.queue_bytes };
        let shards = Arc::new(Shards::new(options.shard_bytes));
        let mover = Mover::start(options.clone(), &tracker);
        let batches = Batches::new(Writer::new(writer, options.clone()), mover, Arc::clone(&shards));
        let committer = Committer::start(BACKEND, limits, &tracker, batches);
        Ok(Self { readers, committer: RwLock::new(Some(committer)), tracker, options, shards })
    }

    /// Every migration that this build knows, and whether the file has it. Changes nothing; a file that is not there
    /// has none.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::open`].
    pub async fn migrations(options: &SqliteOptions) -> Result<Vec<MigrationStatus>> {
        if !options.path.exists() {
            return Ok(migrate::statuses(0));
        }
        let mut connection = connect::reader(options).await?;
        let version = migrate::check(&mut connection).await;
        connection.close().await.map_err(|error| driver("migrate", error))?;
        version.map(migrate::statuses)
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        bytes: usize,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.write_then(operation, bytes, std::convert::identity, work).await
    }

    /// The same, and does `after` with what came of it between the commit and its acknowledgement.
    pub(super) async fn write_then<T: Send + 'static, U: Send + 'static>(
        &self,
        operation: &'static str,
        bytes: usize,
        after: impl FnOnce(T) -> U + Send + 'static,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<U> {
        self.send(operation, bytes, |reply| Write::other(operation, reply, after, work)).await
    }

    async fn operate(&self, operation: Operation) -> Result<Answer> {
        self.send(operation.name(), operation.bytes(), |reply| Write::Operation(Request { operation, reply }))
            .await
    }

    async fn send<T>(
        &self,
        operation: &'static str,
        bytes: usize,
        write: impl FnOnce(oneshot::Sender<Result<T>>) -> Write,
    ) -> Result<T> {
        let committer = self.committer.read().await;
        let written = match committer.as_ref() {
            Some(committer) => committer.send(operation, bytes, write).await,
            None => Err(closed(BACKEND, operation)),
        };
        drop(committer);
        written
    }

    pub(super) async fn write_prior(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        prior: &PriorDocument,
    ) -> Result<bool> {
        let (tenant, task, prior) = (tenant.clone(), task.clone(), prior.clone());
        self.write("put_prior", size::SMALL + size::json(&prior.body), move |connection| {
            Box::pin(async move { writes::put_prior(connection, &tenant, &task, &prior).await })
        })
        .await
    }

    pub(super) async fn write_preferences(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences> {
        let (tenant, user, changes) = (tenant.clone(), user.clone(), changes.to_vec());
        self.write("apply_preferences", size::SMALL + size::changes(&changes), move |connection| {
            Box::pin(
                async move { writes::change_preferences(connection, &tenant, &user, &changes, expect).await },
            )
        })
        .await
    }
}

#[async_trait]
impl Store for SqliteStore {
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
        self.operate(Operation::log_decision(decision, deadline)).await?.logged(BACKEND)
    }

    async fn commit_turn(&self, turn: TurnRecord, settle: Arc<dyn Settle>) -> Result<TurnReceipt> {
        self.operate(Operation::commit_turn(BACKEND, turn, settle)?).await?.committed(BACKEND)
    }

    async fn record_feedback(
        &self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> Result<FeedbackReceipt> {
        self.operate(Operation::record_feedback(tenant, feedback, at, settle)).await?.recorded(BACKEND)
    }

    async fn end_silence(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.operate(Operation::end_silence(tenant, decision, settle)).await?.resettled(BACKEND)
    }

    async fn resettle(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.operate(Operation::resettle(tenant, decision, settle)).await?.resettled(BACKEND)
    }

    async fn restate(&self, tenant: &TenantId, task: &TaskId) -> Result<u64> {
        let (tenant, task) = (tenant.clone(), task.clone());
        self.write("restate", size::SMALL, move |connection| {
            Box::pin(async move { restate(connection, &tenant, &task).await })
        })
        .await
    }

    async fn migrate(&self) -> Result<MigrationReport> {
        let lock = migrate::lock(&self.options.path).await?;
        let mut connection = connect::writer(&self.options, &lock).await?;
        migrate::migrate(&mut connection, &self.options.path, &lock).await
    }

    async fn health(&self) -> Result<Health> {
        const OPERATION: &str = "health";
        let failed = |error| driver(OPERATION, error);
        let mut connection = self.readers.get(OPERATION).await?;
        let schema = migrate::check(&mut connection).await?;
        let row = sqlx::query("SELECT sqlite_version()").fetch_one(&mut *connection).await.map_err(failed)?;
        drop(connection);
        let version: String = row.try_get(0).map_err(failed)?;
        // Only a write shows that there is room for one.
        self.write(OPERATION, size::SMALL, |connection| Box::pin(writes::beat(connection))).await?;
        let detail = format!("{}, SQLite {version}", self.options.path.display());
        Ok(Health { backend: BACKEND, detail, schema, warnings: Vec::new() })
    }

    async fn close(&self) {
        // Without its sender the committer ends after what is queued.
        drop(self.committer.write().await.take());
        self.tracker.close();
        self.tracker.wait().await;
        self.readers.close().await;
    }
}
