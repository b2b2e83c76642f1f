use std::sync::Arc;

use async_trait::async_trait;
use helm_core::ModelName;

use crate::error::Result;
use crate::model::Call;

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
    /// Fails when the model does not answer, before the call's deadline and before the call is cancelled.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future drops the connection. What a model computes in this process may go on until the call is
    /// cancelled.
    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>>;
}

#[async_trait]
impl<M: EmbeddingModel + ?Sized> EmbeddingModel for Arc<M> {
    fn name(&self) -> &ModelName {
        (**self).name()
    }

    fn dimensions(&self) -> usize {
        (**self).dimensions()
    }

    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>> {
        (**self).embed(texts, call).await
    }
}
