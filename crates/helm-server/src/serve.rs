use std::future::IntoFuture;
use std::time::Duration;

use helm_orchestrator::Helm;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::connection::Closable;
use crate::keys::ApiKeys;
use crate::router::{ServerOptions, router};

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The server stopped by itself.
    #[error("the server stopped")]
    Stopped(#[from] std::io::Error),
    /// Nobody knows who may come in.
    #[error("the API's keys could not be read")]
    Keys(#[source] helm_orchestrator::store::Error),
}

/// How often the metrics' memory is tidied: histograms grow until somebody does.
const UPKEEP: Duration = Duration::from_secs(5);
/// How often the store is asked for the API's keys.
const KEYS: Duration = Duration::from_secs(1);
/// The most of the drain that is kept for what cancelled turns still have to say.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until `stop` is cancelled, then drains: no more turns are taken and those that run may end. Those that
/// have not shortly before the options' time is over are cancelled, which their callers are told; then the
/// connections that are left are dropped and the store is closed. Answers whether every turn ended by itself.
///
/// # Errors
///
/// Fails when the listener does, or when the store's keys cannot be read at the start.
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
    let (drain, metrics, keys) = (options.drain, options.metrics.clone(), options.keys.clone());
    if let Some(keys) = &keys {
        // Before that everybody would come in.
        keys.refresh(helm.store().api_keys()).await.map_err(ServeError::Keys)?;
    }
    let close = CancellationToken::new();
    // However this future ends, no connection outlives it.
    let _closing = close.clone().drop_guard();
    let listener = Closable::new(listener, close.clone());
    let stopping = {
        let (helm, stop) = (helm.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            helm.stop_accepting();
        }
    };
    let app = router(helm.clone(), options);
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopping).into_future();
    tokio::pin!(serving);
    let ended = tokio::select! {
        biased;
        served = &mut serving => Some(served),
        () = stop.cancelled() => None,
        () = tidy(metrics) => None,
        () = refresh(keys, &helm) => None,
    };
    if let Some(served) = ended {
        served?;
        return Ok(helm.shutdown(drain).await);
    }
    let deadline = Instant::now() + drain;
    let turns = deadline - LAST_WORDS.min(drain / 4);
    if let Ok(served) = timeout_at(turns, &mut serving).await {
        served?;
        return Ok(in_time(deadline, helm.shutdown(turns.saturating_duration_since(Instant::now()))).await);
    }
    tracing::warn!("turns or connections were still open at the end of the drain");
    let drained = in_time(deadline, helm.shutdown(Duration::ZERO)).await;
    // The callers of cancelled turns are being told; what is left after that is dropped.
    let _ = timeout_at(deadline, serving).await;
    Ok(drained)
}

/// What `work` answers, or `false` when it takes too long.
async fn in_time(deadline: Instant, work: impl Future<Output = bool>) -> bool {
    timeout_at(deadline, work).await.unwrap_or(false)
}

/// Tidies the metrics for ever.
async fn tidy(metrics: Option<PrometheusHandle>) {
    let Some(metrics) = metrics else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

/// Takes the store's keys again and again.
async fn refresh(keys: Option<ApiKeys>, helm: &Helm) {
    let Some(keys) = keys else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(KEYS);
    loop {
        ticks.tick().await;
        if let Err(error) = keys.refresh(helm.store().api_keys()).await {
            tracing::warn!(%error, "the API's keys could not be read; those known before hold on");
        }
    }
}
