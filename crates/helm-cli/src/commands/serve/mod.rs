mod reload;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use helm_orchestrator::HelmConfig;
use helm_orchestrator::config::ServerSection;
use helm_server::{ApiKeys, InFlight, RequestLimits, ServerOptions, install_metrics, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::Global;
use crate::error::{Failure, INTERRUPTED, Result};
use crate::open;
use crate::traces;
use reload::Prints;

/// Serves until it is told to stop; a second signal ends at once.
pub(super) async fn run(global: &Global, listen: Option<SocketAddr>) -> Result<ExitCode> {
    let config = open::config(global)?;
    let read = Prints::of(reload::file(global), &config);
    open::log(&config, "info")?;
    let address = listen.unwrap_or(config.server.listen);
    let keys = keys(&config)?;
    let public = !address.ip().is_loopback();
    if public && keys.is_empty() && !config.location()?.may_exist() {
        return Err(refusal(address));
    }
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "something else listens there; stop it or choose another with --listen"
            }
            _ => "choose another with --listen",
        };
        Failure::wrong(format!("cannot listen on {address}: {error}; {hint}"))
    })?;
    let metrics = install_metrics().map_err(|error| Failure::wrong(error.to_string()))?;
    let helm = open::opened(&config).await?;
    keys.refresh(helm.store().api_keys()).await.map_err(helm_orchestrator::Error::from)?;
    if public && keys.is_empty() {
        open::close(&helm).await;
        return Err(refusal(address));
    }
    for warning in config.warnings() {
        open::tell(&config, &format!("note: {warning}"));
    }
    open::tell(&config, &format!("listening on http://{}", listener.local_addr().unwrap_or(address)));
    let mut options = options(&config.server, keys).with_metrics(metrics);
    options.parent = traces::parent(&config);
    let stop = CancellationToken::new();
    let reloading = reload::watch(global, config.clone(), read, helm.clone());
    let serving = serve(listener, helm, options, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return ended(&config, served),
        told = told_to_stop() => told?,
        watched = reloading => return watched.map(|()| ExitCode::SUCCESS),
    }
    open::tell(&config, "stopping: running turns may end; once more ends at once");
    stop.cancel();
    tokio::select! {
        served = &mut serving => ended(&config, served),
        told = told_to_stop() => told.map(|()| ExitCode::from(INTERRUPTED)),
    }
}

fn refusal(address: SocketAddr) -> Failure {
    Failure::wrong(format!(
        "{address} can be reached from outside, and there are no keys; make one with `helmctl keys create NAME`, or with `helmctl keys new NAME` and name its place in server.keys_file or HELM_API_KEYS, or listen on 127.0.0.1 or [::1]"
    ))
}

fn options(server: &ServerSection, keys: ApiKeys) -> ServerOptions {
    let limits = RequestLimits::default().with_messages(server.max_messages);
    ServerOptions::default()
        .with_max_body_bytes(server.max_body_bytes)
        .with_drain(Duration::from_secs(server.drain_seconds))
        .with_limits(limits.with_tools(server.max_tools, server.max_tool_bytes))
        .with_in_flight(InFlight::new(server.max_in_flight, server.max_in_flight_bytes))
        .with_keys(keys)
}

/// The keys that open the API, those of the database once they are refreshed.
fn keys(config: &HelmConfig) -> Result<ApiKeys> {
    Ok(open::named_keys(config)?.unwrap_or_else(ApiKeys::of_store))
}

fn ended(config: &HelmConfig, served: Result<bool, helm_server::ServeError>) -> Result<ExitCode> {
    match served {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => {
            open::tell(config, "some turns did not end in time and were recorded as cancelled");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(Failure::wrong(error.to_string())),
    }
}

async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
