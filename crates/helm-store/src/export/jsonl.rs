use std::io::Write;

use super::{RowWriter, unwritable};
use crate::error::Result;
use crate::rows::TurnRow;

/// How many bytes are kept before they are written.
const KEPT: usize = 64 << 10;

/// Rows as JSON objects, one a line, in UTF-8; see [`TurnRow`] for the names. Numbers keep all their digits.
#[derive(Debug)]
pub struct JsonLines<W> {
    to: W,
    kept: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `to`, at least 64 KiB at a time.
    pub fn new(to: W) -> Self {
        Self { to, kept: Vec::with_capacity(2 * KEPT) }
    }

    /// Writes what is still kept; the place that was written to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unwritable`](crate::ErrorKind::Unwritable) when the place cannot be written to.
    pub fn into_inner(mut self) -> Result<W> {
        self.flush()?;
        Ok(self.to)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.write_all(&self.kept).map_err(unwritable)?;
        self.kept.clear();
        self.to.flush().map_err(unwritable)
    }
}

impl<W: Write + Send> RowWriter for JsonLines<W> {
    fn write(&mut self, rows: &[TurnRow]) -> Result<()> {
        for row in rows {
            serde_json::to_writer(&mut self.kept, row).map_err(unwritable)?;
            self.kept.push(b'\n');
            if self.kept.len() >= KEPT {
                self.to.write_all(&self.kept).map_err(unwritable)?;
                self.kept.clear();
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}
