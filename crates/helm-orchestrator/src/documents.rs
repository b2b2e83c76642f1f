//! Small documents about a task that several processes change: each is read with its revision, and written only by whoever
//! read the newest. They are kept where the priors of policies are, each under a key of its own.

use helm_core::{Epoch, PolicyHash, TaskId, TenantId};
use helm_store::{ErrorKind, PriorDocument, StateQuery, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be kept so.
pub(crate) trait Document: Serialize + DeserializeOwned + Default {
    /// The newest format that this build reads.
    const FORMAT: u32;
    /// What it is, for people.
    const WHAT: &'static str;
}

/// What is stored, with its revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored<D> {
    pub(crate) revision: u64,
    pub(crate) document: D,
}

#[derive(Serialize, Deserialize)]
struct Versioned<D> {
    format: u32,
    #[serde(flatten)]
    document: D,
}

/// Reads what is stored; nothing stored is the default at revision 0.
pub(crate) async fn read<D: Document>(
    store: &dyn Store,
    tenant: &TenantId,
    task: &TaskId,
    key: &PolicyHash,
) -> helm_store::Result<Stored<D>> {
    let query = document_alone(key);
    let Some(prior) = store.bandits().load(tenant, task, &query).await?.prior else {
        return Ok(Stored::default());
    };
    let refuse = |kind, message: String| {
        helm_store::Error::new(kind, store.capabilities().backend, "read_document", message)
    };
    if prior.body.get("format").and_then(Value::as_u64).is_some_and(|format| format > u64::from(D::FORMAT)) {
        let message = format!("{} of task {task}: they are of a newer build; use that one", D::WHAT);
        return Err(refuse(ErrorKind::SchemaMismatch, message));
    }
    let read: Versioned<D> = serde_json::from_value(prior.body)
        .map_err(|error| refuse(ErrorKind::Corrupt, format!("{} of task {task}: {error}", D::WHAT)))?;
    Ok(Stored { revision: prior.revision, document: read.document })
}

/// What asks for a document, and for as little as can be beside it: sums alone.
pub(crate) fn document_alone(key: &PolicyHash) -> StateQuery {
    StateQuery::default().with_policy(key.clone()).with_since(Epoch::starting_at(i64::MAX))
}

/// Writes the successor of what was read; `false` when another process was first.
pub(crate) async fn write<D: Document>(
    store: &dyn Store,
    tenant: &TenantId,
    task: &TaskId,
    key: &PolicyHash,
    next: Stored<D>,
) -> helm_store::Result<bool> {
    let versioned = Versioned { format: D::FORMAT, document: next.document };
    let body = serde_json::to_value(&versioned).map_err(|error| {
        let backend = store.capabilities().backend;
        helm_store::Error::new(ErrorKind::Invalid, backend, "write_document", error.to_string())
    })?;
    let prior = PriorDocument { policy: key.clone(), revision: next.revision + 1, body };
    store.bandits().put_prior(tenant, task, &prior).await
}

#[cfg(test)]
mod tests {
    use helm_store::memory::MemoryStore;

    use super::*;

    #[derive(Serialize, Deserialize, Default, PartialEq, Debug)]
    struct Note {
        lines: Vec<String>,
    }

    impl Document for Note {
        const FORMAT: u32 = 2;
        const WHAT: &'static str = "notes";
    }

    fn place() -> (TenantId, TaskId, PolicyHash) {
        (TenantId::single(), TaskId::new("support").unwrap(), PolicyHash::of("notes"))
    }

    #[tokio::test]
    async fn who_read_the_newest_writes_and_nobody_else() {
        let (store, (tenant, task, key)) = (MemoryStore::new(), place());
        let read = async || read::<Note>(&store, &tenant, &task, &key).await.unwrap();
        let written = async |from: Stored<Note>, line: &str| {
            let document = Note { lines: vec![line.to_owned()] };
            write(&store, &tenant, &task, &key, Stored { document, ..from }).await.unwrap()
        };
        let (one, other) = (read().await, read().await);
        assert!(written(one, "one").await);
        assert!(!written(other, "other").await, "it has read what is no longer there");
        assert_eq!(read().await.document.lines, ["one"]);
        assert!(written(read().await, "two").await);
    }

    #[tokio::test]
    async fn what_a_newer_build_wrote_is_not_guessed_at() {
        let (store, (tenant, task, key)) = (MemoryStore::new(), place());
        let body = serde_json::json!({ "format": 3, "lines": "otherwise" });
        let prior = PriorDocument { policy: key.clone(), revision: 1, body };
        helm_store::Store::bandits(&store).put_prior(&tenant, &task, &prior).await.unwrap();
        let error = read::<Note>(&store, &tenant, &task, &key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    }
}
