use std::io::Write;
use std::time::Duration;

use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};

use crate::chaos::fault::{Fault, Kind};
use crate::chaos::ledger::{Book, Ledger};
use crate::chaos::memory::{Look, growth};
use crate::chaos::verify::Found;

/// How long replicas may be away after what failed is mended.
const BACK: Duration = Duration::from_secs(5);
/// What the replicas are configured with.
const DRAIN: Duration = Duration::from_secs(10);
/// Of the requests outside of the database's own failures.
const AVAILABILITY: f64 = 0.999;

/// How a ledger is printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// One line of the ledger.
struct Line {
    what: String,
    found: String,
    /// What it must be; empty for what is only told.
    bar: &'static str,
    holds: bool,
}

/// The ledger of a run.
pub(crate) struct Report(Vec<Line>);

impl Report {
    pub(crate) fn of(
        ledger: &Ledger,
        found: &Found,
        faults: &[Fault],
        memory: &[Vec<Look>],
        drains: &[(Duration, bool)],
    ) -> Self {
        let book = ledger.book();
        let mut lines = promises(&book, found);
        lines.extend(requests(&book, faults));
        lines.extend(faults.iter().map(recovery));
        lines.extend(faults.iter().filter_map(drained));
        lines.extend(
            drains.iter().enumerate().map(|(index, end)| drain(&format!("replica {}", index + 1), end)),
        );
        lines.extend(memory.iter().enumerate().filter_map(|(index, looks)| grew(index, looks)));
        Self(lines)
    }

    pub(crate) fn holds(&self) -> bool {
        self.0.iter().all(|line| line.holds)
    }

    pub(crate) fn print(&self, output: Output) -> anyhow::Result<()> {
        let text = match output {
            Output::Table => self.table(),
            Output::Json => serde_json::to_string_pretty(&self.json())?,
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["", "found", "must be", ""]);
        for line in &self.0 {
            let mark = match (line.bar.is_empty(), line.holds) {
                (true, _) => "",
                (false, true) => "ok",
                (false, false) => "NOT HELD",
            };
            table.add_row([line.what.as_str(), &line.found, line.bar, mark]);
        }
        let verdict = if self.holds() {
            "Everything acknowledged is there once."
        } else {
            "Something is not as promised."
        };
        format!("{table}\n\n{verdict}")
    }

    fn json(&self) -> Value {
        let line = |line: &Line| json!({ "what": line.what, "found": line.found, "bar": line.bar, "holds": line.holds });
        json!({ "holds": self.holds(), "lines": self.0.iter().map(line).collect::<Vec<_>>() })
    }
}

fn told(what: impl Into<String>, found: &(impl ToString + ?Sized)) -> Line {
    Line { what: what.into(), found: found.to_string(), bar: "", holds: true }
}

fn must(what: impl Into<String>, found: &(impl ToString + ?Sized), bar: &'static str, holds: bool) -> Line {
    Line { what: what.into(), found: found.to_string(), bar, holds }
}

/// The first of them, to look at.
fn named(wrong: &[String]) -> String {
    match wrong.first() {
        Some(first) => format!("{}, as {first}", wrong.len()),
        None => "0".to_owned(),
    }
}

fn promises(book: &Book, found: &Found) -> Vec<Line> {
    let judged = book.turns.values().filter(|turn| turn.acknowledged.is_some()).count();
    vec![
        told("turns answered", &book.turns.len()),
        must("  not in the log", &named(&found.missing), "0", found.missing.is_empty()),
        must("  in the log twice", &found.twice, "0", found.twice == 0),
        told("turns in the log, also those whose caller heard nothing", &found.rows),
        must("turns with a judgement acknowledged", &judged, "> 0", judged > 0),
        must("  judged otherwise in the log", &named(&found.misjudged), "0", found.misjudged.is_empty()),
        must("learning state equals a replay of the log", yes(found.agrees), "yes", found.agrees),
    ]
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn requests(book: &Book, faults: &[Fault]) -> Vec<Line> {
    let of_database = |call: &&super::ledger::Call| {
        let ended = call.begun + call.took;
        let outages = faults.iter().filter(|fault| fault.kind == Kind::Postgres);
        outages.into_iter().any(|fault| call.begun <= fault.over && ended >= fault.begun)
    };
    let (during, outside): (Vec<_>, Vec<_>) = book.calls.iter().partition(of_database);
    let failed: Vec<String> = outside.iter().filter_map(|call| call.failed.clone()).collect();
    let failed_during = during.iter().filter(|call| call.failed.is_some()).count();
    let attempts: u64 = book.calls.iter().map(|call| u64::from(call.attempts)).sum();
    let available = share(outside.len() - failed.len(), outside.len());
    vec![
        told("requests", &book.calls.len()),
        told("  asked of a replica, with those sent again", &attempts),
        must("  failed, the database's restarts aside", &named(&failed), "0", failed.is_empty()),
        told("  failed around the database's restarts", &format!("{failed_during} of {}", during.len())),
        must(
            "availability, the database's restarts aside",
            &percent(available),
            ">= 99.9 %",
            available >= AVAILABILITY,
        ),
        told("median, 99th percentile, longest request", &quantiles(book)),
        told("longest time in which no request was answered", &seconds(silence(book))),
    ]
}

fn recovery(fault: &Fault) -> Line {
    let what = format!("{}: {}; answering again after", fault.whom, fault.kind.name());
    let found = fault.back.map_or_else(|| "not within 30 s".to_owned(), seconds);
    must(what, &found, "<= 5 s", fault.back.is_some_and(|back| back <= BACK))
}

/// Of a replica that was told to stop while callers had turns there.
fn drained(fault: &Fault) -> Option<Line> {
    fault.drained.as_ref().map(|end| drain(&format!("{}, under load", fault.whom), end))
}

fn drain(whom: &str, (took, well): &(Duration, bool)) -> Line {
    let found = format!("{}{}", seconds(*took), if *well { "" } else { ", and something was given up" });
    must(format!("{whom}: told to stop, ended after"), &found, "<= 10 s", *well && *took <= DRAIN)
}

/// What of a process that lived through most of the run.
fn grew(index: usize, looks: &[Look]) -> Option<Line> {
    let grown = growth(looks)?;
    let mebibytes = |bytes: u64| bytes >> 20;
    let found = format!(
        "{} -> {} MiB, {} -> {} handles",
        mebibytes(grown.before),
        mebibytes(grown.after),
        grown.handles_before,
        grown.handles_after
    );
    Some(must(
        format!("replica {}: most in second and last quarter", index + 1),
        &found,
        "flat",
        grown.is_flat(),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn quantiles(book: &Book) -> String {
    let mut took: Vec<Duration> = book.calls.iter().map(|call| call.took).collect();
    took.sort_unstable();
    let at = |permille: usize| {
        let time = took.get((took.len() * permille / 1_000).min(took.len().saturating_sub(1)));
        format!("{:.1}", time.copied().unwrap_or_default().as_secs_f64() * 1_000.0)
    };
    format!("{}, {}, {} ms", at(500), at(990), at(1_000))
}

/// The longest time between one answer and the next.
fn silence(book: &Book) -> Duration {
    let mut answered: Vec<_> =
        book.calls.iter().filter(|call| call.failed.is_none()).map(|call| call.begun + call.took).collect();
    answered.sort_unstable();
    let gaps = answered.iter().zip(answered.iter().skip(1)).map(|(one, next)| *next - *one);
    gaps.max().unwrap_or_default()
}
