//! Other programs that a task needs, and what to say where they are not there.

use std::process::{Command, Stdio};

use anyhow::ensure;

/// Whether a program answers these arguments.
pub(crate) fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let quiet = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Fails with how to install what is not there.
pub(crate) fn need(program: &str, arguments: &[&str], install: &str) -> anyhow::Result<()> {
    ensure!(is_there(program, arguments), "{program} {} is needed: {install}", arguments.join(" "));
    Ok(())
}

/// A cargo that knows nothing of the package that this program is.
pub(crate) fn cargo() -> Command {
    foreign("cargo")
}

/// A program that runs cargo, which then knows nothing of the package that this program is.
pub(crate) fn foreign(name: &str) -> Command {
    let mut program = Command::new(name);
    helm_testkit::without_package(&mut program);
    // The toolchain that runs this program is not always the one that is asked for.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        program.env_remove(variable);
    }
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_how_to_get_it() {
        assert!(is_there("sh", &["-c", "true"]) && !is_there("sh", &["-c", "false"]));
        let missing = need("no-such-program", &["--version"], "apt-get install it").unwrap_err();
        assert_eq!(missing.to_string(), "no-such-program --version is needed: apt-get install it");
    }
}
