//! Whatever stands in `helm.toml`: a configuration, or mistakes that are told.

use std::path::Path;

use helm_orchestrator::HelmConfig;

/// Reads this text.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = HelmConfig::from_toml(text, Path::new("helm.toml")) {
        assert!(!error.report().is_empty());
    }
}
