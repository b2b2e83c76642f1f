//! Gateways of others, from Python's package index.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::Any;
use crate::callers::Ask;
use crate::program::{self, Target};

/// Serves TensorZero's routes by the gateway that its wheel holds, at a port that it chooses.
const TENSORZERO: &str = "\
import asyncio, sys
from tensorzero import tensorzero

async def main():
    gateway = await tensorzero._start_http_gateway(
        config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=True)
    print('listening', gateway.base_url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
";

/// Those whose packages the Python has that `HELM_BENCH_PYTHON` names.
pub(crate) fn targets(folder: &Path, upstream: SocketAddr) -> Any<Vec<Target>> {
    let Some(python) = std::env::var_os("HELM_BENCH_PYTHON") else {
        println!("TensorZero and LiteLLM are left out: HELM_BENCH_PYTHON names no Python that has them");
        return Ok(Vec::new());
    };
    let python = &program::of_workspace(Path::new(&python)).into_os_string();
    Ok(vec![tensorzero(folder, python, upstream)?, litellm(folder, python, upstream)?])
}

/// Static routing, nothing written: what its vendor's own figures measure.
fn tensorzero(folder: &Path, python: &OsString, upstream: SocketAddr) -> Any<Target> {
    let config = folder.join("tensorzero.toml");
    let text = format!(
        "[gateway]\nobservability.enabled = false\ndisable_pseudonymous_usage_analytics = true\n\
         [models.m]\nrouting = [\"p\"]\n[models.m.providers.p]\ntype = \"openai\"\nmodel_name = \"m\"\n\
         api_base = \"http://{upstream}/v1/\"\napi_key_location = \"none\"\n\
         [functions.turn]\ntype = \"chat\"\n[functions.turn.variants.a]\ntype = \"chat_completion\"\nmodel = \"m\"\n"
    );
    std::fs::write(&config, text)?;
    Ok(Target {
        name: "TensorZero's wheel".to_owned(),
        command: vec![python.clone(), "-c".into(), TENSORZERO.into(), config.into()],
        environment: vec![("TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS", "1".into())],
        ask: Ask::tensorzero("turn"),
    })
}

/// One worker, no database, no callbacks.
fn litellm(folder: &Path, python: &OsString, upstream: SocketAddr) -> Any<Target> {
    let config = folder.join("litellm.yaml");
    let text = format!(
        "model_list:\n  - model_name: m\n    litellm_params: {{ model: openai/m, api_base: 'http://{upstream}/v1', api_key: none }}\n\
         litellm_settings: {{ drop_params: true, num_retries: 0, telemetry: false }}\n\
         general_settings: {{ disable_spend_logs: true }}\n"
    );
    std::fs::write(&config, text)?;
    // It cannot choose a port by itself: one that is free now.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let program = PathBuf::from(python).with_file_name("litellm");
    let mut command = vec![program.into_os_string(), "--config".into(), config.into()];
    command.extend(["--host", "127.0.0.1", "--num_workers", "1", "--port"].map(OsString::from));
    command.push(port.into());
    Ok(Target {
        name: "LiteLLM".to_owned(),
        command,
        environment: [
            ("LITELLM_MODE", "PRODUCTION"),
            ("LITELLM_TELEMETRY", "False"),
            ("NO_DOCS", "True"),
            ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
            // It listens on loopback only, and asks nobody for a key as the others do.
            ("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true"),
        ]
        .map(|(name, value)| (name, value.into()))
        .to_vec(),
        ask: Ask::openai("m"),
    })
}
