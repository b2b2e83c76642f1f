//! OpenAI embeddings: requests to bytes, bytes to vectors; pure.

use serde_json::{Value, json};

use crate::codec::Fault;

/// The body of a request.
pub(super) fn body(model: &str, texts: &[&str], dimensions: Option<usize>) -> Vec<u8> {
    let mut body = json!({ "model": model, "input": texts, "encoding_format": "float" });
    if let (Some(fields), Some(dimensions)) = (body.as_object_mut(), dimensions) {
        fields.insert("dimensions".to_owned(), dimensions.into());
    }
    body.to_string().into_bytes()
}

/// The vectors in an answer, in the order of the texts.
pub(super) fn vectors(bytes: &[u8], texts: usize, dimensions: usize) -> Result<Vec<Vec<f32>>, Fault> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Fault::decode(error.to_string()))?;
    if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
        return Err(Fault::within(error));
    }
    let data = value.get("data").and_then(Value::as_array);
    let data = data.ok_or_else(|| Fault::decode("it holds no data"))?;
    if data.len() != texts {
        return Err(Fault::decode(format!("it holds {} vectors for {texts} texts", data.len())));
    }
    let mut found = vec![Vec::new(); texts];
    for (place, item) in data.iter().enumerate() {
        // The order is not promised, and some servers give no index.
        let index = item.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let slot = found.get_mut(index.unwrap_or(place)).filter(|slot| slot.is_empty());
        *slot.ok_or_else(|| Fault::decode("its indices are not those of the texts"))? =
            vector(item, dimensions)?;
    }
    Ok(found)
}

fn vector(item: &Value, dimensions: usize) -> Result<Vec<f32>, Fault> {
    let parts = item.get("embedding").and_then(Value::as_array);
    let parts = parts.ok_or_else(|| Fault::decode("a vector is no list of numbers"))?;
    if parts.len() != dimensions {
        let detail = format!("its vectors have {} dimensions, configured are {dimensions}", parts.len());
        return Err(Fault::decode(detail));
    }
    let numbers = parts.iter().map(|part| part.as_f64().map(|number| number as f32));
    let numbers = numbers.map(|number| number.filter(|number| number.is_finite()));
    numbers.collect::<Option<_>>().ok_or_else(|| Fault::decode("a vector holds something that is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_their_texts() {
        let good = br#"{"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2.5]}]}"#;
        assert_eq!(vectors(good, 2, 2).unwrap(), [[1.0, 2.5], [3.0, 4.0]]);
        let unnumbered = br#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(vectors(unnumbered, 2, 1).unwrap(), [[1.0], [2.0]]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (bad, expected) in [
            (r#"{"data":[]}"#, "0 vectors for 1"),
            (r#"{"data":[{"embedding":[1]}]}"#, "1 dimensions, configured are 2"),
            (r#"{"data":[{"embedding":[1,"x"]}]}"#, "no number"),
            (r#"{"data":[{"embedding":[1,1e300]}]}"#, "no number"),
            (r#"{"data":[{"index":7,"embedding":[1,2]}]}"#, "indices"),
            (r#"{"data":[{"embedding":"AACAPw=="}]}"#, "no list"),
            (r#"{}"#, "no data"),
            (r#"{"error":{"message":"no"}}"#, "no"),
        ] {
            let fault = vectors(bad.as_bytes(), 1, 2).unwrap_err();
            assert!(fault.to_string().contains(expected), "{fault}");
        }
    }
}
