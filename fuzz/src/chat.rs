//! Whatever is sent to `/chat`: an answer or a refusal in Helm's own words, and never a failure inside.

use super::server::ask;

/// Posts these bytes.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    ask("/chat", data);
}
