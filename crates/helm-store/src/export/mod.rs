//! The log as files that other tools read: JSON lines and, with the feature `parquet`, Parquet.
//!
//! # Examples
//!
//! ```
//! use helm_core::TenantId;
//! use helm_store::export::{JsonLines, export};
//! use helm_store::{RowQuery, memory::MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> helm_store::Result<()> {
//! let (store, mut lines) = (MemoryStore::new(), JsonLines::new(Vec::new()));
//! let query = RowQuery::default().with_reward(true);
//! let rows = export(&store, &TenantId::single(), &query, &mut lines, &mut |_| {}).await?;
//! assert_eq!((rows, lines.into_inner()?.len()), (0, 0));
//! # Ok(())
//! # }
//! ```

mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

use futures::TryStreamExt;
use helm_core::TenantId;

pub use self::jsonl::JsonLines;
#[cfg(feature = "parquet")]
pub use self::parquet::{Parquet, ParquetOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::log::InteractionLog;
use crate::rows::{RowQuery, TurnRow, pages};

/// The backend's name in errors.
const BACKEND: &str = "export";

/// Rows read at a time.
const PAGE: usize = 2_000;
/// Rows written before reading is looked after again.
const PORTION: usize = 50;

/// Takes rows and writes them in some format.
pub trait RowWriter: Send {
    /// Writes rows, or keeps them until there are enough.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unwritable`] with the cause when the place cannot be written to.
    fn write(&mut self, rows: &[TurnRow]) -> Result<()>;

    /// Writes what is still kept, and the file's end.
    ///
    /// # Errors
    ///
    /// As for [`RowWriter::write`].
    fn finish(&mut self) -> Result<()>;
}

/// Writes all rows that match, oldest first, and the file's end; answers how many. `progress` is called with the
/// number of rows so far.
///
/// While turns go on being committed, give the query an end (`until`), or the export may follow them for ever.
///
/// # Errors
///
/// Whatever reading or writing meets; what was written by then is no whole file.
///
/// # Cancellation safety
///
/// Dropping the future leaves a file that is not whole; the log is only read.
pub async fn export(
    log: &dyn InteractionLog,
    tenant: &TenantId,
    query: &RowQuery,
    writer: &mut dyn RowWriter,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64> {
    let mut written = 0;
    let mut pages = pages(log, tenant, query, PAGE);
    let mut page = pages.try_next().await?;
    while let Some(rows) = page {
        // The database looks for the next page while this one is written.
        let (next, done) = futures::join!(pages.try_next(), write(writer, &rows));
        done?;
        written += rows.len() as u64;
        progress(written);
        page = next?;
    }
    writer.finish()?;
    Ok(written)
}

/// Whether an export ended because nobody reads what it writes any more: the place that it was written to is a pipe
/// that has been closed, and not the connection to a database.
#[must_use]
pub fn is_unread(error: &Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    error.backend() == BACKEND
        && causes
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

async fn write(writer: &mut dyn RowWriter, rows: &[TurnRow]) -> Result<()> {
    for portion in rows.chunks(PORTION) {
        writer.write(portion)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Unwritable, BACKEND, "export", "the export cannot be written").with_source(error)
}
