//! Runs one hot path so many times: `helm-instructions NAME COUNT`. `cargo xtask instructions` counts what that executes,
//! for COUNT and twice as many, so that what a path needs to begin is in neither.
//!
//! Nothing here is drawn at random but from fixed seeds, and no path asks a clock.

mod choose;
mod decode;
mod evaluate;
mod guard;
mod settle;

use std::hint::black_box;

use anyhow::Context;

/// One step; what it answers keeps the compiler from leaving it out.
type Step = Box<dyn FnMut(usize) -> anyhow::Result<usize>>;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().context("name a path: choose, linear, guard, evaluate, decode or settle")?;
    let count: usize = arguments.next().context("and how many times it runs")?.parse()?;
    let mut step = step(&name)?;
    let mut sum = 0_usize;
    for turn in 0..count {
        sum = sum.wrapping_add(black_box(step(turn)?));
    }
    black_box(sum);
    Ok(())
}

/// What waits for futures; none of them has anything to wait for.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().build()
}

fn step(name: &str) -> anyhow::Result<Step> {
    match name {
        "choose" => choose::sampled(),
        "linear" => choose::linear(),
        "guard" => guard::clean_chat(),
        "evaluate" => evaluate::inline(),
        "decode" => Ok(decode::stream()),
        "settle" => settle::feedback(),
        other => anyhow::bail!("there is no path {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs() {
        for name in ["choose", "linear", "guard", "evaluate", "decode", "settle"] {
            let mut step = step(name).unwrap();
            for turn in 0..3 {
                step(turn).unwrap();
            }
        }
        assert!(step("nothing").is_err());
    }
}
