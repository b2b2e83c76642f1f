//! `cargo xtask bench-report`: the benchmarks and the peers that can be installed, in rounds, and a page of what they say.

mod database;
mod figure;
mod machine;
mod number;
mod page;
mod plan;
mod python;
mod run;
mod section;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::bench_report::figure::Figure;
use crate::bench_report::machine::Machine;
use crate::bench_report::plan::{Bench, Plan};
use crate::bench_report::section::Section;

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask bench-report --list
  cargo xtask bench-report                        everything, two rounds; an hour and more
  cargo xtask bench-report --only policy-peers --only guards-peers
  cargo xtask bench-report --quick --print        does it run? These figures are no evidence
  HELM_TEST_PG=… HELM_TEST_REDIS=… cargo xtask bench-report --only cache

benches/report.toml says what is run and compared. Every round runs all of it in turn, so what disturbs the machine
disturbs all; a ratio is of two figures of the same round. Run it on a machine that does nothing else.";

/// Measures, and writes the generated part of docs/performance.md.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// One benchmark of the list; may be repeated. The others keep what the page says of them
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often all is run
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Short measurements, to see whether it works; the page is left as it is
    #[arg(long)]
    quick: bool,
    /// Also what Python's package index has, in virtual environments under target/
    #[arg(long)]
    python: bool,
    /// Prints what it would write into the page
    #[arg(long)]
    print: bool,
    /// Names the benchmarks, and what each runs
    #[arg(long)]
    list: bool,
}

/// The page with the generated part.
const PAGE: &str = "docs/performance.md";

/// Measures what was asked for; `true`, for nothing is judged.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let root = &crate::root();
    let plan = Plan::read(root)?;
    if arguments.list {
        return list(&plan);
    }
    let chosen = chosen(&plan, arguments)?;
    let machine = machine::describe(root);
    let print = arguments.quick || arguments.print;
    let (mut rounds, mut failed) = (Vec::new(), BTreeSet::new());
    for round in 1..=arguments.rounds {
        rounds.push(one_round(root, &chosen, arguments, round, &mut failed).await?);
        // After each round, for all of them take hours.
        if !print || round == arguments.rounds {
            let sections = sections(root, &chosen, &rounds, &failed, (&machine, arguments.python));
            write(&root.join(PAGE), &plan, &sections, print)?;
        }
    }
    let names: Vec<&str> = failed.into_iter().collect();
    ensure!(
        names.is_empty(),
        "these could not be measured in every round, and the page says of them what it said before they failed: {}",
        names.join(", ")
    );
    Ok(true)
}

/// What the page says of those that could be measured in every round.
fn sections(
    root: &Path,
    benches: &[&Bench],
    rounds: &[Round],
    failed: &BTreeSet<&str>,
    (machine, python): (&Machine, bool),
) -> BTreeMap<String, String> {
    let measured = benches.iter().filter(|bench| !failed.contains(bench.name.as_str()));
    measured
        .filter_map(|bench| {
            Some((bench.name.clone(), Section::of(bench, rounds)?.text(root, machine, python)))
        })
        .collect()
}

fn list(plan: &Plan) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    for bench in &plan.benches {
        writeln!(out, "{:<16} {}", bench.name, bench.told())?;
    }
    Ok(true)
}

/// What was asked for, in the order of the plan.
fn chosen<'p>(plan: &'p Plan, arguments: &Arguments) -> anyhow::Result<Vec<&'p Bench>> {
    for name in &arguments.only {
        let known = plan.benches.iter().any(|bench| bench.name == *name);
        ensure!(known, "there is no benchmark {name}; --list names them");
    }
    let wanted = |bench: &&Bench| arguments.only.is_empty() || arguments.only.contains(&bench.name);
    let mut chosen = Vec::new();
    for bench in plan.benches.iter().filter(wanted) {
        match bench.missing(arguments.python) {
            Some(why) => writeln!(std::io::stderr(), "{}: skipped, because {why}", bench.name)?,
            None => chosen.push(bench),
        }
    }
    Ok(chosen)
}

/// What all of them measured in one round, by benchmark.
pub(crate) type Round = BTreeMap<String, Vec<Figure>>;

/// Those that fail are told and remembered: they do not take the others' figures with them.
async fn one_round<'p>(
    root: &Path,
    benches: &[&'p Bench],
    arguments: &Arguments,
    round: u8,
    failed: &mut BTreeSet<&'p str>,
) -> anyhow::Result<Round> {
    let mut figures = Round::new();
    for bench in benches {
        if failed.contains(bench.name.as_str()) {
            continue;
        }
        writeln!(std::io::stderr(), "round {round} of {}: {}", arguments.rounds, bench.name)?;
        match run::measure(root, bench, arguments).await {
            Ok(measured) => drop(figures.insert(bench.name.clone(), measured)),
            Err(error) => {
                writeln!(std::io::stderr(), "{}: {error:#}", bench.name)?;
                failed.insert(&bench.name);
            }
        }
    }
    Ok(figures)
}

fn write(
    path: &PathBuf,
    plan: &Plan,
    sections: &BTreeMap<String, String>,
    print: bool,
) -> anyhow::Result<()> {
    if print {
        let text: String = sections.values().map(|text| format!("{text}\n")).collect();
        return Ok(std::io::stdout().write_all(text.as_bytes())?);
    }
    let page = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = page::renewed(&page, plan, sections)?;
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}
