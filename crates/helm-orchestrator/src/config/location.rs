use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use helm_llm::RedactedUrl;
use helm_store::memory::MemoryStore;
#[cfg(feature = "postgres")]
use helm_store::postgres::{PostgresOptions, PostgresStore};
use helm_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use helm_store::{MigrationStatus, Store};

use crate::error::{Error, Result};

/// The address of a process's own memory.
const MEMORY: &str = "memory:";

/// Where an installation keeps its state. Shown without users, passwords and queries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreLocation {
    /// A file.
    Sqlite(File),
    /// A server's database.
    Postgres(Server),
    /// The process's memory: forgotten with it, and seen by no other.
    Memory,
}

/// A SQLite file, and what is written to it survives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What an acknowledged write survives. Default: the loss of power.
    pub synchronous: Synchronous,
}

impl File {
    /// This one, with the defaults.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), synchronous: Synchronous::default() }
    }

    fn options(&self) -> SqliteOptions {
        SqliteOptions::new(&self.path).with_synchronous(self.synchronous)
    }
}

/// A PostgreSQL server's database, and how it is used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Its address.
    pub url: RedactedUrl,
    /// How many connections a process holds at most; `None` for the store's own number.
    pub connections: Option<u32>,
}

impl Server {
    /// The address with its user and password.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose()
    }

    #[cfg(feature = "postgres")]
    fn options(&self) -> PostgresOptions {
        let options = PostgresOptions::new(self.expose());
        match self.connections {
            Some(connections) => options.with_connections_in_all(connections),
            None => options,
        }
    }
}

impl StoreLocation {
    /// Reads `sqlite://PATH`, `postgres://USER@HOST/DATABASE` or `memory:`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when it is none of them.
    pub fn parse(url: &RedactedUrl) -> Result<Self> {
        let refuse = |message: String| Err(Error::config("store.url", message));
        let text = url.expose();
        if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Postgres(Server { url: url.clone(), connections: None }));
        }
        if text == MEMORY {
            return Ok(Self::Memory);
        }
        match text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")) {
            Some(path) if path.contains(":memory:") => {
                refuse("this would forget everything with each process; write sqlite://PATH, or memory: if that is wanted".to_owned())
            }
            Some(path) if path.contains('?') => {
                refuse("options behind a ? are not understood; write sqlite://PATH alone".to_owned())
            }
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(File::new(path))),
            _ => refuse(format!(
                "write sqlite://PATH, postgres://USER@HOST/DATABASE or {MEMORY}, not {url:?}"
            )),
        }
    }

    /// The same, with so many connections of a process to a server; a file has its own.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when they are fewer than 3.
    pub fn with_connections(mut self, connections: u32) -> Result<Self> {
        if connections < 3 {
            return Err(Error::config("store.connections", "write at least 3"));
        }
        if let Self::Postgres(server) = &mut self {
            server.connections = Some(connections);
        }
        Ok(self)
    }

    /// The same, with this for what a file's acknowledged writes survive; a server has its own rule.
    #[must_use]
    pub fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        if let Self::Sqlite(file) = &mut self {
            file.synchronous = synchronous;
        }
        self
    }

    /// Whether there may be something: not where a file is missing; of a server that is only known when it is asked.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        match self {
            Self::Sqlite(file) => file.path.exists(),
            Self::Postgres(_) => true,
            Self::Memory => false,
        }
    }

    /// Opens it, creating the file and bringing the schema up to date.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from opening; [`Error::Config`] when this build has no such backend.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        match self {
            Self::Sqlite(file) => Ok(Arc::new(SqliteStore::open(file.options()).await?)),
            Self::Memory => {
                tracing::warn!("all is forgotten when this process ends, for store.url is \"{MEMORY}\"");
                Ok(Arc::new(MemoryStore::new()))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => Ok(Arc::new(PostgresStore::open(server.options()).await?)),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(missing()),
        }
    }

    /// Opens it as it is: nothing is created, and an outdated schema is an error.
    ///
    /// # Errors
    ///
    /// As for [`StoreLocation::open`].
    pub async fn open_as_it_is(&self) -> Result<Arc<dyn Store>> {
        match self {
            Self::Sqlite(file) => {
                let options = file.options().must_exist().without_migration();
                Ok(Arc::new(SqliteStore::open(options).await?))
            }
            Self::Memory => Err(nothing_kept()),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => {
                let options = server.options().without_migration();
                Ok(Arc::new(PostgresStore::open(options).await?))
            }
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(missing()),
        }
    }

    /// Every migration that this build knows, and whether the database has it. Changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`StoreLocation::open`].
    pub async fn migrations(&self) -> Result<Vec<MigrationStatus>> {
        match self {
            Self::Sqlite(file) => Ok(SqliteStore::migrations(&file.options()).await?),
            Self::Memory => Err(nothing_kept()),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => Ok(PostgresStore::migrations(&server.options()).await?),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(missing()),
        }
    }
}

/// A process's memory is no other's to look at.
fn nothing_kept() -> Error {
    let message = "memory: is seen by the process alone that keeps it; ask that one, or write sqlite://PATH";
    Error::config("store.url", message)
}

#[cfg(not(feature = "postgres"))]
fn missing() -> Error {
    let message = "this build keeps state in SQLite only; build with the feature `postgres`";
    Error::config("store.url", message)
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "{}", file.path.display()),
            Self::Postgres(server) => write!(f, "{}", server.url),
            Self::Memory => f.write_str(MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_as_many_connections_as_are_asked_for() {
        let located = |url: &str| StoreLocation::parse(&url.into()).unwrap();
        let error = located("postgres://h/d").with_connections(2).unwrap_err().to_string();
        assert!(error.contains("store.connections"), "{error}");
        let server = located("postgres://h/d").with_connections(9).unwrap();
        assert!(matches!(server, StoreLocation::Postgres(server) if server.connections == Some(9)));
        assert!(matches!(located("sqlite://f").with_connections(9), Ok(StoreLocation::Sqlite(_))));
    }

    #[tokio::test]
    async fn memory_is_the_process_s_own() {
        let memory = StoreLocation::parse(&"memory:".into()).unwrap();
        assert_eq!(memory.open().await.unwrap().health().await.unwrap().backend, "memory");
        let error = memory.open_as_it_is().await.err().unwrap().to_string();
        assert!(error.contains("store.url") && error.contains("sqlite://PATH"), "{error}");
        let refused = StoreLocation::parse(&"sqlite::memory:".into()).unwrap_err().to_string();
        assert!(refused.contains("memory:"), "{refused}");
    }

    #[test]
    fn a_file_survives_what_is_asked_for() {
        let located = |url: &str| StoreLocation::parse(&url.into()).unwrap();
        let file = |location| match location {
            StoreLocation::Sqlite(file) => file,
            other => panic!("{other} is no file"),
        };
        assert_eq!(file(located("sqlite://f")).synchronous, Synchronous::Full);
        let normal = located("sqlite://f").with_synchronous(Synchronous::Normal);
        assert_eq!(file(normal).options().synchronous, Synchronous::Normal);
    }
}
