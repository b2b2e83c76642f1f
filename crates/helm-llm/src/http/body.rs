//! Bodies, read up to a limit: a provider that answers without end must not fill the memory.

use reqwest::Response;

/// The most bytes of an error's body that are looked at.
pub(super) const MOST_OF_ERROR: usize = 64 << 10;
/// The most bytes of a whole answer.
pub(super) const MOST_OF_ANSWER: usize = 8 << 20;

/// As much of the body as there is, up to `most` bytes, and whether that was all of it.
pub(super) async fn read(response: &mut Response, most: usize) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most.saturating_sub(bytes.len());
        bytes.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}
