use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Global;
use crate::error::{Failure, Result, SAID_NO};
use crate::open;
use crate::output::{self, Format};

/// How long a server may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(3);
/// The environment variable with a key of the API: servers that have keys tell their warnings to those who have one.
const KEY: &str = "HELM_API_KEY";

#[derive(Serialize)]
struct Health {
    url: String,
    ready: bool,
    /// What the server said, or why nothing was heard of it.
    detail: String,
    /// What somebody should see to; `None` where it was not told. Servers that have keys tell it to those who have one.
    warnings: Option<Vec<String>>,
}

/// Asks a running server whether it takes requests, the one of the configuration unless another is named. Nothing else is
/// opened: a check of a container runs often.
pub(super) async fn run(global: &Global, url: Option<&str>) -> Result<ExitCode> {
    let url = match url {
        Some(url) => address(url)?,
        None => configured(global)?,
    };
    let key = key()?;
    let why = match key {
        Some(_) => "the server does not know the key in",
        None => "the server has keys, and there is none in",
    };
    let (ready, detail, warnings) = match ask(&url, key).await {
        Ok((status, body)) => (status == StatusCode::OK, said(status, &body), warnings(&body)),
        Err(error) => (false, format!("no answer: {}", root(&error)), None),
    };
    let health = Health { url: url.to_string(), ready, detail, warnings };
    match global.output {
        Format::Table => {
            match &health.warnings {
                Some(told) => told.iter().for_each(|warning| output::note(&format!("warning: {warning}"))),
                None if ready => output::note(&format!("its warnings are not told: {why} {KEY}")),
                None => {}
            }
            let word = if health.ready { "ready" } else { "not ready" };
            output::line(&format!("{word} {}: {}", health.url, health.detail))?;
        }
        format => output::json(format, &health)?,
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::from(SAID_NO) })
}

fn address(url: &str) -> Result<Url> {
    let wrong = |why: String| Failure::wrong(format!("--url {url:?}: {why}, such as http://127.0.0.1:8080"));
    let url = Url::parse(url).map_err(|error| wrong(format!("{error}; it is the server's address")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it begins with http:// or https://".to_owned()));
    }
    url.join("/readyz").map_err(|error| wrong(error.to_string()))
}

/// Where the configuration says that the server listens.
fn configured(global: &Global) -> Result<Url> {
    let listen = open::config(global)?.server.listen;
    if listen.port() == 0 {
        let message = "server.listen has port 0, so that the server chooses one; name its address with --url";
        return Err(Failure::wrong(message));
    }
    address(&format!("http://{}", reachable(listen)))
}

/// The address for whoever is on the same machine: what listens on every address is not at all of them.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The key to ask with, if there is one.
fn key() -> Result<Option<HeaderValue>> {
    let Some(key) = open::variable(KEY).filter(|key| !key.is_empty()) else { return Ok(None) };
    let mut key = HeaderValue::try_from(key.trim()).map_err(|_| {
        Failure::wrong(format!("{KEY} holds no key; write one as `helmctl keys create` printed it"))
    })?;
    key.set_sensitive(true);
    Ok(Some(key))
}

async fn ask(url: &Url, key: Option<HeaderValue>) -> Result<(StatusCode, String), reqwest::Error> {
    let client = Client::builder().no_proxy().timeout(PATIENCE).redirect(redirect::Policy::none()).build()?;
    let asking = client.get(url.clone());
    let asking = match key {
        Some(key) => asking.header("x-api-key", key),
        None => asking,
    };
    let answer = asking.send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// The parts that a server names, or its status where it is none of Helm's.
fn said(status: StatusCode, body: &str) -> String {
    let body: Option<Value> = serde_json::from_str(body).ok();
    let components = body.as_ref().and_then(|body| body.get("components")).and_then(Value::as_object);
    match components {
        Some(components) => {
            let part = |(name, state): (&String, &Value)| format!("{name} {}", state.as_str().unwrap_or("?"));
            components.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        None => format!("status {status}, not as Helm answers"),
    }
}

/// What the server warns of; `None` where it does not tell.
fn warnings(body: &str) -> Option<Vec<String>> {
    let body: Option<Value> = serde_json::from_str(body).ok();
    let warnings = body.as_ref()?.get("warnings")?.as_array()?;
    Some(warnings.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// What an error came from in the end.
fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
