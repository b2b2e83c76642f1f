//! Whatever is sent to `/v1/chat/completions`: an answer or a refusal in that API's words, and never a failure inside.

use super::server::ask;

/// Posts these bytes.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    ask("/v1/chat/completions", data);
}
