use std::path::Path;
use std::process::Command;

/// Builds every program and example of the workspace that `root` is in, as the test command builds them: features
/// depend on what is built together, so whoever builds less builds it anew.
///
/// # Panics
///
/// Panics when it cannot be built.
pub fn build_all(cargo: &str, root: &Path) {
    let arguments =
        ["build", "--quiet", "--locked", "--workspace", "--all-features", "--tests", "--examples"];
    let mut build = Command::new(cargo);
    without_package(build.current_dir(root).args(arguments));
    assert!(build.status().is_ok_and(|status| status.success()), "the workspace could not be built");
}

/// Keeps from a cargo that is run what the present one has said of the package whose program runs: build scripts that look
/// at it (ring's does) would run again, and half of the workspace with them, here and in the next build.
pub fn without_package(cargo: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            cargo.env_remove(name);
        }
    }
}

/// Takes the environment from a program that is started, but for where it says which of its lines it ran, when somebody
/// counts them.
pub fn without_environment(program: &mut Command) -> &mut Command {
    const COUNTERS: &str = "LLVM_PROFILE_FILE";
    program.env_clear().envs(std::env::var_os(COUNTERS).map(|file| (COUNTERS, file)))
}
