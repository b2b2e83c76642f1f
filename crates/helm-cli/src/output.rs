use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::Result;

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    #[value(alias = "text")]
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Of reports of experiments: Markdown.
    Markdown,
    /// Of reports of experiments: one page with plots.
    Html,
}

/// Writes a line of data.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}").map_err(Into::into)
}

/// Writes data without a line end, at once.
pub(crate) fn piece(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    out.flush().map_err(Into::into)
}

/// Writes a note for people beside the data.
pub(crate) fn note(text: &str) {
    // Nobody can be told that nobody can be told.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Writes what went wrong.
pub(crate) fn complain(text: &str) {
    if !text.is_empty() {
        note(&format!("helmctl: {text}"));
    }
}

/// Shows people how far something has come, beside the data; without a terminal, nothing.
pub(crate) fn progress(length: Option<u64>, template: &str) -> ProgressBar {
    let visible = io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(length, target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Writes a value as JSON, on one line for `jsonl`.
pub(crate) fn json(format: Format, value: &impl Serialize) -> Result<()> {
    let text = match format {
        Format::Jsonl => serde_json::to_string(value)?,
        _ => serde_json::to_string_pretty(value)?,
    };
    line(&text)
}

/// Values that come one after another: an array for `json`, a line each for `jsonl`.
pub(crate) struct Series {
    format: Format,
    begun: bool,
}

impl Series {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, begun: false }
    }

    /// Whether values are wanted at all, and not a text for people.
    pub(crate) fn is_data(&self) -> bool {
        self.format != Format::Table
    }

    /// Writes the next value.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<()> {
        if self.format == Format::Jsonl {
            return line(&serde_json::to_string(value)?);
        }
        let before = if std::mem::replace(&mut self.begun, true) { ",\n" } else { "[\n" };
        piece(&format!("{before}{}", serde_json::to_string_pretty(value)?))
    }

    /// Ends the array.
    pub(crate) fn end(&self) -> Result<()> {
        match (self.format, self.begun) {
            (Format::Json, true) => line("\n]"),
            (Format::Json, false) => line("[]"),
            _ => Ok(()),
        }
    }
}

/// A table of texts, wrapped to the terminal's width and aligned left.
pub(crate) fn texts<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A table whose columns from the second on are aligned right.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A number with three digits, or a dash.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

/// A share in percent, or a dash.
pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value))
}
