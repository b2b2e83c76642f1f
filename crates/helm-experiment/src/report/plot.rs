//! Intervals, drawn as SVG.

use std::fmt::Write;

use helm_core::Timestamp;

use super::estimate::Bounds;
use super::figures::number;
use super::html::escaped;

/// Told apart by people with the common kinds of colour blindness (Okabe & Ito 2008).
const BLUE: &str = "#0072b2";
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 26.0;
const LINE: f64 = 26.0;
/// Labels of an axis that are nearer to each other would overlap: beside each other, and one below the other.
const BESIDE: f64 = 90.0;
const BELOW: f64 = 14.0;
/// Longer names would run into the lines.
const LONGEST: usize = 15;

/// A value with its interval, at a moment in microseconds.
pub(super) struct Point {
    pub(super) at: i64,
    pub(super) value: f64,
    pub(super) bounds: Bounds,
}

/// From values to places.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// Wide enough for all intervals and 0; where some have no bounds, for those that have, and the values.
    fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let ends = points.flat_map(|point| [point.bounds.low, Some(point.value), point.bounds.high]);
        let (mut from, mut to) = (0.0_f64, 0.0_f64);
        for end in ends.flatten() {
            (from, to) = (from.min(end), to.max(end));
        }
        let margin = if to > from { 0.06 * (to - from) } else { 1.0 };
        Self { from: from - margin, to: to + margin }
    }

    /// The two ends, and 0 where its label has room between theirs on an axis of this length.
    fn labels(&self, length: f64, apart: f64) -> impl Iterator<Item = f64> {
        let from_end = self.share(0.0).min(1.0 - self.share(0.0)) * length;
        [Some(self.from), (from_end >= apart).then_some(0.0), Some(self.to)].into_iter().flatten()
    }

    /// How the line of an interval is drawn: dashed where it goes on beyond what is shown.
    fn dashes(&self, bounds: Bounds) -> &'static str {
        let is_shown = |bound: Option<f64>| bound.is_some_and(|bound| (self.from..=self.to).contains(&bound));
        if is_shown(bounds.low) && is_shown(bounds.high) { "" } else { " stroke-dasharray=\"6 3\"" }
    }

    /// The share of the way from one end to the other.
    fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// One line a variant: a dot at the difference, and its interval.
pub(super) fn forest(lines: &[(String, Point)]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let scale = Scale::of(lines.iter().map(|(_, point)| point));
    let height = LINE * lines.len() as f64 + BOTTOM;
    let x = |value: f64| LEFT + scale.share(value) * (WIDTH - LEFT - RIGHT);
    let mut out = begin("differences with their intervals", height);
    let (zero, end) = (x(0.0), height - BOTTOM);
    let _ = writeln!(out, "<line x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"0\" y2=\"{end}\" stroke=\"#999\"/>");
    for (index, (name, point)) in lines.iter().enumerate() {
        let y = LINE * (index as f64 + 0.5);
        let (low, high) =
            (x(point.bounds.low.unwrap_or(scale.from)), x(point.bounds.high.unwrap_or(scale.to)));
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{:.1}\">{}<title>{}</title></text><line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y}\" y2=\"{y}\" \
             stroke=\"{BLUE}\" stroke-width=\"3\"{}/><circle cx=\"{:.1}\" cy=\"{y}\" r=\"4\" fill=\"{BLUE}\"/>",
            y + 4.0,
            escaped(&shortened(name)),
            escaped(name),
            scale.dashes(point.bounds),
            x(point.value)
        );
    }
    for value in scale.labels(WIDTH - LEFT - RIGHT, BESIDE) {
        let anchor = match value {
            value if value <= scale.from => "start",
            value if value >= scale.to => "end",
            _ => "middle",
        };
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(value),
            height - 8.0,
            number(value)
        );
    }
    out + "</svg>\n"
}

/// A value over time, with a bar for the interval at each moment.
pub(super) fn over_time(title: &str, points: &[Point]) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    // Early intervals are so wide that nothing else could be seen beside them.
    let late = points.iter().skip(points.len() / 4);
    let scale = Scale::of(late);
    let span = (last.at - first.at).max(1) as f64;
    let x = |at: i64| LEFT + (at - first.at) as f64 / span * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - TOP - BOTTOM);
    let mut out = begin(title, HEIGHT);
    let zero = y(0.0);
    let end = WIDTH - RIGHT;
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"16\">{}</text><line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{zero:.1}\" y2=\"{zero:.1}\" stroke=\"#999\"/>",
        escaped(title)
    );
    for value in scale.labels(HEIGHT - TOP - BOTTOM, BELOW) {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y(value) + 4.0,
            number(value)
        );
    }
    for point in points {
        let (at, low, high) = (
            x(point.at),
            y(point.bounds.low.unwrap_or(scale.from)),
            y(point.bounds.high.unwrap_or(scale.to)),
        );
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{low:.1}\" y2=\"{high:.1}\" stroke=\"{BLUE}\" stroke-opacity=\"0.45\" \
             stroke-width=\"4\"{}/><circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{BLUE}\"/>",
            scale.dashes(point.bounds),
            y(point.value)
        );
    }
    for (point, anchor) in [(first, "start"), (last, "end")] {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(point.at),
            HEIGHT - 8.0,
            Timestamp::from_micros(point.at - point.at.rem_euclid(1_000_000))
        );
    }
    out + "</svg>\n"
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn begin(title: &str, height: f64) -> String {
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><title>{}</title>\n",
        escaped(title)
    )
}
