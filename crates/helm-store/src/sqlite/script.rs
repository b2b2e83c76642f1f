//! Several statements as one message. Each message to SQLite's thread, and each wait for it, costs more than most
//! statements do. What came of each statement is still a message of its own on the way back, but over a
//! [link](Link) all are waited for at once.

use futures::TryStreamExt;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Encode, Executor, Type};
use tokio::time::Instant;

use super::connect::BUSY_TIMEOUT;
use super::error::{driver, encoding, is_busy};
use super::link::{Link, THROUGH, Through};
use super::many::Many;
use crate::error::Result;

/// How long all tries to begin a transaction may take together, and what is between two of them where SQLite's own
/// waiting does not apply.
const BEGIN_DEADLINE: std::time::Duration = BUSY_TIMEOUT;
const BEGIN_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Of so many rows and more, the statements go by themselves, for several rows each. A script is prepared by its whole
/// text, so there should be few of them.
const MANY: usize = 4;
/// So many statements are prepared as one, at the most.
const LONGEST: usize = 24;

/// The parameters of a statement. There are only plain placeholders: numbered ones count from a script's beginning.
#[derive(Default)]
pub(super) struct Bound {
    arguments: SqliteArguments,
    failure: Option<BoxDynError>,
}

impl Bound {
    /// Binds the next parameter.
    pub(super) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.failure.get_or_insert(error);
        }
        self
    }

    /// All parameters.
    pub(super) fn arguments(self, operation: &'static str) -> Result<SqliteArguments> {
        match self.failure {
            None => Ok(self.arguments),
            Some(error) => Err(encoding(operation, error)),
        }
    }
}

/// What came of a statement.
#[derive(Default)]
pub(super) struct Done {
    pub(super) rows: Vec<SqliteRow>,
}

/// Statements that wait to be sent, on the connection that they are for.
pub(super) struct Script<'c> {
    connection: &'c mut SqliteConnection,
    through: Option<Through<'c>>,
    sql: String,
    bound: Bound,
    /// What each statement is for.
    operations: Vec<&'static str>,
    begins: bool,
}

impl<'c> Script<'c> {
    /// Inside a transaction, or of a single statement.
    pub(super) fn new(connection: &'c mut SqliteConnection) -> Self {
        Self {
            connection,
            through: None,
            sql: String::new(),
            bound: Bound::default(),
            operations: Vec::new(),
            begins: false,
        }
    }

    /// The same over a link.
    pub(super) fn over(link: &'c mut Link) -> Self {
        let (connection, through) = link.parts();
        Self { through: Some(through), ..Self::new(connection) }
    }

    /// Begins with a transaction that may write.
    pub(super) fn begin(link: &'c mut Link) -> Self {
        let mut script = Self::over(link);
        script.push("BEGIN IMMEDIATE", "begin");
        script.begins = true;
        script
    }

    /// Adds a statement; answers its number in what [`send`](Self::send) answers.
    pub(super) fn add(
        &mut self,
        sql: &'static str,
        operation: &'static str,
        bind: impl FnOnce(Bound) -> Result<Bound>,
    ) -> Result<usize> {
        self.bound = bind(std::mem::take(&mut self.bound))?;
        self.push(sql, operation);
        Ok(self.operations.len() - 1)
    }

    fn push(&mut self, sql: &'static str, operation: &'static str) {
        self.sql.push_str(sql);
        self.sql.push(';');
        self.operations.push(operation);
    }

    /// Writes rows, few of them together with what else is sent.
    pub(super) async fn write<'r, R: Sync>(
        &mut self,
        many: &Many,
        rows: &'r [R],
        operation: &'static str,
        bind: impl Fn(Bound, &'r R) -> Result<Bound> + Send,
    ) -> Result<()> {
        if rows.len() >= MANY {
            self.send().await?;
            return many.run(self.connection, rows, operation, bind).await.map(drop);
        }
        if self.operations.len() + rows.len() > LONGEST {
            self.send().await?;
        }
        rows.iter().try_for_each(|row| self.add(many.one, operation, |bound| bind(bound, row)).map(drop))
    }

    /// The connection, once everything has been sent.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.send().await?;
        Ok(self.connection)
    }

    /// Adds the end of the transaction and sends everything.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.push("COMMIT", "commit");
        self.send().await.map(drop)
    }

    /// Sends all statements; answers what came of each.
    pub(super) async fn send(&mut self) -> Result<Vec<Done>> {
        let (mut sql, operations) = (std::mem::take(&mut self.sql), std::mem::take(&mut self.operations));
        let Some(first) = operations.first() else { return Ok(Vec::new()) };
        if self.through.is_some() {
            sql.push_str(THROUGH);
        }
        let arguments = std::mem::take(&mut self.bound).arguments(first)?;
        let begins = std::mem::take(&mut self.begins);
        let deadline = Instant::now() + BEGIN_DEADLINE;
        loop {
            let mut done = vec![Done::default()];
            let statements = Statements { sql: &sql, arguments: arguments.clone(), number: operations.len() };
            match statements.run(self.connection, self.through, &mut done).await {
                Ok(()) => return Ok(done),
                // Some busy states, such as another process's recovery of the log, are answered at once.
                Err(error)
                    if begins
                        && done.len() == 1
                        && is_busy(&error)
                        && Instant::now() + BEGIN_PAUSE < deadline =>
                {
                    tokio::time::sleep(BEGIN_PAUSE).await;
                }
                Err(error) => {
                    let failed = operations.get(done.len() - 1).unwrap_or(first);
                    return Err(driver(failed, error));
                }
            }
        }
    }
}

/// The rows of one statement, over a link.
pub(super) async fn rows_of(
    link: &mut Link,
    sql: &'static str,
    operation: &'static str,
    bind: impl FnOnce(Bound) -> Bound,
) -> Result<Vec<SqliteRow>> {
    let mut script = Script::over(link);
    script.add(sql, operation, |bound| Ok(bind(bound)))?;
    Ok(script.send().await?.into_iter().next().unwrap_or_default().rows)
}

/// Statements to run one after the other.
struct Statements<'s> {
    sql: &'s str,
    arguments: SqliteArguments,
    /// How many there are whose results are wanted.
    number: usize,
}

impl Statements<'_> {
    /// Runs them; the last of `done` is the one that is under way.
    async fn run(
        self,
        connection: &mut SqliteConnection,
        through: Option<Through<'_>>,
        done: &mut Vec<Done>,
    ) -> Result<(), sqlx::Error> {
        // The text is of this crate's own pieces.
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        let mut results = connection.fetch_many(query);
        let mut next = match through {
            Some(through) => through.begin(&mut results).await,
            None => None,
        };
        // Waiting for the end of the results would be one more wait.
        while done.len() <= self.number {
            let result = match next.take() {
                Some(first) => Some(first?),
                None => results.try_next().await?,
            };
            // Results that end too early are those of a thread that has ended.
            let Some(result) = result else { return Err(sqlx::Error::WorkerCrashed) };
            match (result, done.last_mut()) {
                (Either::Right(row), Some(current)) => current.rows.push(row),
                _ => done.push(Done::default()),
            }
        }
        Ok(())
    }
}
