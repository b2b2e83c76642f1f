use serde_json::{Value, json};

/// A vector for each text, made of its length and its first byte; the last text's first, for order is not promised.
pub(super) fn whole(request: &Value) -> Value {
    let texts = request.get("input").and_then(Value::as_array).cloned().unwrap_or_default();
    let dimensions = request.get("dimensions").and_then(Value::as_u64).unwrap_or(3);
    let vectors = texts.iter().enumerate().rev().map(|(index, text)| {
        json!({ "object": "embedding", "index": index, "embedding": vector(text.as_str().unwrap_or_default(), dimensions) })
    });
    let vectors: Vec<_> = vectors.collect();
    json!({
        "object": "list", "model": "scripted-embedding-1", "data": vectors,
        "usage": { "prompt_tokens": texts.len(), "total_tokens": texts.len() },
    })
}

fn vector(text: &str, dimensions: u64) -> Vec<f64> {
    let first = text.bytes().next().unwrap_or_default();
    (0..dimensions)
        .map(|place| if place == 0 { text.len() as f64 } else { f64::from(first) / place as f64 })
        .collect()
}
