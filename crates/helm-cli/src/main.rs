//! `helmctl`, the operator's tool of Helm.

mod arguments;
mod commands;
mod error;
mod locked_file;
mod open;
mod output;
mod traces;
mod when;
mod whole_file;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

/// A turn asks for memory some thousand times; the system's allocator would take a tenth of a busy server's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // One TLS provider for the whole process, installed by the binary and by nobody else.
    let installed = rustls::crypto::ring::default_provider().install_default();
    debug_assert!(installed.is_ok(), "main runs once");
    let done = commands::run(Arguments::parse()).await;
    traces::end().await;
    match done {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error.to_string());
            error.code()
        }
    }
}
