//! Regret curves as an SVG file: one panel a world, one line a policy, a band for the 95 % interval.

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 40.0;
/// A curve is drawn through at most so many points.
const POINTS: usize = 200;
/// Colours that people with the common kinds of colour blindness can tell apart (Okabe & Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// One world's curves.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) curves: Vec<Curve>,
}

/// One policy's mean regret and half width after each step.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// The whole picture.
pub(super) fn svg(panels: &[Panel]) -> String {
    let height = HEIGHT * panels.len().max(1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        let top = HEIGHT * index as f64;
        out.push_str(&format!("<g transform=\"translate(0 {top})\">\n"));
        draw(&mut out, panel);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// From data to places on the page.
struct Scale {
    steps: f64,
    most: f64,
}

impl Scale {
    fn of(panel: &Panel) -> Self {
        let points = || panel.curves.iter().flat_map(|curve| &curve.points);
        let most = points().map(|(mean, half)| mean + half).fold(0.0, f64::max);
        let steps = panel.curves.iter().map(|curve| curve.points.len()).max().unwrap_or(0);
        Self { steps: steps.max(1) as f64, most: if most > 0.0 { most } else { 1.0 } }
    }

    fn x(&self, step: f64) -> f64 {
        LEFT + step / self.steps * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, regret: f64) -> f64 {
        HEIGHT - BOTTOM - (regret / self.most).max(0.0) * (HEIGHT - TOP - BOTTOM)
    }
}

fn draw(out: &mut String, panel: &Panel) {
    let scale = Scale::of(panel);
    text(out, LEFT, 20.0, "start", &format!("{}: cumulated regret", panel.title));
    axes(out, &scale);
    for (curve, colour) in panel.curves.iter().zip(COLOURS.iter().cycle()) {
        band(out, &scale, curve, colour);
    }
    for (index, (curve, colour)) in panel.curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points = places(curve).map(|(step, (mean, _))| place(&scale, step, mean));
        let points = points.collect::<Vec<_>>().join(" ");
        let line =
            format!("<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>\n");
        out.push_str(&line);
        let y = TOP + 14.0 * (index as f64 + 1.0);
        let key = format!(
            "<line x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
            LEFT + 8.0,
            LEFT + 28.0,
            y - 4.0,
            y - 4.0
        );
        out.push_str(&key);
        text(out, LEFT + 34.0, y, "start", &curve.name);
    }
}

/// The points that are drawn, with the number of steps behind each.
fn places(curve: &Curve) -> impl DoubleEndedIterator<Item = (f64, (f64, f64))> {
    let every = curve.points.len().div_ceil(POINTS).max(1);
    let last = curve.points.len().saturating_sub(1);
    let all = curve.points.iter().enumerate();
    let kept: Vec<_> = all.filter(|(index, _)| index.is_multiple_of(every) || *index == last).collect();
    kept.into_iter().map(|(index, point)| (index as f64 + 1.0, *point))
}

fn place(scale: &Scale, step: f64, regret: f64) -> String {
    format!("{:.1},{:.1}", scale.x(step), scale.y(regret))
}

fn band(out: &mut String, scale: &Scale, curve: &Curve, colour: &str) {
    let upper = places(curve).map(|(step, (mean, half))| place(scale, step, mean + half));
    let lower = places(curve).rev().map(|(step, (mean, half))| place(scale, step, mean - half));
    let points = upper.chain(lower).collect::<Vec<_>>().join(" ");
    out.push_str(&format!("<polygon fill=\"{colour}\" fill-opacity=\"0.15\" points=\"{points}\"/>\n"));
}

fn axes(out: &mut String, scale: &Scale) {
    for tick in ticks(scale.most) {
        let y = scale.y(tick);
        let line = format!(
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n",
            WIDTH - RIGHT
        );
        out.push_str(&line);
        text(out, LEFT - 6.0, y + 4.0, "end", &number(tick));
    }
    for tick in ticks(scale.steps) {
        text(out, scale.x(tick), HEIGHT - BOTTOM + 18.0, "middle", &number(tick));
    }
    text(out, WIDTH - RIGHT, HEIGHT - 6.0, "end", "steps");
}

/// About five round numbers from 0 to `most`.
fn ticks(most: f64) -> Vec<f64> {
    let raw = most / 5.0;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power).find(|step| *step >= raw);
    let step = step.unwrap_or(10.0 * power);
    (0..).map(|index| f64::from(index) * step).take_while(|tick| *tick <= most).collect()
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    out.push_str(&format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{escaped}</text>\n"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for most in [0.3, 1.0, 7.0, 99.0, 4_001.0] {
            let ticks = ticks(most);
            assert!((3..=7).contains(&ticks.len()), "{most}: {ticks:?}");
        }
    }

    #[test]
    fn names_cannot_break_the_file() {
        let curve = Curve { name: "<a & b>".to_owned(), points: vec![(1.0, 0.0), (2.0, 0.5)] };
        let picture = svg(&[Panel { title: "w".to_owned(), curves: vec![curve] }]);
        assert!(picture.contains("&lt;a &amp; b&gt;") && picture.matches("<polyline").count() == 1);
    }
}
