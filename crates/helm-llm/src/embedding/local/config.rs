use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{LocalModelError, read};

/// The shape of an encoder, as `config.json` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct BertConfig {
    pub(super) model_type: String,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) vocab_size: usize,
    pub(super) layer_norm_eps: f32,
    pub(super) hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    /// The most pieces of one text, if there is another limit than the positions.
    #[serde(skip)]
    longest: Option<usize>,
}

fn absolute() -> String {
    "absolute".to_owned()
}

/// What `sentence_bert_config.json` says, if it is there.
#[derive(Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

/// No model of this kind is larger in any way.
const MOST: usize = 1 << 20;

impl BertConfig {
    pub(super) fn read(folder: &Path) -> Result<Self, LocalModelError> {
        let path = folder.join("config.json");
        let mut config: Self = json(&path)?;
        config.check().map_err(|why| LocalModelError::unfit(&path, why))?;
        let sentences = folder.join("sentence_bert_config.json");
        if sentences.exists() {
            config.longest = json::<SentenceConfig>(&sentences)?.max_seq_length;
        }
        Ok(config)
    }

    /// The most pieces of one text.
    pub(super) fn longest_text(&self) -> usize {
        let most = self.max_position_embeddings;
        self.longest.map_or(most, |given| given.clamp(3, most))
    }

    fn check(&self) -> Result<(), String> {
        let kinds = (&*self.model_type, &*self.hidden_act, &*self.position_embedding_type);
        if kinds != ("bert", "gelu", "absolute") {
            return Err(format!("only BERT with gelu and absolute positions is known, not {kinds:?}"));
        }
        let sizes = [
            self.hidden_size,
            self.intermediate_size,
            self.num_attention_heads,
            self.type_vocab_size,
            self.vocab_size,
            self.num_hidden_layers,
        ];
        let whole = self.hidden_size.is_multiple_of(self.num_attention_heads.max(1));
        let positions = (3..=MOST).contains(&self.max_position_embeddings);
        match sizes.iter().all(|size| (1..=MOST).contains(size)) && whole && positions {
            true => Ok(()),
            false => Err("its sizes make no model".to_owned()),
        }
    }
}

/// A file of JSON.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, LocalModelError> {
    serde_json::from_slice(&read(path)?).map_err(|error| LocalModelError::unfit(path, error.to_string()))
}
