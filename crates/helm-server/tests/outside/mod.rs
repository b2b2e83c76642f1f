//! Cases in other languages against servers of Helm.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use helm_orchestrator::Helm;
use helm_server::{ServerOptions, serve};
use helm_testkit::skip;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// What a script makes when it is needed, and names. Where it cannot the test is skipped and says so, unless nothing may be.
pub(crate) async fn made(mut script: Command, test: &str, needs: &str) -> Option<String> {
    let made = script.stderr(Stdio::inherit()).output().await;
    let why = match made {
        Ok(output) if output.status.success() => {
            return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    skip(test, &format!("{:?} failed ({why}); it needs {needs}", script.as_std().get_program()));
    None
}

/// The folder of the cases in other languages.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// Runs the cases and shows each. All must pass, and unless `some` says that not all were asked for, at least so many.
pub(crate) async fn played(mut cases: Command, least: usize, some: bool) {
    let mut cases = cases.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(cases.stdout.take().unwrap()).lines();
    let mut passed = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        passed += usize::from(line.starts_with("ok "));
        println!("{line}");
    }
    let status = cases.wait().await.unwrap();
    assert!(status.success(), "some cases failed; the lines above say which");
    assert!(passed >= least || some, "only {passed} cases passed");
}

/// Serves on a free port until it is stopped; the address.
pub(crate) async fn start(helm: Helm, options: ServerOptions, stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = serve(listener, helm, options, stop.clone());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    drop(tokio::spawn(served));
    address
}
