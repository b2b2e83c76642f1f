use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Metrics could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be installed; they can be only once in a process")]
pub struct MetricsError(#[from] BuildError);

/// Seconds, from 50 microseconds to a minute.
const SECONDS: [f64; 15] =
    [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 100e-3, 0.5, 1.0, 5.0, 20.0, 60.0];
/// Writes that share a commit.
const BATCH: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 512.0];

/// Installs the recorder that `/metrics` shows. A binary calls this once.
///
/// # Errors
///
/// [`MetricsError`] when a recorder is installed already.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsError> {
    let rewards: Vec<f64> = (1..=20).map(|step| f64::from(step) / 20.0).collect();
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("helm_reward".to_owned()), &rewards)?
        .set_buckets_for_metric(Matcher::Full("helm_store_commit_batch_size".to_owned()), &BATCH)?;
    Ok(builder.install_recorder()?)
}
