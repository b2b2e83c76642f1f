//! What a run showed, for people and for programs.

mod html;
mod junit;
mod markdown;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use helm_orchestrator::eval::dataset::{self, Condition, Judgement, Verdict};
use helm_orchestrator::eval::stats::Comparison;
use serde::Serialize;

use crate::error::{Failure, Result, SAID_NO, TOO_LITTLE};
use crate::output::{self, Format};
use crate::whole_file::WholeFile;

/// What a run, or a comparison of two, showed.
#[derive(Serialize)]
pub(super) struct Report {
    title: String,
    rows: usize,
    /// Rows without an answer.
    failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answered_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dollars: Option<f64>,
    verdict: &'static str,
    pub(super) gates: Vec<Gate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) measures: Vec<Measure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) differences: Vec<Difference>,
}

/// A gate, and whether it holds.
#[derive(Serialize)]
pub(super) struct Gate {
    gate: String,
    verdict: &'static str,
    /// The mean, or the difference from the baseline, and its 95 % interval.
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    limit: f64,
    rows: usize,
    /// Rows without a value of the measure, which have no say.
    missing: usize,
}

/// A mean and its 95 % interval.
#[derive(Serialize)]
pub(super) struct Measure {
    name: String,
    rows: usize,
    mean: f64,
    low: Option<f64>,
    high: Option<f64>,
    #[serde(skip)]
    values: Vec<f64>,
}

/// The second run less the first, with a 95 % interval.
#[derive(Serialize)]
pub(super) struct Difference {
    name: String,
    rows: usize,
    first: f64,
    second: f64,
    difference: f64,
    low: Option<f64>,
    high: Option<f64>,
    /// Whether the interval leaves 0 out.
    clear: bool,
}

const MET: &str = "met";
const NOT_MET: &str = "not_met";
const UNKNOWN: &str = "unknown";

impl Gate {
    pub(super) fn new(gate: &Condition, judged: &Judgement) -> Self {
        let verdict = match judged.verdict {
            Verdict::Met => MET,
            Verdict::NotMet => NOT_MET,
            Verdict::Unknown => UNKNOWN,
        };
        let estimate = judged.estimate.as_ref();
        Self {
            gate: gate.to_string(),
            verdict,
            value: estimate.map(|estimate| estimate.value),
            low: estimate.map(|estimate| estimate.low),
            high: estimate.map(|estimate| estimate.high),
            limit: judged.limit,
            rows: judged.rows,
            missing: judged.missing,
        }
    }

    /// What was found, in words.
    fn found(&self) -> String {
        let interval = interval(self.value, self.low, self.high);
        let missing = match self.missing {
            0 => String::new(),
            missing => format!("; {missing} rows have no value"),
        };
        match self.verdict {
            UNKNOWN => format!(
                "{interval} of {} rows is too little to tell whether it is beyond {}{missing}",
                self.rows, self.limit
            ),
            _ => format!("{interval} of {} rows, limit {}{missing}", self.rows, self.limit),
        }
    }
}

impl From<&dataset::Measure> for Measure {
    fn from(measure: &dataset::Measure) -> Self {
        let interval = measure.interval.as_ref();
        Self {
            name: measure.name.clone(),
            rows: measure.rows,
            mean: measure.mean,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            values: measure.values.clone(),
        }
    }
}

impl From<&dataset::Difference> for Difference {
    fn from(found: &dataset::Difference) -> Self {
        let compared = found.comparison.as_ref();
        Self {
            name: found.name.clone(),
            rows: found.rows,
            first: found.means.0,
            second: found.means.1,
            difference: found.means.1 - found.means.0,
            low: compared.map(|compared| compared.difference.low),
            high: compared.map(|compared| compared.difference.high),
            clear: compared.is_some_and(Comparison::is_clear),
        }
    }
}

impl Report {
    pub(super) fn new(title: String, rows: usize, failed: usize) -> Self {
        Self {
            title,
            rows,
            failed,
            answered_by: None,
            dollars: None,
            verdict: "pass",
            gates: Vec::new(),
            measures: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// Writes it wherever it is wanted; the exit code that goes with it.
    pub(super) fn write(mut self, format: Format, paths: &[PathBuf]) -> Result<ExitCode> {
        let has = |verdict: &str| self.gates.iter().any(|gate| gate.verdict == verdict);
        // A gate that failed says more than one that could not be told.
        let (verdict, code) = match (has(NOT_MET), has(UNKNOWN)) {
            (true, _) => ("fail", ExitCode::from(SAID_NO)),
            (_, true) => ("unknown", ExitCode::from(TOO_LITTLE)),
            _ => ("pass", ExitCode::SUCCESS),
        };
        self.verdict = verdict;
        for path in paths {
            self.write_file(path)?;
        }
        match format {
            Format::Table => output::line(&self.table())?,
            format => output::json(format, &self)?,
        }
        Ok(code)
    }

    fn write_file(&self, path: &Path) -> Result<()> {
        let text = match extension(path) {
            "json" => serde_json::to_string_pretty(self)? + "\n",
            "xml" => junit::document(self),
            "md" => markdown::document(self),
            _ => html::document(self),
        };
        let file = WholeFile::create(path)?;
        file.handle()?.write_all(text.as_bytes())?;
        file.keep()
    }

    /// What is told besides the tables.
    fn sentence(&self) -> String {
        let by = self.answered_by.as_ref().map_or_else(String::new, |name| format!(", answered by {name}"));
        let dollars = self.dollars.map_or_else(String::new, |dollars| format!(", ${dollars:.4}"));
        format!("{} rows{by}, {} without an answer{dollars}", self.rows, self.failed)
    }

    fn table(&self) -> String {
        let mut parts = vec![format!("{}: {}", self.title, self.sentence())];
        if !self.measures.is_empty() {
            let rows = self.measures.iter().map(|one| {
                [one.name.clone(), one.rows.to_string(), interval(Some(one.mean), one.low, one.high)]
            });
            parts.push(output::table(["measure", "rows", "mean, 95 % interval"], rows));
        }
        if !self.differences.is_empty() {
            let rows = self.differences.iter().map(|one| {
                let numbers = [one.first, one.second].map(|value| output::number(Some(value)));
                let [first, second] = numbers;
                let difference = interval(Some(one.difference), one.low, one.high);
                [one.name.clone(), one.rows.to_string(), first, second, difference]
            });
            parts.push(output::table(
                ["measure", "rows", "first", "second", "difference, 95 % interval"],
                rows,
            ));
        }
        if !self.gates.is_empty() {
            let rows = self
                .gates
                .iter()
                .map(|gate| [gate.gate.clone(), word(gate.verdict).to_owned(), gate.found()]);
            parts.push(output::texts(["gate", "", "found"], rows));
        }
        parts.join("\n")
    }
}

/// A verdict for people.
fn word(verdict: &str) -> &'static str {
    match verdict {
        MET => "met",
        NOT_MET => "NOT MET",
        _ => "cannot tell",
    }
}

/// A figure with its interval.
fn interval(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.3} ({low:.3} to {high:.3})"),
        (Some(value), ..) => format!("{value:.3}"),
        _ => "nothing".to_owned(),
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Refuses reports of a form that there is not, before anything is done.
pub(super) fn check_paths(paths: &[PathBuf]) -> Result<()> {
    let unknown = paths.iter().find(|path| !matches!(extension(path), "json" | "xml" | "md" | "html"));
    unknown.map_or(Ok(()), |path| {
        let path = path.display();
        Err(Failure::wrong(format!("{path}: a report ends with .json, .xml (JUnit), .md or .html")))
    })
}

/// A text within XML or HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write these.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            char if char.is_control() && !char.is_whitespace() => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}
