use std::path::Path;

use crate::bench_report::Round;
use crate::bench_report::figure::Figure;
use crate::bench_report::machine::{Machine, versions};
use crate::bench_report::number::{significant, with_unit};
use crate::bench_report::plan::Bench;

/// What the page says of one benchmark.
pub(crate) struct Section<'b> {
    bench: &'b Bench,
    rounds: usize,
    rows: Vec<Row>,
}

/// One figure over all rounds.
struct Row {
    name: String,
    found: String,
    spread: String,
    beside: String,
}

impl<'b> Section<'b> {
    /// `None` where nothing was measured.
    pub(crate) fn of(bench: &'b Bench, rounds: &[Round]) -> Option<Self> {
        let first = rounds.first()?.get(&bench.name)?;
        let rows: Vec<_> = first.iter().map(|figure| row(bench, figure, rounds)).collect();
        (!rows.is_empty()).then_some(Self { bench, rounds: rounds.len(), rows })
    }

    pub(crate) fn text(&self, root: &Path, machine: &Machine, python: bool) -> String {
        let Self { bench, rounds, rows } = self;
        let mut text = format!("### {}\n\n{} `{}`", bench.title, bench.about, bench.told());
        let peers = versions(root, bench, python);
        if !peers.is_empty() {
            text.push_str(&format!("; {}", peers.join(", ")));
        }
        let rounds = if *rounds == 1 { "one round".to_owned() } else { format!("{rounds} rounds") };
        text.push_str(&format!(
            ".\n{rounds}, {machine}\n\n| what | found | spread | beside |\n|---|---|---|---|\n"
        ));
        for Row { name, found, spread, beside } in rows {
            text.push_str(&format!("| {} | {found} | {spread} | {beside} |\n", name.replace('|', "/")));
        }
        text
    }
}

fn row(bench: &Bench, figure: &Figure, rounds: &[Round]) -> Row {
    let values: Vec<f64> = rounds.iter().filter_map(|round| find(round, &figure.name)).collect();
    let beside = bench.beside.get(&figure.name).and_then(|other| beside(&figure.name, other, rounds));
    Row {
        name: figure.name.clone(),
        found: with_unit(mean(&values), &figure.unit),
        spread: spread(&values),
        beside: beside.unwrap_or_default(),
    }
}

/// A figure of a round, whichever benchmark has it.
fn find(round: &Round, name: &str) -> Option<f64> {
    round.values().flatten().find(|figure| figure.name == name).map(|figure| figure.value)
}

/// How many times the other one this is, each round by itself.
fn beside(name: &str, other: &str, rounds: &[Round]) -> Option<String> {
    let ratio = |round: &Round| Some(find(round, name)? / find(round, other)?);
    let ratios: Vec<f64> = rounds.iter().filter_map(ratio).filter(|ratio| ratio.is_finite()).collect();
    let (least, most) = ends(&ratios)?;
    let range = match significant(least) == significant(most) {
        true => significant(least),
        false => format!("{}–{}", significant(least), significant(most)),
    };
    Some(format!("{range} times {other}"))
}

/// Half of the distance between the extremes, beside the mean.
fn spread(values: &[f64]) -> String {
    let known = ends(values).filter(|_| values.len() > 1);
    known.map_or_else(String::new, |(least, most)| {
        format!("±{:.0} %", 50.0 * (most - least) / mean(values).abs().max(f64::MIN_POSITIVE))
    })
}

fn ends(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().reduce(f64::min)?;
    Some((least, values.iter().copied().fold(least, f64::max)))
}

#[expect(clippy::cast_precision_loss, reason = "rounds are few")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> Bench {
        toml::from_str(
            "name = \"x\"\ntitle = \"X\"\nabout = \"A step.\"\nreads = \"figures\"\ncommand = [\"bench\"]\n\
             [beside]\n\"g/peer\" = \"g/helm\"\n",
        )
        .unwrap()
    }

    fn round(helm: f64, peer: f64) -> Round {
        let figure = |name: &str, value| Figure { name: name.to_owned(), value, unit: "ns".to_owned() };
        Round::from([("x".to_owned(), vec![figure("g/helm", helm), figure("g/peer", peer)])])
    }

    #[test]
    fn ratios_are_of_one_round_and_the_spread_is_told() {
        let (bench, machine) = (bench(), Machine("on a machine.".to_owned()));
        let rounds = [round(100.0, 1_000.0), round(200.0, 1_000.0)];
        let text = Section::of(&bench, &rounds).unwrap().text(Path::new("/nowhere"), &machine, false);
        assert!(text.starts_with("### X\n\nA step. `cargo bench`.\n2 rounds, on a machine.\n"), "{text}");
        assert!(text.contains("| g/helm | 150 ns | ±33 % |  |"), "{text}");
        assert!(text.contains("| g/peer | 1.00 µs | ±0 % | 5.00–10.0 times g/helm |"), "{text}");
        assert!(Section::of(&bench, &[Round::new()]).is_none());
    }
}
