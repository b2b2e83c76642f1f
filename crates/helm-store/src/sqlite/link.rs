//! A connection whose caller can be told once that all of a script is done.
//!
//! The driver's thread sends each row and each statement's end by itself, and wakes whoever waits for them each time:
//! with one core to run on, that is two switches between threads for each. So a script that goes over a link ends with a
//! statement that compares two texts by a collation of ours, which is code of ours on the driver's thread: it tells
//! that everything before it has been done. Until then nobody listens. A script that fails, or takes long, is listened
//! to in the usual way after a moment.

use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{FutureExt, Stream};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::Notify;

/// The last statement of a script that tells when it is through.
pub(super) const THROUGH: &str = "SELECT 'a' = 'b' COLLATE helm_through";
const COLLATION: &str = "helm_through";
/// So long nobody listens; what fails, and what takes longer, is heard of after that.
const PATIENCE: Duration = Duration::from_millis(2);

/// A connection, and what tells that a script on it is through.
pub(super) struct Link {
    connection: SqliteConnection,
    through: Arc<Notify>,
}

impl Link {
    /// Opens a connection.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let through = Arc::new(Notify::new());
        let telling = Arc::clone(&through);
        let options = options.collation(COLLATION, move |left: &str, right: &str| {
            telling.notify_one();
            left.cmp(right)
        });
        Ok(Self { connection: SqliteConnection::connect_with(&options).await?, through })
    }

    /// The connection, and what tells that a script on it is through.
    pub(super) fn parts(&mut self) -> (&mut SqliteConnection, Through<'_>) {
        (&mut self.connection, Through(&self.through))
    }

    /// The connection alone.
    #[cfg(any(feature = "postgres", test))]
    pub(super) fn into_connection(self) -> SqliteConnection {
        self.connection
    }

    /// Closes the connection.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

impl Deref for Link {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// What tells that a script is through.
#[derive(Clone, Copy)]
pub(super) struct Through<'c>(&'c Notify);

impl Through<'_> {
    /// Has the driver begin, and waits until the script is through, or a moment. Answers what there was before anybody
    /// had to wait.
    pub(super) async fn begin<S: Stream + Unpin>(self, results: &mut S) -> Option<S::Item> {
        // What an earlier script told after its moment had passed.
        self.0.notified().now_or_never();
        // Polled once, with nobody to wake, the driver is handed the script.
        if let Poll::Ready(first) = Pin::new(results).poll_next(&mut Context::from_waker(Waker::noop())) {
            return first;
        }
        // Either way, what there is to hear is heard next.
        drop(tokio::time::timeout(PATIENCE, self.0.notified()).await);
        None
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use sqlx::{Executor, Row};

    use super::*;
    use crate::error::ErrorKind;
    use crate::sqlite::script::{Script, rows_of};

    async fn link() -> Link {
        Link::open(SqliteConnectOptions::new().in_memory(true)).await.unwrap()
    }

    #[tokio::test]
    async fn it_is_told_each_time() {
        let mut link = link().await;
        for _ in 0..3 {
            let (connection, through) = link.parts();
            assert!(through.0.notified().now_or_never().is_none(), "not yet");
            connection.execute(THROUGH).await.unwrap();
            assert!(through.0.notified().now_or_never().is_some());
        }
    }

    #[tokio::test]
    async fn more_rows_than_have_room_all_come() {
        const MANY: &str =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n";
        let options = SqliteConnectOptions::new().in_memory(true).row_buffer_size(8);
        let mut link = Link::open(options).await.unwrap();
        for _ in 0..2 {
            let rows = rows_of(&mut link, MANY, "test", |bound| bound).await.unwrap();
            assert_eq!(rows.iter().map(|row| row.get::<i64, _>(0)).sum::<i64>(), 125_250);
        }
    }

    #[tokio::test]
    async fn what_fails_is_told_and_nothing_after_it_is_done() {
        let mut link = link().await;
        link.execute("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)").await.unwrap();
        let mut script = Script::over(&mut link);
        for sql in ["INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (3)"] {
            script.add(sql, "test", Ok).unwrap();
        }
        let error = script.send().await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let rows = rows_of(&mut link, "SELECT a FROM t ORDER BY a", "test", |bound| bound).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>(), [1, 2]);
    }
}
