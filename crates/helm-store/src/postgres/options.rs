use std::fmt;
use std::time::Duration;

/// How a [`PostgresStore`](super::PostgresStore) is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// Where the database is: `postgres://user:password@host:port/database?sslmode=…`. Never shown, for it may hold a password.
    pub url: String,
    /// Whether the schema is brought up to date. Default: yes.
    pub migrate: bool,
    /// How many connections read and do small writes at once. Default: twice the number of cores, from 4 to 16.
    ///
    /// With those for searches and groups it makes the most that a store holds; building indexes takes one more for
    /// as long as it lasts.
    pub connections: u32,
    /// How many connections search memories at once; they are planned for in another way. Default: half as many as
    /// [`connections`](Self::connections).
    pub search_connections: u32,
    /// How many groups of writes may be on their way at once, each on a connection of its own. Default: 2.
    pub groups: u32,
    /// How long a call waits for a free connection. Default: 2 s.
    pub acquire_timeout: Duration,
    /// How long a statement may run before the server ends it. Default: 5 s.
    pub statement_timeout: Duration,
    /// How long a transaction may do nothing before the server ends it. Default: 10 s.
    pub idle_timeout: Duration,
    /// How many writes may be queued before more are refused as overloaded. Default: 8,192.
    pub queue: usize,
    /// How many bytes the queued writes may hold before more are refused as overloaded. Default: 64 MiB.
    pub queue_bytes: usize,
    /// How many bytes of what this process has just written of decisions are remembered, for ten minutes, so that they are
    /// not read back when a turn ends or is judged. Default: 32 MiB.
    pub recent_bytes: u64,
    /// How many memories of one metric and dimension there are before
    /// [`VectorStore::build_indexes`](crate::VectorStore::build_indexes) makes an index for them; until then every
    /// selected row is read. Needs pgvector. Default: 5,000.
    pub index_after: usize,
    /// Whether indexes of collections compared by cosine are in half precision: half as large, and for embeddings of
    /// up to 4,000 components instead of 2,000. Found memories are scored in full precision all the same. All
    /// processes must agree. Default: no.
    pub half_precision_index: bool,
}

impl PostgresOptions {
    /// The defaults, for this database.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let connections = u32::try_from(2 * cores).unwrap_or(16).clamp(4, 16);
        Self {
            url: url.into(),
            migrate: true,
            connections,
            search_connections: connections / 2,
            groups: 2,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
            queue: 8_192,
            queue_bytes: 64 << 20,
            recent_bytes: 32 << 20,
            index_after: 5_000,
            half_precision_index: false,
        }
    }

    /// Leaves the schema as it is; an outdated one is an error.
    #[must_use]
    pub fn without_migration(mut self) -> Self {
        self.migrate = false;
        self
    }

    /// Sets how many connections read and do small writes at once.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets how many connections search memories at once.
    #[must_use]
    pub fn with_search_connections(mut self, connections: u32) -> Self {
        self.search_connections = connections.max(1);
        self
    }

    /// Shares so many connections out, 3 at least: a quarter to searches, up to 2 to groups of writes, and the rest to
    /// all else.
    #[must_use]
    pub fn with_connections_in_all(mut self, connections: u32) -> Self {
        let connections = connections.max(3);
        self.groups = (connections / 4).clamp(1, 2);
        self.search_connections = (connections / 4).max(1);
        self.connections = connections - self.groups - self.search_connections;
        self
    }

    /// Sets how many groups of writes may be on their way at once.
    #[must_use]
    pub fn with_groups(mut self, groups: u32) -> Self {
        self.groups = groups.max(1);
        self
    }

    /// Sets how many bytes of recent decisions are remembered; 0 for none.
    #[must_use]
    pub fn with_recent_bytes(mut self, bytes: u64) -> Self {
        self.recent_bytes = bytes;
        self
    }

    /// Sets how long a call waits for a free connection.
    #[must_use]
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets how long a statement may run.
    #[must_use]
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Sets how long a transaction may do nothing.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets how many writes may be queued.
    #[must_use]
    pub fn with_queue(mut self, writes: usize) -> Self {
        self.queue = writes.max(1);
        self
    }

    /// Sets how many bytes the queued writes may hold.
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes.max(1);
        self
    }

    /// Sets how many memories are worth an index.
    #[must_use]
    pub fn with_index_after(mut self, memories: usize) -> Self {
        self.index_after = memories;
        self
    }

    /// Makes indexes in half precision.
    #[must_use]
    pub fn with_half_precision_index(mut self) -> Self {
        self.half_precision_index = true;
        self
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("migrate", &self.migrate)
            .field("connections", &self.connections)
            .field("search_connections", &self.search_connections)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shared_out_without_a_rest() {
        for all in 0..100 {
            let options = PostgresOptions::new("postgres://h/d").with_connections_in_all(all);
            let parts = [options.connections, options.search_connections, options.groups];
            assert_eq!((parts.iter().sum::<u32>(), parts.iter().min() > Some(&0)), (all.max(3), true));
        }
    }
}
