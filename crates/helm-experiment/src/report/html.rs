//! A report as one page; nothing on it is fetched from anywhere.

use super::figures::{Line, compared, lines, period, probability, remarks, role, title};
use super::markdown::state;
use super::plot::{Point, forest, over_time};
use super::whole::{MetricReport, Report};

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:left}\
    .verdict{border-left:6px solid #0072b2;padding:.2em 1em;background:#f3f7fa}\
    .fine{color:#006f4e}.warning{color:#8a5a00}.few{color:#555}.failed{color:#b03a00;font-weight:bold}\
    svg{max-width:100%;height:auto}pre{overflow:auto;background:#f6f6f6;padding:1em}.small{color:#555;font-size:13px}";

impl Report {
    /// As one self-contained page with drawn intervals.
    #[must_use]
    pub fn to_html(&self) -> String {
        let heading = escaped(&title(self));
        let body =
            [self.verdict_html(), self.health_html(), self.metrics_html(), self.segments_html()].concat();
        let (task, period, helm) = (&self.task, escaped(&period(self)), self.helm);
        let spec = serde_json::to_string_pretty(&self.spec).unwrap_or_default();
        let (spec, digest) = (escaped(&spec), &self.digest);
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{heading}</title><style>{STYLE}</style></head>\n\
             <body><h1>{heading}</h1><p>Task {task}, {period}.</p>\n{body}\
             <details><summary>Specification {digest}, Helm {helm}</summary><pre>{spec}</pre></details></body></html>\n"
        )
    }

    fn verdict_html(&self) -> String {
        let items: String =
            self.verdict.because.iter().map(|why| format!("<li>{}</li>", escaped(why))).collect();
        format!(
            "<div class=\"verdict\"><h2>{}</h2><p>Rule: {}.</p><ul>{items}</ul><p>{}</p></div>\n",
            escaped(&self.verdict.decision.title()),
            escaped(&self.verdict.rule),
            escaped(&self.guarantee)
        )
    }

    fn health_html(&self) -> String {
        let rows = self.health.iter().map(|check| {
            let (name, said) = (check.name, state(check.state));
            let class = if said == "too few" { "few" } else { said };
            let p = check.p.map_or_else(String::new, |p| probability(Some(p), None));
            let message = escaped(&check.message);
            format!(
                "<tr><td>{name}</td><td class=\"{class}\">{said}</td><td>{message}</td><td>{p}</td></tr>\n"
            )
        });
        format!("<h2>Health</h2>{}", table(&["check", "", "found", "p"], rows))
    }

    fn metrics_html(&self) -> String {
        self.metrics.iter().map(metric).collect()
    }

    fn segments_html(&self) -> String {
        if self.segments.is_empty() {
            return String::new();
        }
        let rows = self.segments.iter().flat_map(|own| {
            own.comparisons.iter().map(move |comparison| {
                let line = compared(comparison, String::new());
                let level = own.level.as_deref().unwrap_or("(none)");
                let users = own.users.to_string();
                row(&[
                    &own.metric,
                    level,
                    &users,
                    &line.variant,
                    &line.difference,
                    &line.interval,
                    &line.found,
                ])
            })
        });
        let header = ["metric", "segment", "users", "variant", "difference", "interval", "found"];
        format!(
            "<h2>Segments</h2><p>Judged with regard to each other (Benjamini &amp; Hochberg).</p>{}",
            table(&header, rows)
        )
    }
}

fn metric(report: &MetricReport) -> String {
    let (key, role) = (escaped(&report.key), role(report.role));
    let rows = lines(report).into_iter().map(|line| row(&line.cells()));
    let remarks: String =
        remarks(report).iter().map(|remark| format!("<p class=\"small\">{}</p>", escaped(remark))).collect();
    format!(
        "<h2>{key} <small>({role})</small></h2>{}{}{remarks}\n",
        table(&Line::HEADER, rows),
        plots(report)
    )
}

fn plots(report: &MetricReport) -> String {
    let intervals = report.comparisons.iter().filter_map(|own| {
        let estimate = own.effect.estimate()?;
        Some((
            own.variant.to_string(),
            Point { at: 0, value: estimate.difference, bounds: estimate.interval },
        ))
    });
    let mut drawn = forest(&intervals.collect::<Vec<_>>());
    for comparison in &report.comparisons {
        let name = &comparison.variant;
        let looks = report.cumulative.iter().filter(|look| look.variant == *name).filter_map(|look| {
            Some(Point { at: look.until.as_micros(), value: look.difference?, bounds: look.interval })
        });
        drawn.push_str(&over_time(&format!("{name}: all turns so far"), &looks.collect::<Vec<_>>()));
        let slices = report.slices.iter().filter(|slice| slice.variant == *name).filter_map(|slice| {
            let middle = slice.from.as_micros() / 2 + slice.until.as_micros() / 2;
            Some(Point { at: middle, value: slice.difference?, bounds: slice.interval })
        });
        drawn.push_str(&over_time(&format!("{name}: each part of the time"), &slices.collect::<Vec<_>>()));
    }
    drawn
}

fn table(header: &[&str], rows: impl Iterator<Item = String>) -> String {
    let header: String = header.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!("<table><tr>{header}</tr>\n{}</table>\n", rows.collect::<String>())
}

fn row(cells: &[&str]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
