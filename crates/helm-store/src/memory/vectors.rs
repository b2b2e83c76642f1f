use std::collections::BTreeMap;

use async_trait::async_trait;
use helm_core::{TenantId, UserId};

use super::BACKEND;
use super::state::Tenant;
use super::store::MemoryStore;
use crate::error::Result;
use crate::vector::{
    Collection, CollectionInfo, Hit, Memory, MemoryId, Rank, Scorer, Selection, Top, VectorQuery,
    VectorStore, check_memories,
};

impl Tenant {
    /// Refuses memories that do not fit their collections; those that have to be made for them.
    pub(super) fn check_memories(&self, memories: &[Memory]) -> Result<Vec<Collection>> {
        check_memories(BACKEND, memories, |name| self.collections.get(name))
    }

    /// Keeps memories that were checked, and the collections that the check answered.
    pub(super) fn put_memories(&mut self, user: &UserId, memories: &[Memory], made: Vec<Collection>) {
        self.collections.extend(made.into_iter().map(|collection| (collection.name.clone(), collection)));
        let kept = memories.iter().map(|memory| ((user.clone(), memory.id), memory.clone()));
        self.memories.extend(kept);
    }

    /// The selected memories, each with its owner.
    fn selected<'t>(&'t self, selection: &'t Selection) -> impl Iterator<Item = (&'t UserId, &'t Memory)> {
        let all = self.memories.iter().map(|((user, _), memory)| (user, memory));
        all.filter(|(user, memory)| {
            memory.collection == selection.collection
                && selection.whose.includes(user)
                && selection.matches(&memory.metadata, memory.at)
        })
    }

    fn remove_memories(&mut self, keys: &[(UserId, MemoryId)]) -> u64 {
        keys.iter().filter(|key| self.memories.remove(key).is_some()).count() as u64
    }

    fn remove_selected(&mut self, selection: &Selection) -> u64 {
        let keys: Vec<_> = self.selected(selection).map(|(user, memory)| (user.clone(), memory.id)).collect();
        self.remove_memories(&keys)
    }
}

#[async_trait]
impl VectorStore for MemoryStore {
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> Result<bool> {
        const OPERATION: &str = "create_collection";
        self.write(OPERATION, |state| {
            collection.check(BACKEND, OPERATION)?;
            let collections = &mut state.tenant_mut(tenant).collections;
            if let Some(existing) = collections.get(&collection.name) {
                existing.check_same(BACKEND, OPERATION, collection)?;
                return Ok(false);
            }
            collections.insert(collection.name.clone(), collection.clone());
            Ok(true)
        })
    }

    async fn collections(&self, tenant: &TenantId) -> Result<Vec<CollectionInfo>> {
        self.read("collections", |state| {
            let Some(tenant) = state.tenant(tenant) else { return Vec::new() };
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for memory in tenant.memories.values() {
                *counts.entry(&memory.collection).or_default() += 1;
            }
            let count = |name: &String| counts.get(&**name).copied().unwrap_or(0);
            let listed = tenant.collections.values();
            listed.map(|listed| CollectionInfo::new(listed.clone(), count(&listed.name))).collect()
        })
    }

    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> Result<Option<u64>> {
        self.write("drop_collection", |state| {
            let tenant = state.tenant_mut(tenant);
            let dropped = tenant.collections.remove(name);
            Ok(dropped.map(|dropped| tenant.remove_selected(&Selection::of_everyone(dropped.name))))
        })
    }

    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        self.write("upsert_memories", |state| {
            let tenant = state.tenant_mut(tenant);
            let made = tenant.check_memories(memories)?;
            tenant.put_memories(user, memories, made);
            Ok(())
        })
    }

    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Vec<Hit>> {
        self.read_checked("search", |state| {
            let tenant = state.tenant(tenant);
            let collection = tenant.and_then(|tenant| tenant.collections.get(&query.selection.collection));
            query.check(BACKEND, "search", collection)?;
            let (Some(tenant), Some(collection)) = (tenant, collection) else { return Ok(Vec::new()) };
            let scorer = Scorer::new(collection.metric, &query.embedding);
            let mut top = Top::new(query.k);
            for (user, memory) in tenant.selected(&query.selection) {
                let score = scorer.score(&memory.embedding);
                top.put(Rank { score, id: memory.id, user: user.clone() }, memory);
            }
            Ok(top
                .into_sorted()
                .map(|(rank, memory)| Hit::new(rank.user, memory.clone(), rank.score))
                .collect())
        })
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        self.write("delete_memories", |state| {
            let keys: Vec<_> = ids.iter().map(|id| (user.clone(), *id)).collect();
            Ok(state.tenant_mut(tenant).remove_memories(&keys))
        })
    }

    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        self.write("delete_memories", |state| {
            selection.check(BACKEND, "delete_memories")?;
            Ok(state.tenant_mut(tenant).remove_selected(selection))
        })
    }

    async fn count(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        self.read_checked("count_memories", |state| {
            selection.check(BACKEND, "count_memories")?;
            Ok(state.tenant(tenant).map_or(0, |tenant| tenant.selected(selection).count() as u64))
        })
    }
}
