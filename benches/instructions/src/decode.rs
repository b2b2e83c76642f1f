use helm_llm::codec::{Codec, OpenAiChat};
use serde_json::{Value, json};

use crate::Step;

/// How many pieces the answer comes in, and in what pieces its bytes.
const CHUNKS: usize = 100;
const READ: usize = 1_000;

/// A streamed answer of a hundred pieces in OpenAI's chat format.
pub(crate) fn stream() -> Step {
    let (codec, bytes) = (OpenAiChat::new("m"), answer());
    Box::new(move |_| {
        let mut decoder = codec.decoder();
        let mut events: usize = bytes.chunks(READ).map(|piece| decoder.push(piece).len()).sum();
        events += decoder.close().len();
        anyhow::ensure!(events > CHUNKS, "a piece is missing");
        Ok(events)
    })
}

fn answer() -> Vec<u8> {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let said = (0..CHUNKS).map(|_| chunk(json!({ "content": " word" }), Value::Null));
    let end = [chunk(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()];
    said.chain(end).collect::<String>().into_bytes()
}
