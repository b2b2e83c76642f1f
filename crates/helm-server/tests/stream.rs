//! A streamed answer leaves as it is written. How fast it is, `cargo bench --bench stream` says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helm_orchestrator::HelmConfig;
use helm_orchestrator::store::memory::MemoryStore;
use helm_server::{ServerOptions, serve};
use helm_testkit::{ModelServer, Reply};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Sockets that wait for each other's acknowledgements need at least this long.
const DELAYED: Duration = Duration::from_millis(40);

/// The pieces of the answer at least: the guards hold back some, and then clear a sentence or more at once.
const CHUNKS: usize = 4;

async fn start(upstream: &str, stop: &CancellationToken) -> SocketAddr {
    let config = format!(
        "[models.main]\nfamily = \"openai-chat\"\nbase_url = \"{upstream}\"\nmodel = \"m\"\n[tasks.support.strategies.only]\nsystem = \"Answer.\""
    );
    let config = HelmConfig::from_toml(&config, Path::new("helm.toml")).unwrap();
    let helm = config.builder(&|_| None).unwrap().store(Arc::new(MemoryStore::new())).build().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = serve(listener, helm, ServerOptions::default(), stop.clone());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    drop(tokio::spawn(served));
    address
}

/// From the first byte of an answer to its last.
async fn answer(connection: &mut TcpStream, request: &str) -> Duration {
    connection.write_all(request.as_bytes()).await.unwrap();
    let (mut seen, mut begun) = (Vec::new(), None);
    let mut piece = [0; 4_096];
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let read = connection.read(&mut piece).await.unwrap();
        assert!(read > 0, "the answer broke off: {}", String::from_utf8_lossy(&seen));
        begun.get_or_insert_with(Instant::now);
        seen.extend_from_slice(piece.get(..read).unwrap());
    }
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("data: [DONE]"), "{text}");
    assert!(text.matches("\"content\":").count() > CHUNKS, "{text}");
    begun.unwrap().elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_chunk_waits_for_the_other_side() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The guards clear a text sentence by sentence.
    let text = "Bees live in hives, where they make honey and wax for the winter. ".repeat(8);
    let upstream = ModelServer::start([Reply::Answer(text)]).await.unwrap();
    let stop = CancellationToken::new();
    let mut connection = TcpStream::connect(start(&upstream.base_url(), &stop).await).await.unwrap();
    let message = [json!({ "role": "user", "content": "Count, please." })];
    let body = json!({ "model": "helm/support", "messages": message, "stream": true }).to_string();
    let length = body.len();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut times = Vec::new();
    for _ in 0..50 {
        times.push(answer(&mut connection, &request).await);
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap();
    println!("more than {CHUNKS} chunks, first to last byte: {median:?} p50 (not optimised)");
    assert!(median < DELAYED, "the median is {median:?}");
    stop.cancel();
}
