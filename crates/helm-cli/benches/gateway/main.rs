//! What a whole turn over HTTP costs beside other gateways: `cargo bench -p helm-cli --bench gateway`.
//!
//! An instant model, the callers and whoever stands between them speak over loopback. Each server is a process of its own
//! on the first core; the model and the callers share another one, so what is measured is the server. Beside Helm with
//! three stores stand a pass-through, which copies bytes and so is what the sockets cost; the disk's own `fdatasync`; and,
//! where `HELM_BENCH_PYTHON` names a Python that has what `requirements.txt` lists, TensorZero and LiteLLM.
//!
//! `HELM_BENCH_HELMCTL` names another program than the one that the bench was built with, which is not optimised when it is
//! linked: `cargo install --locked --path crates/helm-cli --root target/shipped` makes what people get, at
//! `target/shipped/bin/helmctl`. (What is in `target/release` is the bench's own.) `-- --seconds 1` measures shortly.

#![expect(clippy::print_stdout, reason = "a bench shows what it measures")]

mod callers;
#[path = "../../../../benches/shared/figures.rs"]
mod figures;
mod machine;
mod peers;
mod program;
mod upstream;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::callers::{Ask, Told};
use crate::program::{Program, Target};

type Any<T> = Result<T, Box<dyn std::error::Error>>;

/// Callers at once, where a server is busy.
const MANY: usize = 32;

fn main() -> std::process::ExitCode {
    let failed = |error: Box<dyn std::error::Error>| {
        println!("{error}");
        std::process::ExitCode::FAILURE
    };
    begin().map_or_else(failed, |()| std::process::ExitCode::SUCCESS)
}

fn begin() -> Any<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, upstream] = arguments.as_slice()
        && role == PASS_THROUGH
    {
        return single()?.block_on(upstream::pass_through(upstream.parse()?));
    }
    let measured = match arguments.iter().position(|word| word == "--seconds") {
        Some(at) => seconds(arguments.get(at + 1))?,
        // `cargo test --benches` only wants to know that it runs.
        None if !arguments.iter().any(|word| word == "--bench") => Duration::from_millis(200),
        None => Duration::from_secs(5),
    };
    if !machine::stay_on(1) {
        println!("Not held to single cores, so servers and callers take time from each other.");
    }
    single()?.block_on(all(measured))
}

fn seconds(said: Option<&String>) -> Any<Duration> {
    let seconds = said.and_then(|said| Duration::try_from_secs_f64(said.parse().ok()?).ok());
    Ok(seconds
        .filter(|time| !time.is_zero())
        .ok_or("--seconds takes how long each measurement lasts, such as 5 or 0.5")?)
}

/// The argument that makes this program the one that only copies.
const PASS_THROUGH: &str = "pass-through";

fn single() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn all(time: Duration) -> Any<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let sync = machine::fdatasync(folder.path())?;
    println!("fdatasync of 4 KiB in {}: {sync:.3?}, median", folder.path().display());
    figures::figure("gateway", "two fdatasync", 2.0 * sync.as_secs_f64() * 1e9, "ns");
    let upstream = upstream::start().await?;
    println!(
        "{:<30}{:>12}{:>12}{:>14}{:>16}{:>12}{:>10}",
        "", "p50, 1", "p99, 1", "req/s, 32", "CPU/req, 32", "idle MB", "after MB"
    );
    for target in targets(folder.path(), upstream)? {
        measure(target, time).await?;
    }
    for peer in peers::targets(folder.path(), upstream)? {
        // What else was measured is worth as much without it.
        if let Err(error) = measure(peer, time).await {
            println!("left out: {error}");
        }
    }
    Ok(())
}

/// The pass-through, then Helm with three stores.
fn targets(folder: &Path, upstream: std::net::SocketAddr) -> Any<Vec<Target>> {
    let mut targets = vec![Target {
        name: "pass-through".to_owned(),
        command: vec![program_itself()?, PASS_THROUGH.into(), upstream.to_string().into()],
        environment: Vec::new(),
        ask: Ask::openai("m"),
    }];
    let file = |name: &str| format!("sqlite://{}", folder.join(name).display());
    for (name, store) in [
        ("helm, SQLite FULL", format!("url = \"{}\"", file("full.db"))),
        ("helm, SQLite NORMAL", format!("url = \"{}\"\nsynchronous = \"normal\"", file("normal.db"))),
        ("helm, in memory", "url = \"memory:\"".to_owned()),
    ] {
        targets.push(helm(folder, name, &store, upstream)?);
    }
    Ok(targets)
}

fn program_itself() -> Any<std::ffi::OsString> {
    Ok(std::env::current_exe()?.into_os_string())
}

/// A server that chooses among four prompts and learns from each turn; without memories, which no gateway has.
fn helm(folder: &Path, name: &str, store: &str, upstream: std::net::SocketAddr) -> Any<Target> {
    let config = folder.join(format!("{}.toml", name.replace([' ', ','], "-")));
    let strategies: String = ["Answer.", "Answer in one sentence.", "Answer at length.", "Answer as a list."]
        .iter()
        .enumerate()
        .map(|(at, system)| format!("[tasks.bench.strategies.s{at}]\nsystem = \"{system}\"\n"))
        .collect();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[store]\n{store}\n[features]\nvector_search = false\n\
         [models.main]\nfamily = \"openai-chat\"\nbase_url = \"http://{upstream}/v1\"\nmodel = \"m\"\n{strategies}"
    );
    std::fs::write(&config, text)?;
    let helmctl = std::env::var_os("HELM_BENCH_HELMCTL").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_helmctl")),
        |named| program::of_workspace(Path::new(&named)),
    );
    let command = vec![helmctl.into(), "serve".into(), "--config".into(), config.into()];
    Ok(Target { name: name.to_owned(), command, environment: Vec::new(), ask: Ask::helm() })
}

/// One server: started, warmed up, asked by one caller, then by many.
async fn measure(target: Target, time: Duration) -> Any<()> {
    let (name, ask) = (target.name.clone(), target.ask.clone());
    let program = Program::start(target).await.map_err(|error| format!("{name}: {error}"))?;
    let idle = program.memory();
    let failed = |error| format!("{name}: {error}");
    callers::ask(program.address, &ask, 8, time.min(Duration::from_secs(2))).await.map_err(failed)?;
    let alone = callers::ask(program.address, &ask, 1, time).await.map_err(failed)?;
    let before = program.processor_time();
    let many = callers::ask(program.address, &ask, MANY, time).await.map_err(failed)?;
    let spent = program.processor_time().zip(before).map(|(after, before)| after - before);
    tell(&name, &alone, &many, spent, [idle, program.memory()]);
    Ok(())
}

fn tell(name: &str, alone: &Told, many: &Told, spent: Option<Duration>, memory: [Option<f64>; 2]) {
    let each = spent.map(|spent| spent.div_f64(many.times.len().max(1) as f64));
    let unknown = || "unknown".to_owned();
    println!(
        "{name:<30}{:>12.3?}{:>12.3?}{:>14.0}{:>16}{:>12}{:>10}",
        alone.at(50),
        alone.at(99),
        many.per_second(),
        each.map_or_else(unknown, |each| format!("{each:.1?}")),
        memory[0].map_or_else(unknown, |mb| format!("{mb:.0}")),
        memory[1].map_or_else(unknown, |mb| format!("{mb:.0}")),
    );
    let nanos = |time: Duration| time.as_secs_f64() * 1e9;
    figures::figure(name, "a request of one caller, p50", nanos(alone.at(50)), "ns");
    figures::figure(name, "a request of one caller, p99", nanos(alone.at(99)), "ns");
    figures::figure(name, "requests of 32 callers", many.per_second(), "1/s");
    if let Some(each) = each {
        figures::figure(name, "processor time of a request, 32 callers", nanos(each), "ns");
    }
    for (when, mb) in [("idle", memory[0]), ("after the load", memory[1])] {
        if let Some(mb) = mb {
            figures::figure(name, &format!("memory, {when}"), mb, "MB");
        }
    }
}
