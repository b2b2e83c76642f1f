//! Whatever bytes a provider streams, in whatever pieces: the same events, and one end that nothing follows.

use helm_orchestrator::llm::ChatEvent;
use helm_orchestrator::llm::codec::{Anthropic, Codec, Fault, Ollama, OpenAiChat, OpenAiResponses};

type Item = Result<ChatEvent, Fault>;

fn read<'a>(codec: &dyn Codec, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut decoder = codec.decoder();
    let mut items: Vec<_> = pieces.flat_map(|piece| decoder.push(piece)).collect();
    items.extend(decoder.close());
    items
}

/// Reads these bytes. The last byte says which format it is and how the rest is cut, so that recorded answers can be seeds.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_last() else { return };
    let codec: Box<dyn Codec> = match choice % 4 {
        0 => Box::new(OpenAiChat::new("m")),
        1 => Box::new(OpenAiResponses::new("m")),
        2 => Box::new(Anthropic::new("m")),
        _ => Box::new(Ollama::new("m")),
    };
    let whole = read(&*codec, std::iter::once(bytes));
    let size = usize::from(choice / 4) + 1;
    assert_eq!(whole, read(&*codec, bytes.chunks(size)), "in pieces of {size} bytes");
    let ends = |item: &&Item| matches!(item, Ok(ChatEvent::Finished(_)) | Err(_));
    assert_eq!(whole.iter().filter(ends).count(), 1, "{whole:?}");
    assert!(whole.last().as_ref().is_some_and(ends), "{whole:?}");
}
