//! Long checks of Helm as a whole, which no test waits for, and what is made for a release.

mod bench_report;
mod chaos;
mod coverage;
mod fuzz;
mod instructions;
mod sbom;
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Long checks of Helm as a whole, which no test waits for, and what is made for a release.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    BenchReport(bench_report::Arguments),
    Chaos(chaos::Arguments),
    Coverage(coverage::Arguments),
    Fuzz(fuzz::Arguments),
    Instructions(instructions::Arguments),
    Sbom(sbom::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    // reqwest is built for TLS in this workspace; the loopback needs none, but its builder wants a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = match Arguments::parse().command {
        Command::BenchReport(arguments) => bench_report::run(&arguments).await,
        Command::Chaos(arguments) => chaos::run(&arguments).await,
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Instructions(arguments) => instructions::run(&arguments),
        Command::Sbom(arguments) => sbom::run(&arguments),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {error:#}\n"));
            ExitCode::from(2)
        }
    }
}

/// Whether nobody reads the output any more: no failure, but the end.
fn is_unread(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.into_iter().any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The tree that this program was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
