use std::path::PathBuf;

/// How a [`SqliteStore`](super::SqliteStore) is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The database file. Beside it SQLite keeps `-wal`, which grows to some 64 MiB under load and further while
    /// somebody reads for long, and `-shm`; migrations lock `.lock`. Up to 8 MiB of the file are held in memory for
    /// writing.
    pub path: PathBuf,
    /// Whether a missing file is created. Default: yes.
    pub create: bool,
    /// Whether the schema is brought up to date. Default: yes.
    pub migrate: bool,
    /// What an acknowledged write survives. Default: [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// How many writes may be queued before more are refused as overloaded. Default: 8,192.
    pub queue: usize,
    /// How many bytes the queued writes may hold before more are refused as overloaded. Default: 64 MiB.
    pub queue_bytes: usize,
    /// How many memories a vector search may read from their rows; a search among more goes through a copy of
    /// the collection in memory, a shard. Default: 2,000.
    pub shard_after: usize,
    /// How many bytes all shards may hold; the least recently used go first, and a collection that does not fit
    /// is read row by row. A shard takes about 128 bytes and one for each component a memory. Default: 256 MiB.
    pub shard_bytes: usize,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Synchronous {
    /// The end of the process and the loss of power.
    #[default]
    Full,
    /// The end of the process. After a loss of power the last commits may be missing; the file stays whole.
    Normal,
}

impl SqliteOptions {
    /// The defaults, for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            create: true,
            migrate: true,
            synchronous: Synchronous::default(),
            queue: 8_192,
            queue_bytes: 64 << 20,
            shard_after: 2_000,
            shard_bytes: 256 << 20,
        }
    }

    /// Fails on a missing file instead of creating it.
    #[must_use]
    pub fn must_exist(mut self) -> Self {
        self.create = false;
        self
    }

    /// Leaves the schema as it is; an outdated one is an error.
    #[must_use]
    pub fn without_migration(mut self) -> Self {
        self.migrate = false;
        self
    }

    /// Sets what an acknowledged write survives.
    #[must_use]
    pub fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
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

    /// Sets how many memories a vector search may read from their rows.
    #[must_use]
    pub fn with_shard_after(mut self, memories: usize) -> Self {
        self.shard_after = memories;
        self
    }

    /// Sets how many bytes all shards may hold; 0 for no shards.
    #[must_use]
    pub fn with_shard_bytes(mut self, bytes: usize) -> Self {
        self.shard_bytes = bytes;
        self
    }
}
