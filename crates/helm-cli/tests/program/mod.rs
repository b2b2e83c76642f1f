//! The built program in a folder, with nothing of the shell's environment.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Starts it, with pipes to all that it reads and writes.
pub(crate) fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_helmctl"));
    helm_testkit::without_environment(&mut program)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs it to its end on this input.
pub(crate) fn helmctl(
    folder: &Path,
    environment: &[(&str, &str)],
    arguments: &[&str],
    input: &str,
) -> Output {
    let mut child = start(folder, environment, arguments);
    // A program that refuses its arguments reads nothing.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}
