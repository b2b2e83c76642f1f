use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use helm_core::ModelName;
use tokio::time::Instant;

use super::bert::Bert;
use super::config::BertConfig;
use super::error::LocalModelError;
use super::weights::Weights;
use super::wordpiece::WordPiece;
use crate::embedding::EmbeddingModel;
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::Call;

/// A sentence encoder of the BERT family from a folder, such as `all-MiniLM-L6-v2`: `config.json`, `tokenizer.json`
/// (word pieces) and `model.safetensors` (F32, F16 or BF16). The mean of its outputs, of length 1.
///
/// It runs in this process, on a thread beside the runtime's own, one text after the other. Longer texts than the model
/// reads (`max_seq_length` in `sentence_bert_config.json`, else what it has positions for) are cut off. It is called
/// `local-` and the folder's name and a digest of the weights, since vectors of two models cannot be compared.
pub struct LocalEmbedder {
    name: ModelName,
    model: Arc<Model>,
}

struct Model {
    pieces: WordPiece,
    bert: Bert,
    config: BertConfig,
}

impl LocalEmbedder {
    /// Reads the model in a folder, which takes as long as reading the files does.
    ///
    /// # Errors
    ///
    /// [`LocalModelError`] when a file is missing or is not of such a model.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, LocalModelError> {
        let folder = folder.as_ref();
        let config = BertConfig::read(folder)?;
        let pieces = WordPiece::read(&folder.join("tokenizer.json"), config.vocab_size)?;
        let path = folder.join("model.safetensors");
        let weights = Weights::read(&path)?;
        let bert = Bert::new(&config, &weights)?;
        let usable = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
        let called: String =
            folder.file_name().unwrap_or_default().to_string_lossy().chars().map(usable).take(40).collect();
        let name = format!("local-{called}-{:016x}", weights.digest());
        let name = ModelName::new(name).map_err(|error| LocalModelError::unfit(&path, error.to_string()))?;
        Ok(Self { name, model: Arc::new(Model { pieces, bert, config }) })
    }
}

impl Model {
    fn encode(&self, text: &str) -> Vec<f32> {
        match self.pieces.pieces(text, self.config.longest_text()) {
            // Only the marks of begin and end.
            pieces if pieces.len() <= 2 => vec![0.0; self.config.hidden_size],
            pieces => self.bert.encode(&pieces),
        }
    }
}

#[async_trait]
impl EmbeddingModel for LocalEmbedder {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.model.config.hidden_size
    }

    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>> {
        let fails = |kind| Error::new(kind, self.name.clone());
        let (model, texts, wanted) = (Arc::clone(&self.model), texts.to_vec(), call.clone());
        let encoding = move || {
            let until_unwanted = |text: &String| why_not(&wanted).map_or_else(|| Ok(model.encode(text)), Err);
            texts.iter().map(until_unwanted).collect::<Result<_, ErrorKind>>()
        };
        let encoded = tokio::task::spawn_blocking(encoding).await;
        let encoded = encoded.map_err(|_| fails(ErrorKind::Server).with_detail("the model panicked"))?;
        encoded.map_err(fails)
    }
}

/// Why a call is no longer wanted. It is looked at between two texts: of one text the model does not let go.
fn why_not(call: &Call) -> Option<ErrorKind> {
    let late = call.deadline.is_some_and(|deadline| deadline <= Instant::now());
    match call.cancel.is_cancelled() {
        true => Some(ErrorKind::Cancelled),
        false => late.then_some(ErrorKind::Timeout(TimeoutKind::Total)),
    }
}

impl fmt::Debug for LocalEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalEmbedder").field(&self.name).finish()
    }
}
