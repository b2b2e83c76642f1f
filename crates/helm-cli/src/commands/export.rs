use std::path::Path;
use std::process::ExitCode;

use helm_core::{Clock, SystemClock};
use helm_orchestrator::Helm;
use helm_orchestrator::store::export::{JsonLines, Parquet, ParquetOptions, RowWriter, export, is_unread};
use helm_orchestrator::store::{self, RowQuery};
use serde::Serialize;

use crate::arguments::{ExportArguments, ExportFormat, Global};
use crate::error::{Failure, INTERRUPTED, Result};
use crate::open;
use crate::output::{self, Format};
use crate::when::moment;
use crate::whole_file::WholeFile;

#[derive(Serialize)]
struct Report<'a> {
    path: &'a Path,
    rows: u64,
}

/// Writes the log to standard output or a file.
pub(super) async fn run(global: &Global, arguments: &ExportArguments) -> Result<ExitCode> {
    let query = query(arguments)?;
    let format = format(arguments)?;
    let helm = open::reading(global, &arguments.of).await?;
    let written = tokio::select! {
        written = write(&helm, &query, format, arguments.to.as_deref()) => Some(written),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None)?,
    };
    open::close(&helm).await;
    let Some(written) = written else { return Ok(ExitCode::from(INTERRUPTED)) };
    let rows = written?;
    match &arguments.to {
        Some(path) if global.output != Format::Table => {
            output::json(global.output, &Report { path, rows })?;
        }
        Some(path) => output::line(&format!("{rows} turns written to {}", path.display()))?,
        None => output::note(&format!("{rows} turns written")),
    }
    Ok(ExitCode::SUCCESS)
}

fn query(arguments: &ExportArguments) -> Result<RowQuery> {
    let now = SystemClock.now();
    let moment = |text: &String| moment(text, now).map_err(Failure::wrong);
    // Without an end, an export would follow those who talk meanwhile.
    let mut query = RowQuery::default().with_until(now);
    query.task = arguments.task.as_ref().map(|task| task.parse()).transpose()?;
    query.user = arguments.user.as_ref().map(|user| user.parse()).transpose()?;
    query.since = arguments.since.as_ref().map(moment).transpose()?;
    query.until = arguments.until.as_ref().map(moment).transpose()?.or(query.until);
    query.texts = arguments.texts;
    Ok(query)
}

/// The format that was asked for, or that the file's name asks for.
fn format(arguments: &ExportArguments) -> Result<ExportFormat> {
    let ending = arguments.to.as_deref().and_then(Path::extension);
    let named = if ending.is_some_and(|ending| ending == "parquet") {
        ExportFormat::Parquet
    } else {
        ExportFormat::Jsonl
    };
    match arguments.format.unwrap_or(named) {
        ExportFormat::Parquet if arguments.to.is_none() => {
            Err(Failure::wrong("Parquet is no text for a terminal; name a file with --to FILE"))
        }
        format => Ok(format),
    }
}

async fn write(helm: &Helm, query: &RowQuery, format: ExportFormat, to: Option<&Path>) -> Result<u64> {
    let file = to.map(WholeFile::create).transpose()?;
    let mut writer: Box<dyn RowWriter> = match (&file, format) {
        (None, _) => Box::new(JsonLines::new(std::io::stdout())),
        (Some(file), ExportFormat::Jsonl) => Box::new(JsonLines::new(file.handle()?)),
        (Some(file), ExportFormat::Parquet) => {
            let mut options = ParquetOptions::default();
            options.texts = query.texts;
            Box::new(Parquet::new(file.handle()?, options).map_err(failed)?)
        }
    };
    // How many turns there are is known only at the end.
    let bar = output::progress(None, "{spinner} {human_pos} turns, {per_sec}");
    let rows =
        export(helm.store().log(), helm.tenant(), query, &mut *writer, &mut |rows| bar.set_position(rows))
            .await;
    bar.finish_and_clear();
    let rows = rows.map_err(failed)?;
    drop(writer);
    file.map_or(Ok(()), WholeFile::keep)?;
    Ok(rows)
}

/// Whoever reads our output may have seen enough; that is no failure.
fn failed(error: store::Error) -> Failure {
    if is_unread(&error) {
        return std::io::Error::from(std::io::ErrorKind::BrokenPipe).into();
    }
    helm_orchestrator::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    /// A place that cannot be written to.
    struct Refuses(ErrorKind);

    impl std::io::Write for Refuses {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_an_output_that_nobody_reads_is_no_failure() {
        let lost =
            store::Error::new(store::ErrorKind::Unavailable, "postgres", "rows", "the server has gone");
        assert!(!failed(lost.with_source(Error::from(ErrorKind::BrokenPipe))).is_unread());
        for (kind, unread) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let mut lines = JsonLines::new(Refuses(kind));
            assert_eq!(failed(lines.finish().unwrap_err()).is_unread(), unread, "{kind}");
            let options = ParquetOptions::default();
            let written = Parquet::new(Refuses(kind), options).and_then(|mut parquet| parquet.finish());
            assert_eq!(failed(written.unwrap_err()).is_unread(), unread, "{kind}");
        }
    }
}
