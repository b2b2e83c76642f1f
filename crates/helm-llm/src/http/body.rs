//! Bodies, read up to a limit: a provider that answers without end must not fill the memory.

use futures::StreamExt;

use super::transport::{HttpReply, TransportError};

/// The most bytes of an error's body that are looked at.
pub(crate) const MOST_OF_ERROR: usize = 64 << 10;
/// The most bytes of an answer that is vectors: 2,048 of 3,072 numbers of twenty letters.
pub(crate) const MOST_OF_VECTORS: usize = 128 << 20;
/// The most bytes of a whole answer.
pub(crate) const MOST_OF_ANSWER: usize = 8 << 20;

/// As much of the body as there is, up to `most` bytes, and whether that was all of it.
pub(crate) async fn read(reply: &mut HttpReply, most: usize) -> Result<(Vec<u8>, bool), TransportError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.body.next().await {
        let chunk = chunk?;
        let room = most.saturating_sub(bytes.len());
        bytes.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}
