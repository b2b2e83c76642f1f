use std::path::Path;
use std::process::Command;

/// Builds every program and example of the workspace that `root` is in, as the test command builds them: features
/// depend on what is built together, so whoever builds less builds it anew.
///
/// What cargo tells a test about its package is kept from this build: build scripts that look at it (ring's does) would
/// run again, and half of the workspace with them, here and in the next build.
///
/// # Panics
///
/// Panics when it cannot be built.
pub fn build_all(cargo: &str, root: &Path) {
    let arguments =
        ["build", "--quiet", "--locked", "--workspace", "--all-features", "--tests", "--examples"];
    let mut build = Command::new(cargo);
    build.current_dir(root).args(arguments);
    for (name, _) in std::env::vars_os() {
        let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            build.env_remove(name);
        }
    }
    assert!(build.status().is_ok_and(|status| status.success()), "the workspace could not be built");
}
