//! PostgreSQL for tests: each test has a database of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use helm_testkit::{note, service};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Names the server: the URL of a database in it whose user may create others.
const SERVER: &str = "HELM_TEST_PG";
/// A database, removed when dropped.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// An empty database, with pgvector where the server has it. `None`, and a note, when there is no server.
    pub(crate) async fn create(test: &str) -> Option<Self> {
        let database = Self::create_plain(test).await?;
        let there = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'";
        let mut connection = PgConnection::connect(&database.url()).await.unwrap();
        if connection.fetch_optional(there).await.unwrap().is_some() {
            connection.execute("CREATE EXTENSION vector").await.unwrap();
        }
        connection.close().await.unwrap();
        Some(database)
    }

    /// The same, without the extension.
    pub(crate) async fn create_plain(test: &str) -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let server = service(SERVER, test)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = Self { server, name: format!("helm_test_{}_{number}", std::process::id()) };
        execute(&database.server, format!("CREATE DATABASE {}", database.name)).await;
        Some(database)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let (server, parameters) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (server, _) = server.rsplit_once('/').unwrap();
        format!("{server}/{}?{parameters}", self.name)
    }

    /// The database for another of the server's users.
    pub(crate) fn url_of(&self, user: &str) -> String {
        let url = self.url();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (_, server) = rest.split_once('@').unwrap_or(("", rest));
        format!("{scheme}://{user}@{server}")
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn run(&self, sql: impl Into<String>) {
        execute(&self.url(), sql.into()).await;
    }

    /// Changes it behind the store's back.
    pub(crate) async fn damage(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        assert!(connection.execute(sql).await.unwrap().rows_affected() > 0, "{sql}");
        connection.close().await.unwrap();
    }
}

/// Somebody who may read and write all tables of a database, and change none of them.
pub(crate) struct User {
    name: String,
    url: String,
}

impl Database {
    /// Makes somebody; `owner` is connected to the database.
    pub(crate) async fn user(&self, owner: &mut PgConnection) -> User {
        let name = format!("{}_user", self.name);
        let sql = format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'helm'; GRANT USAGE ON SCHEMA public TO {name};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
        );
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
        let url = self.url();
        let (_, place) = url.split_once('@').unwrap();
        User { url: format!("postgres://{name}:helm@{place}"), name }
    }
}

impl User {
    /// The database, as this user connects to it.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Users are the server's, so they do not go with the database.
    pub(crate) async fn drop(self, owner: &mut PgConnection) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

async fn execute(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A thread of its own, because this one may be inside a runtime that must not block.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, sql));
        });
        if dropped.join().is_err() && !std::thread::panicking() {
            note(&format!("the database {} was left behind", self.name));
        }
    }
}
