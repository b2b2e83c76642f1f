//! `cargo xtask sbom`: what `helmctl` is built from, as a CycloneDX document.

mod document;
mod lock;
mod packages;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::sbom::lock::Checksums;
use crate::sbom::packages::Packages;
use crate::sbom::tree::{Edges, Tree};

/// The package whose program is described.
const PACKAGE: &str = "helm-cli";

/// What follows the options in the help text.
const EXAMPLES: &str = "\
Examples:
  cargo xtask sbom > helmctl.cdx.json
  cargo xtask sbom --to helmctl.cdx.json --target aarch64-unknown-linux-gnu

The same Cargo.lock gives the same bytes.";

/// Writes what `helmctl` is built from with its default features, as CycloneDX 1.5 in JSON.
///
/// Each crate has its name, version, purl, licence, dependencies, and the SHA-256 that Cargo.lock has of it. Crates that
/// only help to build are there with the scope `excluded`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where to, instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The platform it is built for, instead of this one
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// Writes the document; `true`, for nothing is judged.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let target = arguments.target.as_deref();
    let root = &crate::root();
    let runs = Tree::of(root, PACKAGE, target, Edges::Run)?;
    let all = Tree::of(root, PACKAGE, target, Edges::RunAndBuild)?;
    let document = document::Document::new(&all, &runs, &Packages::read(root)?, &Checksums::read(root)?)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&document)?);
    match &arguments.to {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).context("nobody reads it"),
    }?;
    Ok(true)
}

/// What cargo says in this folder.
fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).current_dir(root).args(arguments).output();
    let output = output.context("cargo is needed to know what is built")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {told}", arguments.join(" "));
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(text),
        Err(_) => bail!("cargo {} wrote what is no text", arguments.join(" ")),
    }
}
