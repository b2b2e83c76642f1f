//! Waiting for work beside the turns.

use std::time::Duration;

use helm_orchestrator::store::Store;

/// Waits until no job is left but those that have died.
pub(crate) async fn settled(store: &dyn Store) {
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let counts = store.jobs().counts().await.unwrap();
        if counts.waiting + counts.leased == 0 {
            return;
        }
    }
    panic!("jobs are left: {:?}", store.jobs().counts().await);
}
