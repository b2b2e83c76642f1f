//! The rewards over time as a picture, in SVG.

use std::fmt::Write;

use super::play::Run;

/// How many means a curve is drawn through.
const POINTS: usize = 40;
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
/// Left, right, top and bottom of the plot.
const EDGES: [f64; 4] = [48.0, 700.0, 44.0, 276.0];

struct Curve<'r> {
    name: &'static str,
    colour: &'static str,
    run: &'r Run,
}

/// Mean reward over time of all three.
pub(crate) fn svg(learnt: &Run, uniform: &Run, ideal: &Run) -> String {
    let curves = [
        Curve { name: "each user's best", colour: "#6b7280", run: ideal },
        Curve { name: "learnt", colour: "#2563eb", run: learnt },
        Curve { name: "choosing evenly", colour: "#b45309", run: uniform },
    ];
    let turns = learnt.rewards.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    grid(&mut svg, turns);
    for (place, curve) in curves.iter().enumerate() {
        draw(&mut svg, curve, place);
    }
    svg + "</svg>\n"
}

/// Lines at every fifth of a reward, and the turns below.
fn grid(svg: &mut String, turns: usize) {
    let [left, right, _, bottom] = EDGES;
    for fifth in 0..=5 {
        let (reward, y) = (f64::from(fifth) / 5.0, at_reward(f64::from(fifth) / 5.0));
        line(svg, &format!("<path d=\"M{left} {y:.1}H{right}\" stroke=\"#e5e7eb\"/>"));
        line(svg, &text(left - 8.0, y + 4.0, "end", "#374151", &format!("{reward:.1}")));
    }
    for quarter in 0..=4 {
        let x = left + (right - left) * quarter as f64 / 4.0;
        line(svg, &text(x, bottom + 18.0, "middle", "#374151", &(turns * quarter / 4).to_string()));
    }
    let middle = 0.5 * (left + right);
    line(svg, &text(middle, bottom + 36.0, "middle", "#374151", "turns; mean reward of a turn"));
}

fn draw(svg: &mut String, curve: &Curve<'_>, place: usize) {
    let [left, right, top, _] = EDGES;
    let rewards = &curve.run.rewards;
    let points = POINTS.min(rewards.len()).max(1);
    let point = |index: usize| {
        let slice = &rewards[rewards.len() * index / points..rewards.len() * (index + 1) / points];
        let mean = slice.iter().sum::<f64>() / slice.len().max(1) as f64;
        let x = left + (right - left) * (index as f64 + 0.5) / points as f64;
        format!("{x:.1},{:.1}", at_reward(mean))
    };
    let path = (0..points).map(point).collect::<Vec<_>>().join(" ");
    let colour = curve.colour;
    line(svg, &format!("<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
    let x = left + 160.0 * place as f64;
    line(svg, &format!("<path d=\"M{x} {y}h24\" stroke=\"{colour}\" stroke-width=\"3\"/>", y = top - 22.0));
    line(svg, &text(x + 30.0, top - 18.0, "start", "#111827", curve.name));
}

fn at_reward(reward: f64) -> f64 {
    let [_, _, top, bottom] = EDGES;
    bottom - (bottom - top) * reward.clamp(0.0, 1.0)
}

fn text(x: f64, y: f64, anchor: &str, colour: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>")
}

fn line(svg: &mut String, element: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(svg, "{element}");
}
