//! Whatever stands in a system prompt: a template, or a mistake that is told.

use helm_orchestrator::Task;

/// Takes this text for a prompt.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let task = Task::new("support").expect("a name");
    if let Err(error) = task.strategy("plain", text) {
        assert!(!error.report().is_empty());
    }
}
