//! A report as Markdown.

use std::fmt::Write;

use super::figures::{Line, compared, lines, period, probability, remarks, role, title};
use super::health::CheckState;
use super::whole::Report;

impl Report {
    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        let _ = self.write_markdown(&mut out);
        out
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# {}\n\nTask {}, {}.\n\n## Health\n", title(self), self.task, period(self))?;
        for check in &self.health {
            let p = check.p.map_or_else(String::new, |p| format!(" (p {})", probability(Some(p), None)));
            writeln!(out, "- **{}** {}: {}{p}", state(check.state), check.name, escaped(&check.message))?;
        }
        writeln!(out, "\n## Verdict: {}\n\nRule: {}.\n", self.verdict.decision.title(), self.verdict.rule)?;
        for why in &self.verdict.because {
            writeln!(out, "- {}", escaped(why))?;
        }
        writeln!(out, "\n{}", self.guarantee)?;
        for metric in &self.metrics {
            writeln!(out, "\n## {} ({})\n", escaped(&metric.key), role(metric.role))?;
            table(out, &Line::HEADER, lines(metric).iter().map(Line::cells))?;
            for remark in remarks(metric) {
                writeln!(out, "\n{}", escaped(&remark))?;
            }
        }
        self.segments_markdown(out)?;
        writeln!(out, "\n---\n\nSpecification {}, Helm {}.", self.digest, self.helm)
    }

    fn segments_markdown(&self, out: &mut String) -> std::fmt::Result {
        if self.segments.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n## Segments\n\nJudged with regard to each other (Benjamini & Hochberg).\n")?;
        let header = ["metric", "segment", "users", "variant", "difference", "interval", "found"];
        let rows = self.segments.iter().flat_map(|own| {
            own.comparisons.iter().map(move |comparison| {
                let line = compared(comparison, String::new());
                let level = own.level.clone().unwrap_or_else(|| "(none)".to_owned());
                [
                    own.metric.clone(),
                    level,
                    own.users.to_string(),
                    line.variant,
                    line.difference,
                    line.interval,
                    line.found,
                ]
            })
        });
        table(out, &header, rows)
    }
}

fn table<const N: usize, S: AsRef<str>>(
    out: &mut String,
    header: &[&str; N],
    rows: impl Iterator<Item = [S; N]>,
) -> std::fmt::Result {
    writeln!(out, "| {} |\n|{}", header.join(" | "), "---|".repeat(N))?;
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| escaped(cell.as_ref())).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

pub(super) const fn state(state: CheckState) -> &'static str {
    match state {
        CheckState::Fine => "fine",
        CheckState::Warning => "warning",
        CheckState::TooFew => "too few",
        CheckState::Failed => "failed",
    }
}

/// Text whose marks mean nothing.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\' | '#' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
