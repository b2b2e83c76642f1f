//! One page with tables and drawn figures; nothing on it is fetched from anywhere.

use super::{Report, escaped, interval, word};

const WIDTH: f64 = 320.0;
const BAR: f64 = 22.0;
const HISTOGRAM: f64 = 48.0;
const BINS: usize = 20;
/// Told apart by people with the common kinds of colour blindness (Okabe & Ito 2008).
const BLUE: &str = "#0072b2";

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:left}\
    .met{color:#006f4e}.not_met{color:#b03a00;font-weight:bold}.unknown{color:#555}";

pub(super) fn document(report: &Report) -> String {
    let title = escaped(&report.title);
    let sentence = escaped(&report.sentence());
    let body = [gates(report), measures(report), differences(report)].concat();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{title}</h1><p>{sentence}</p>\n{body}</body></html>\n"
    )
}

fn gates(report: &Report) -> String {
    let rows = report.gates.iter().map(|gate| {
        let (name, class) = (escaped(&gate.gate), gate.verdict);
        let (verdict, found) = (word(gate.verdict), escaped(&gate.found()));
        format!("<tr><td><code>{name}</code></td><td class=\"{class}\">{verdict}</td><td>{found}</td></tr>\n")
    });
    table("Gates", "<th>gate</th><th></th><th>found</th>", rows)
}

fn measures(report: &Report) -> String {
    let rows = report.measures.iter().map(|one| {
        let (name, count, mean) = (escaped(&one.name), one.rows, interval(Some(one.mean), one.low, one.high));
        let is_unit = one.values.iter().all(|value| (0.0..=1.0).contains(value));
        let most = one.values.iter().copied().fold(0.0, f64::max);
        let most = if is_unit { 1.0 } else { most };
        let drawn = [histogram(&one.values, most), bar(one.mean, one.low, one.high, (0.0, most))].concat();
        format!("<tr><td>{name}</td><td>{count}</td><td>{mean}</td><td>{drawn}</td></tr>\n")
    });
    let header =
        "<th>measure</th><th>rows</th><th>mean, 95 % interval</th><th>values, and the mean's interval</th>";
    table("Measures", header, rows)
}

fn differences(report: &Report) -> String {
    let ends = report.differences.iter().filter(|one| one.name != "seconds" && one.name != "dollars");
    let far = ends.flat_map(|one| [one.low, one.high]).flatten().map(f64::abs).fold(0.01, f64::max);
    let rows = report.differences.iter().map(|one| {
        let (name, count) = (escaped(&one.name), one.rows);
        let difference = interval(Some(one.difference), one.low, one.high);
        let drawn = bar(one.difference, one.low, one.high, (-far, far));
        let (first, second) = (one.first, one.second);
        format!(
            "<tr><td>{name}</td><td>{count}</td><td>{first:.3}</td><td>{second:.3}</td><td>{difference}</td><td>{drawn}</td></tr>\n"
        )
    });
    let header = "<th>measure</th><th>rows</th><th>first</th><th>second</th><th>difference, 95 % interval</th><th></th>";
    table("Differences", header, rows)
}

/// A headed table; nothing without rows.
fn table(title: &str, header: &str, rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<h2>{title}</h2><table><tr>{header}</tr>\n{rows}</table>\n")
}

/// A dot at the value and a line over its interval, with a mark at 0.
fn bar(value: f64, low: Option<f64>, high: Option<f64>, (from, to): (f64, f64)) -> String {
    let place = |value: f64| {
        let share = if to > from { (value - from) / (to - from) } else { 0.0 };
        4.0 + share.clamp(0.0, 1.0) * (WIDTH - 8.0)
    };
    let (zero, dot, middle) = (place(0.0), place(value), BAR / 2.0);
    let line = low.zip(high).map_or_else(String::new, |(low, high)| {
        let (low, high) = (place(low), place(high));
        format!("<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"{BLUE}\" stroke-width=\"3\"/>")
    });
    format!(
        "<svg role=\"img\" width=\"{WIDTH}\" height=\"{BAR}\"><title>{from:.3} to {to:.3}</title>\
         <line x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"0\" y2=\"{BAR}\" stroke=\"#999\"/>{line}\
         <circle cx=\"{dot:.1}\" cy=\"{middle}\" r=\"4\" fill=\"{BLUE}\"/></svg>"
    )
}

/// How many rows have which value, from 0 to the greatest.
fn histogram(values: &[f64], most: f64) -> String {
    let mut counts = [0_u32; BINS];
    for value in values {
        let share = if most > 0.0 { value / most } else { 0.0 };
        let bin = ((share * BINS as f64) as usize).min(BINS - 1);
        counts.iter_mut().skip(bin).take(1).for_each(|count| *count += 1);
    }
    let highest = f64::from(counts.iter().copied().max().unwrap_or(1).max(1));
    let width = (WIDTH - 8.0) / BINS as f64;
    let bars: String = counts
        .iter()
        .enumerate()
        .map(|(bin, count)| {
            let height = f64::from(*count) / highest * (HISTOGRAM - 2.0);
            let (left, top) = (4.0 + bin as f64 * width, HISTOGRAM - height);
            let width = width - 1.0;
            format!("<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#9db8c9\"/>")
        })
        .collect();
    format!(
        "<svg role=\"img\" width=\"{WIDTH}\" height=\"{HISTOGRAM}\"><title>values</title>{bars}</svg><br>"
    )
}
