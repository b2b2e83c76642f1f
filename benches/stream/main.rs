//! How long a streamed answer takes from its first byte to its last over loopback, and how long a piece of one is on its
//! way: `cargo bench --bench stream`.
//!
//! First the model behind answers in 14 chunks at once, so what is measured is what Helm and the sockets add: the events are
//! written one by one, and each must leave when it is written. Then it writes a chunk every few milliseconds, and the time is
//! that from its write until something arrives. The first line of each is the model's server asked directly.

#[path = "../shared/figures.rs"]
mod figures;
mod forward;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use helm_orchestrator::HelmConfig;
use helm_orchestrator::store::memory::MemoryStore;
use helm_server::{ServerOptions, serve};
use helm_testkit::{End, ModelServer, Reply};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

/// One chunk of the model's answer: the guards clear a text sentence by sentence.
const SENTENCE: &str = "Bees live in hives, where they make honey and wax for the winter. ";
const CHUNKS: usize = 14;
const WARM_UP: usize = 200;
const ROUNDS: usize = 2_000;

#[tokio::main]
async fn main() -> Any<()> {
    // `cargo test --benches` only wants to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 3 };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let upstream = ModelServer::start([Reply::Events(chunks(), End::Close)]).await?;
    let direct = upstream.base_url().trim_start_matches("http://").trim_end_matches("/v1").parse()?;
    let helm = helm(&upstream.base_url()).await?;
    let message = [json!({ "role": "user", "content": "Count, please." })];
    let chat = json!({ "model": "helm/support", "messages": message, "stream": true });
    let anthropic = json!({ "model": "helm/support", "max_tokens": 99, "messages": message, "stream": true });
    println!("{:<34}{:>14}{:>14}{:>16}", "14 chunks", "first-last p50", "p99", "first byte p50");
    for (name, address, path, body, end) in [
        ("the model's server itself", direct, "/v1/chat/completions", &chat, "[DONE]"),
        ("helm, /v1/chat/completions", helm, "/v1/chat/completions", &chat, "[DONE]"),
        ("helm, /v1/messages", helm, "/v1/messages", &anthropic, "message_stop\"}"),
    ] {
        let (first, all) = measure(address, path, body, end, rounds).await?;
        println!("{name:<34}{:>14.3?}{:>14.3?}{:>16.3?}", at(&all, 50), at(&all, 99), at(&first, 50));
        for (what, time) in
            [("first to last, p50", at(&all, 50)), ("p99", at(&all, 99)), ("first byte, p50", at(&first, 50))]
        {
            figures::figure(name, what, time.as_secs_f64() * 1e9, "ns");
        }
    }
    forward::measured(rounds.min(forward::ROUNDS)).await
}

/// The model's answer, as it streams it.
fn chunks() -> Vec<String> {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice] }).to_string()
    };
    let said = (0..CHUNKS).map(|_| chunk(json!({ "content": SENTENCE }), Value::Null));
    said.chain([chunk(json!({}), json!("stop")), "[DONE]".to_owned()]).collect()
}

/// A server over this model, with everything in memory; its address.
async fn helm(upstream: &str) -> Any<SocketAddr> {
    let config = format!(
        "[models.main]\nfamily = \"openai-chat\"\nbase_url = \"{upstream}\"\nmodel = \"m\"\n[tasks.support.strategies.only]\nsystem = \"Answer.\""
    );
    let config = HelmConfig::from_toml(&config, Path::new("helm.toml"))?;
    let builder = config.builder(&|_| None)?.store(std::sync::Arc::new(MemoryStore::new()));
    let helm = builder.build().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let served = serve(listener, helm, ServerOptions::default(), CancellationToken::new());
    #[expect(clippy::disallowed_methods, reason = "it ends with the measurement")]
    drop(tokio::spawn(served));
    Ok(address)
}

/// Times to the first byte of the answer, and from there to the last, over one connection, in order of size.
async fn measure(
    address: SocketAddr,
    path: &str,
    body: &Value,
    end: &str,
    rounds: usize,
) -> Any<(Vec<Duration>, Vec<Duration>)> {
    let request = request(path, body);
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP.min(rounds) + rounds {
        let asked = Instant::now();
        connection.write_all(request.as_bytes()).await?;
        let (begun, ended) = answer(&mut connection, end).await?;
        if round >= WARM_UP.min(rounds) {
            first.push(begun - asked);
            all.push(ended - begun);
        }
    }
    first.sort();
    all.sort();
    Ok((first, all))
}

fn request(path: &str, body: &Value) -> String {
    let (body, about) = (body.to_string(), "host: x\r\ncontent-type: application/json");
    format!("POST {path} HTTP/1.1\r\n{about}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// When the answer's first and last byte came.
async fn answer(connection: &mut TcpStream, end: &str) -> Any<(Instant, Instant)> {
    let (mut seen, mut begun) = (Vec::new(), None);
    let mut piece = [0; 4_096];
    // A body in chunks ends with an empty one.
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let read = connection.read(&mut piece).await?;
        if read == 0 {
            return Err(format!("the answer broke off: {}", String::from_utf8_lossy(&seen)).into());
        }
        begun.get_or_insert_with(Instant::now);
        seen.extend_from_slice(&piece[..read]);
    }
    let text = String::from_utf8_lossy(&seen);
    if !text.contains(end) {
        return Err(format!("the answer is no answer: {text}").into());
    }
    Ok((begun.ok_or("no answer")?, Instant::now()))
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
