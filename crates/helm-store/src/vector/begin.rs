use super::collection::Collection;
use super::items::Memory;
use crate::error::Result;

/// Refuses memories that do not fit their collections; answers the collections that have to be made for them,
/// each with the dimension of its first memory.
pub(crate) fn check_memories<'c>(
    backend: &'static str,
    memories: &[Memory],
    known: impl Fn(&str) -> Option<&'c Collection>,
) -> Result<Vec<Collection>> {
    const OPERATION: &str = "upsert_memories";
    let mut begun: Vec<Collection> = Vec::new();
    for memory in memories {
        let own = begun.iter().find(|begun| begun.name == memory.collection);
        if let Some(collection) = own.or_else(|| known(&memory.collection)) {
            collection.check_embedding(backend, OPERATION, &memory.embedding)?;
        } else {
            let collection = Collection::new(&*memory.collection, memory.embedding.len());
            collection.check(backend, OPERATION)?;
            collection.check_embedding(backend, OPERATION, &memory.embedding)?;
            begun.push(collection);
        }
    }
    Ok(begun)
}
