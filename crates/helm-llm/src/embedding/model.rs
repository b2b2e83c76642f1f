use std::sync::Arc;

use async_trait::async_trait;
use helm_core::ModelName;

use crate::error::Result;

/// Turns texts into vectors whose angle says how alike they are.
#[async_trait]
pub trait EmbeddingModel: Send + Sync {
    /// The name it is configured under.
    fn name(&self) -> &ModelName;

    /// The length of its vectors.
    fn dimensions(&self) -> usize;

    /// One vector for each text, in order. A text without words has the zero vector.
    ///
    /// # Errors
    ///
    /// Fails when the model does not answer.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;
}

#[async_trait]
impl<M: EmbeddingModel + ?Sized> EmbeddingModel for Arc<M> {
    fn name(&self) -> &ModelName {
        (**self).name()
    }

    fn dimensions(&self) -> usize {
        (**self).dimensions()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        (**self).embed(texts).await
    }
}
