use async_trait::async_trait;
use helm_core::ModelName;

use super::model::EmbeddingModel;
use crate::error::Result;
use crate::model::Call;

/// Words and their three-letter pieces, hashed into 256 signed sums and normalised (Weinberger et al. 2009).
///
/// Needs no download. It finds texts that share words or parts of words, also misspelt ones; it does not know
/// that two different words mean the same.
#[derive(Clone, Debug)]
pub struct HashingEmbedder {
    name: ModelName,
}

const DIMENSIONS: usize = 256;

impl HashingEmbedder {
    /// The embedder, called `hashing`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self, helm_core::Error> {
        Ok(Self { name: ModelName::new("hashing")? })
    }
}

#[async_trait]
impl EmbeddingModel for HashingEmbedder {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String], _: &Call) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut sums = vec![0.0_f32; DIMENSIONS];
    let mut add = |feature: &str, weight: f32| {
        let hash = fnv1a(feature.as_bytes());
        let place = usize::try_from(hash % DIMENSIONS as u64).unwrap_or(0);
        // One more bit of the hash is the sign, so that collisions cancel on average.
        let sign = if (hash >> 40) & 1 == 1 { 1.0 } else { -1.0 };
        if let Some(sum) = sums.get_mut(place) {
            *sum += sign * weight;
        }
    };
    for word in
        text.to_lowercase().split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty())
    {
        // Longer words say more about the subject.
        let weight = (word.chars().count() as f32).sqrt();
        add(word, weight);
        let padded: Vec<char> =
            std::iter::once('^').chain(word.chars()).chain(std::iter::once('$')).collect();
        for piece in padded.windows(3) {
            add(&piece.iter().collect::<String>(), 0.3);
        }
    }
    let norm = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
    if norm > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= norm);
    }
    sums
}

/// The FNV-1a hash with a final mix, the same in every build.
fn fnv1a(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_nearer_than_none() {
        let dot = |a: &str, b: &str| vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum::<f32>();
        let near = dot("reset my password", "how to reset passwords");
        let far = dot("reset my password", "the weather in Lisbon");
        assert!(near > far + 0.2, "{near} {far}");
        assert!((dot("same text", "same text") - 1.0).abs() < 1e-5);
        assert!(vector("?!").iter().all(|part| *part == 0.0));
    }
}
