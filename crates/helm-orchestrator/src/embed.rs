use helm_core::{ModelName, StrategyId, TaskId, TokenCount, TokenCounter, UserId};
use helm_llm::{Call, EmbeddingModel};
use helm_store::{Hit, Memory, MemoryId, MemoryPage, Selection, VectorQuery};

use crate::error::{Error, Result};
use crate::helm::Helm;
use crate::turn::collection;

/// Texts as vectors.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Embedded {
    /// The embedding model, by the name it is configured under.
    pub model: ModelName,
    /// One vector for each text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// How many tokens the texts have, as they are counted here.
    pub tokens: TokenCount,
}

impl Helm {
    /// The embedding model's name and the length of its vectors; `None` when vector search is off.
    #[must_use]
    pub fn embedder(&self) -> Option<(&ModelName, usize)> {
        self.running.embedder.as_ref().map(|embedder| (embedder.name(), embedder.dimensions()))
    }

    /// The texts as vectors of the model that memories are compared with.
    ///
    /// # Errors
    ///
    /// [`Error::NoEmbeddings`] when vector search is off, [`Error::Embedding`] when the model does not answer.
    pub async fn embed(&self, texts: &[String]) -> Result<Embedded> {
        let embedder = self.embedding_model()?;
        let vectors = embedder.embed(texts, &self.embedding_call()).await.map_err(Error::Embedding)?;
        let tokens = texts.iter().map(|text| self.inner().tokens.count(text).get()).sum();
        Ok(Embedded { model: embedder.name().clone(), vectors, tokens: TokenCount::new(tokens) })
    }

    /// The `most` memories of a user that are most like a text, best first.
    ///
    /// # Errors
    ///
    /// As for [`Helm::embed`], and when the store cannot be read.
    pub async fn memories(&self, user: &UserId, text: &str, most: usize) -> Result<Vec<Hit>> {
        let embedder = self.embedding_model()?;
        let vectors =
            embedder.embed(&[text.to_owned()], &self.embedding_call()).await.map_err(Error::Embedding)?;
        // A text without words embeds to nothing, and nothing is similar to it.
        let Some(vector) = vectors.into_iter().next().filter(|vector| vector.iter().any(|part| *part != 0.0))
        else {
            return Ok(Vec::new());
        };
        let query = VectorQuery::new(self.of_user(user, embedder), vector, most);
        Ok(self.inner().store.vectors().search(&self.tenant, &query).await?)
    }

    /// How many memories a user has.
    ///
    /// # Errors
    ///
    /// [`Error::NoEmbeddings`] when vector search is off; otherwise when the store cannot be read.
    pub async fn count_memories(&self, user: &UserId) -> Result<u64> {
        let own = self.of_user(user, self.embedding_model()?);
        Ok(self.inner().store.vectors().count(&self.tenant, &own).await?)
    }

    /// A user's latest memories, at most so many, the latest first; those behind a memory, where one is named.
    ///
    /// # Errors
    ///
    /// [`Error::NoEmbeddings`] when vector search is off; otherwise when the store cannot be read.
    pub async fn latest_memories(
        &self,
        user: &UserId,
        after: Option<MemoryId>,
        most: usize,
    ) -> Result<Vec<Memory>> {
        let own = self.of_user(user, self.embedding_model()?);
        let page = MemoryPage::new(user.clone(), own.collection, most).after(after);
        Ok(self.inner().store.users().memories(&self.tenant, &page).await?)
    }

    /// Removes these memories of a user, or all when none are named, and answers how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::NoEmbeddings`] when vector search is off; otherwise when the store cannot be written.
    pub async fn forget_memories(&self, user: &UserId, ids: Option<&[MemoryId]>) -> Result<u64> {
        let own = self.of_user(user, self.embedding_model()?);
        let vectors = self.running.store.vectors();
        Ok(match ids {
            Some(ids) => vectors.delete(&self.tenant, user, ids).await?,
            None => vectors.delete_where(&self.tenant, &own).await?,
        })
    }

    /// The strategies of a task, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task.
    pub fn strategies(&self, task: &TaskId) -> Result<Vec<StrategyId>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        Ok(task.strategies.iter().map(|strategy| strategy.id.clone()).collect())
    }

    fn embedding_model(&self) -> Result<&dyn EmbeddingModel> {
        self.running.embedder.as_deref().ok_or(Error::NoEmbeddings)
    }

    /// Ends when this process does, and when nobody waits for it any more.
    fn embedding_call(&self) -> Call {
        Call::new(self.tenant.clone()).with_cancel(self.inner().abort.child_token())
    }

    fn of_user(&self, user: &UserId, embedder: &dyn EmbeddingModel) -> Selection {
        Selection::of_user(user.clone(), collection(embedder))
    }
}
