//! Whatever stands in the file of a guard's model: it is none, or the same bytes are written of it.

use helm_orchestrator::guardrails::LinearModel;

/// Reads these bytes.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    if let Ok(model) = LinearModel::from_bytes(data) {
        assert_eq!(model.to_bytes(), data);
    }
}
