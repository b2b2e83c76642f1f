//! Long checks of Helm as a whole, which no test waits for, and what is made for a release.

mod chaos;
mod sbom;

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
    Chaos(chaos::Arguments),
    Sbom(sbom::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    // reqwest is built for TLS in this workspace; the loopback needs none, but its builder wants a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = match Arguments::parse().command {
        Command::Chaos(arguments) => chaos::run(&arguments).await,
        Command::Sbom(arguments) => sbom::run(&arguments),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {error:#}\n"));
            ExitCode::from(2)
        }
    }
}
