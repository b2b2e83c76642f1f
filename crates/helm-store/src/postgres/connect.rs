use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::time::timeout;

use super::error::driver;
use super::options::PostgresOptions;
use super::recent::Recent;
use crate::error::{Result, chain};

/// How long after its last use a connection is taken to be there still.
const TRUSTED: Duration = Duration::from_secs(1);

/// Connects once outside of any pool: a pool would only say that it waited in vain.
pub(super) async fn probe(options: &PostgresOptions) -> Result<()> {
    let wanted = connection(options)?;
    let connected = timeout(options.acquire_timeout, PgConnection::connect_with(&wanted)).await;
    let connected =
        connected.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
    let connection = connected.map_err(|error| driver("open", error))?;
    connection.close().await.map_err(|error| driver("open", error))
}

/// Connections for reads and small writes.
pub(super) async fn readers(options: &PostgresOptions) -> Result<PgPool> {
    let connection = connection(options)?;
    pool(options, options.connections).connect_with(connection).await.map_err(|error| driver("open", error))
}

/// Connections for groups of writes. Their statements look single rows up by key, many at a time. The planner,
/// which sees tables that were empty when they were planned, is told so once and for all.
///
/// Behind a new connection may be another server, so nothing is remembered of what was written before.
pub(super) async fn writers(options: &PostgresOptions, recent: Recent) -> Result<PgPool> {
    let connection = connection(options)?.options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
    ]);
    // What is sent on a connection that has gone is sent again, so none needs to be tried first.
    let pool = pool(options, options.groups).test_before_acquire(false).after_connect(move |_, _| {
        recent.clear();
        Box::pin(std::future::ready(Ok(())))
    });
    pool.connect_with(connection).await.map_err(|error| driver("open", error))
}

/// Connections for searches of memories. Whose rows they want decides how they are found, so each is planned anew;
/// an index is followed until enough selected rows are found.
pub(super) async fn searchers(options: &PostgresOptions) -> Result<PgPool> {
    let connection = connection(options)?.options([
        ("plan_cache_mode", "force_custom_plan"),
        ("hnsw.ef_search", "80"),
        ("hnsw.iterative_scan", "strict_order"),
        ("jit", "off"),
    ]);
    // Asking whether a connection is there costs a part of a search; one that was just used is.
    let pool = pool(options, options.search_connections).test_before_acquire(false);
    let pool = pool.before_acquire(|connection, meta| {
        Box::pin(async move {
            if meta.idle_for > TRUSTED {
                connection.ping().await?;
            }
            Ok(true)
        })
    });
    pool.connect_with(connection).await.map_err(|error| driver("open", error))
}

/// One connection whose statements may take as long as they like, but not longer than this process is there to wait
/// for them, if the server can notice that.
pub(super) async fn patient(options: &PostgresOptions) -> Result<PgConnection> {
    let connection = connection(options)?.options([
        ("statement_timeout", "0"),
        ("enable_seqscan", "off"),
        ("maintenance_work_mem", "256MB"),
    ]);
    let mut connection =
        PgConnection::connect_with(&connection).await.map_err(|error| driver("open", error))?;
    if let Err(error) = connection.execute("SET client_connection_check_interval = '500ms'").await {
        tracing::debug!(error = %chain(&error), "the server cannot notice that a process has gone");
    }
    Ok(connection)
}

fn pool(options: &PostgresOptions, connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(options.acquire_timeout)
}

fn connection(options: &PostgresOptions) -> Result<PgConnectOptions> {
    let wanted = PgConnectOptions::from_str(&options.url).map_err(|error| driver("open", error))?;
    let millis = |timeout: Duration| timeout.as_millis().to_string();
    let wanted = wanted.application_name("helm").options([
        ("statement_timeout", millis(options.statement_timeout)),
        ("idle_in_transaction_session_timeout", millis(options.idle_timeout)),
        ("timezone", "UTC".to_owned()),
    ]);
    // The text of a statement, such as a whole migration, tells nobody what to do.
    Ok(wanted.disable_statement_logging())
}
