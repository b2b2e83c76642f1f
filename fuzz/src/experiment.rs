//! Whatever stands in a specification of an experiment: it is one, or each mistake has its line.

use helm_orchestrator::experiment::Spec;

/// Reads this text.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Spec::from_toml(text) {
        Ok(spec) => assert_eq!(Spec::from_toml(text).as_ref(), Ok(&spec)),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}
