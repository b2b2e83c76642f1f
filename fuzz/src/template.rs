//! Whatever stands in a system prompt: a template, or a mistake that is told before anybody asks anything.

use helm_orchestrator::{Helm, Task};
use tokio::runtime::Builder;

/// Makes an installation whose only strategy has this prompt.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let task = Task::new("support").and_then(|task| task.strategy("plain", text)).expect("names");
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    if let Err(error) = runtime.block_on(Helm::builder().task(task).build()) {
        assert!(!error.report().is_empty());
    }
}
