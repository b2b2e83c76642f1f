//! Markdown, for a comment on a pull request.

use super::{Report, interval, word};

pub(super) fn document(report: &Report) -> String {
    let mut out = format!("### {}\n\n{}\n", plain(&report.title), plain(&report.sentence()));
    if !report.gates.is_empty() {
        out.push_str("\n| gate | | found |\n|---|---|---|\n");
        for gate in &report.gates {
            line(
                &mut out,
                &[format!("`{}`", gate.gate), format!("**{}**", word(gate.verdict)), gate.found()],
            );
        }
    }
    if !report.measures.is_empty() {
        out.push_str("\n| measure | rows | mean, 95 % interval |\n|---|---:|---:|\n");
        for one in &report.measures {
            line(
                &mut out,
                &[one.name.clone(), one.rows.to_string(), interval(Some(one.mean), one.low, one.high)],
            );
        }
    }
    if !report.differences.is_empty() {
        out.push_str("\n| measure | rows | first | second | difference, 95 % interval | |\n|---|---:|---:|---:|---:|---|\n");
        for one in &report.differences {
            let clear = if one.clear { "clear" } else { "" };
            let difference = interval(Some(one.difference), one.low, one.high);
            let [first, second] = [one.first, one.second].map(|value| format!("{value:.3}"));
            line(
                &mut out,
                &[one.name.clone(), one.rows.to_string(), first, second, difference, clear.to_owned()],
            );
        }
    }
    out
}

fn line(out: &mut String, cells: &[String]) {
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}

/// A text that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let special = |char: char| "\\`*_{}[]<>#|~".contains(char);
    text.chars().flat_map(|char| special(char).then_some('\\').into_iter().chain([char])).collect()
}
