//! `cargo xtask instructions`: what the hot paths execute, held to `benches/instructions.toml`.

mod bars;
mod count;

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets::NOTHING};

use crate::instructions::bars::{Bars, Verdict};

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask instructions                compare with benches/instructions.toml
  cargo xtask instructions --only guard
  cargo xtask instructions --update       write what is counted, after a change that is meant

Valgrind counts: apt-get install valgrind. Each path runs N and 2 N times, and the difference is divided by N. Exit code
1 when a path executes more than the file allows.";

/// Counts the instructions of the hot paths, and compares them with what the repository says.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// One path; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Writes what is counted into benches/instructions.toml
    #[arg(long)]
    update: bool,
}

/// One path's count beside its bar.
struct Line {
    name: String,
    counted: u64,
    told: u64,
    verdict: Verdict,
}

/// Whether no path executes more than it may.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let root = crate::root();
    let mut bars = Bars::read(&root)?;
    let names = bars.chosen(&arguments.only)?;
    let program = count::build(&root)?;
    let mut lines = Vec::new();
    for name in names {
        let counted = count::per_step(&program, &name)?;
        let (told, verdict) = bars.judge(&name, counted);
        if arguments.update {
            bars.set(&name, counted);
        }
        lines.push(Line { name, counted, told, verdict });
    }
    writeln!(std::io::stdout(), "{}", table(&lines))?;
    if arguments.update {
        bars.write(&root)?;
        return Ok(true);
    }
    Ok(lines.iter().all(|line| line.verdict != Verdict::More))
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["path", "instructions", "told", "change", ""]);
    for Line { name, counted, told, verdict } in lines {
        let change = bars::change(*counted, *told) * 100.0;
        let change = if *told == 0 { "-".to_owned() } else { format!("{change:+.1} %") };
        table.add_row([name, &counted.to_string(), &told.to_string(), &change, verdict.told()]);
    }
    for column in table.column_iter_mut().skip(1).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
