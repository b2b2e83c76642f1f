use std::future::IntoFuture;

use axum::serve::ListenerExt;
use helm_orchestrator::Helm;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::router::{ServerOptions, router};

/// The server stopped by itself.
#[derive(Debug, thiserror::Error)]
#[error("the server stopped")]
pub struct ServeError(#[from] std::io::Error);

/// Serves until `stop` is cancelled, then drains: no more turns are taken, those that run may end, and the
/// store is closed, all within the options' time. Answers whether every turn ended by itself.
///
/// # Errors
///
/// Fails when the listener does.
///
/// # Cancellation safety
///
/// Dropping the future stops serving without draining; running turns go on in their own tasks.
pub async fn serve(
    listener: TcpListener,
    helm: Helm,
    options: ServerOptions,
    stop: CancellationToken,
) -> Result<bool, ServeError> {
    let drain = options.drain;
    let app = router(helm.clone(), options);
    // Small packets leave at once: a streamed answer is many of them.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection cannot be set to send at once");
        }
    });
    let stopping = {
        let (helm, stop) = (helm.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            helm.stop_accepting();
        }
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopping).into_future();
    tokio::pin!(serving);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        served = &mut serving => served?,
    }
    // One deadline for everything: connections that do not end in time are dropped, which cancels their turns.
    let deadline = Instant::now() + drain;
    match timeout_at(deadline, &mut serving).await {
        Ok(served) => served?,
        Err(_) => tracing::warn!("connections were still open at the end of the drain"),
    }
    Ok(helm.shutdown(deadline.saturating_duration_since(Instant::now())).await)
}
