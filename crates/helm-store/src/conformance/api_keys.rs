//! Laws of the keys that open the API.

use std::sync::Arc;

use super::fixtures::{at, tenant};
use crate::{KeyHash, Store, StoredKey};

fn key(of: &str, id: &str) -> StoredKey {
    StoredKey {
        tenant: tenant(of),
        id: id.to_owned(),
        name: format!("name of {id}"),
        role: "read".to_owned(),
        hash: KeyHash([id.len() as u8; 32]),
        created: at(1),
        expires: None,
        used: None,
    }
}

pub(super) async fn a_key_is_kept_once_and_comes_back(store: Arc<dyn Store>) {
    let limited = StoredKey { expires: Some(at(90)), ..key("t", "b") };
    for key in [&limited, &key("u", "a"), &key("t", "a")] {
        assert!(store.api_keys().add(key).await.expect("kept"), "{key:?}");
    }
    let other = StoredKey { name: "other".to_owned(), ..key("t", "a") };
    assert!(!store.api_keys().add(&other).await.expect("answered"), "the id is taken");
    let all = store.api_keys().all().await.expect("read");
    assert_eq!(all, [key("t", "a"), limited, key("u", "a")]);
}

pub(super) async fn a_key_ends_once_and_only_earlier(store: Arc<dyn Store>) {
    for key in [key("t", "a"), key("u", "a")] {
        store.api_keys().add(&key).await.expect("kept");
    }
    let expires = async || store.api_keys().all().await.expect("read")[0].expires;
    let end = async |of: &str, id: &str, second| {
        store.api_keys().end(&tenant(of), id, at(second)).await.expect("answered")
    };
    assert!(end("t", "a", 50).await);
    assert!(end("t", "a", 70).await);
    assert_eq!(expires().await, Some(at(50)), "it does not begin again");
    assert!(end("t", "a", 20).await);
    assert_eq!(expires().await, Some(at(20)));
    assert!(!end("t", "b", 20).await);
    assert_eq!(store.api_keys().all().await.expect("read")[1], key("u", "a"), "another tenant's");
}

pub(super) async fn a_key_says_on_which_day_it_was_used(store: Arc<dyn Store>) {
    const DAY: i64 = 86_400;
    for key in [key("t", "a"), key("u", "a")] {
        store.api_keys().add(&key).await.expect("kept");
    }
    for (second, day) in [(3 * DAY + 7, 3), (2 * DAY, 3), (4 * DAY + 9, 4), (4 * DAY + 80, 4)] {
        store.api_keys().used(&tenant("t"), "a", at(second)).await.expect("noted");
        let all = store.api_keys().all().await.expect("read");
        assert_eq!(all[0].used, Some(at(day * DAY)));
        assert_eq!(all[1], key("u", "a"), "another tenant's");
    }
    store.api_keys().used(&tenant("t"), "b", at(1)).await.expect("there is none, and nothing to note");
}
