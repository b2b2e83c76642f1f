mod columns;
mod held;

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use self::columns::{COLUMNS, Column, TEXTS, message};
use self::held::Held;
use super::{RowWriter, unwritable};
use crate::error::Result;
use crate::rows::{ROW_FORMAT, TurnRow};

/// What a [`Parquet`] file holds and how much of it is kept in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ParquetOptions {
    /// Whether there are columns for what was written and answered. Default: no.
    pub texts: bool,
    /// Rows in a row group at most. Default: 65,536.
    pub group_rows: usize,
    /// Bytes in a row group at most, before compression: about what the writer needs of memory. Default: 32 MiB.
    pub group_bytes: usize,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self { texts: false, group_rows: 65_536, group_bytes: 32 << 20 }
    }
}

impl ParquetOptions {
    /// Also what was written and answered.
    #[must_use]
    pub fn with_texts(mut self) -> Self {
        self.texts = true;
        self
    }

    /// Sets how large a row group gets.
    #[must_use]
    pub fn with_group(mut self, rows: usize, bytes: usize) -> Self {
        (self.group_rows, self.group_bytes) = (rows.max(1), bytes.max(1));
        self
    }
}

/// Rows as one Parquet file, compressed by Snappy.
///
/// Columns have the names of [`TurnRow`]'s fields. Moments are TIMESTAMP (microseconds, UTC), features a list of
/// doubles; candidates, scores, feedback and violations are texts that hold JSON. Nothing is rounded.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    options: ParquetOptions,
    held: Vec<(&'static Column, Held)>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unwritable`](crate::ErrorKind::Unwritable) when the place cannot be written to.
    pub fn new(to: W, options: ParquetOptions) -> Result<Self> {
        let columns: Vec<_> =
            COLUMNS.iter().chain(TEXTS.iter().take(if options.texts { TEXTS.len() } else { 0 })).collect();
        let schema = parse_message_type(&message(&columns)).map_err(unwritable)?;
        let format = KeyValue::new("helm.row_format".to_owned(), ROW_FORMAT.to_string());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("helm-store ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![format]))
            .build();
        let file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties));
        let held = columns.into_iter().map(|column| (column, Held::new(column.kind))).collect();
        Ok(Self { file: file.map_err(unwritable)?, options, held, rows: 0, bytes: 0 })
    }

    /// Writes what is still kept, and the file's end; the place that was written to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unwritable`](crate::ErrorKind::Unwritable) when the place cannot be written to.
    pub fn into_inner(mut self) -> Result<W> {
        self.end_group().map_err(unwritable)?;
        self.file.into_inner().map_err(unwritable)
    }

    /// Writes the rows that are held as a row group.
    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for (column, held) in &mut self.held {
            if let Some(mut writer) = group.next_column()? {
                held.write(&mut writer, column.required)?;
                writer.close()?;
            }
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> RowWriter for Parquet<W> {
    fn write(&mut self, rows: &[TurnRow]) -> Result<()> {
        for row in rows {
            for (column, held) in &mut self.held {
                self.bytes += held.push((column.read)(row)?);
            }
            self.rows += 1;
            if self.rows >= self.options.group_rows || self.bytes >= self.options.group_bytes {
                self.end_group().map_err(unwritable)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.end_group().map_err(unwritable)?;
        self.file.finish().map(drop).map_err(unwritable)?;
        self.file.inner_mut().flush().map_err(unwritable)
    }
}
