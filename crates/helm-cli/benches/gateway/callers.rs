//! Callers that ask again as soon as they are answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Any;

/// What is asked, and where.
#[derive(Clone)]
pub(crate) struct Ask {
    path: &'static str,
    body: Value,
}

impl Ask {
    /// OpenAI's chat, of this model.
    pub(crate) fn openai(model: &str) -> Self {
        let message = json!({ "role": "user", "content": "Say something, please." });
        Self { path: "/v1/chat/completions", body: json!({ "model": model, "messages": [message] }) }
    }

    /// The same under TensorZero's path.
    pub(crate) fn tensorzero(function: &str) -> Self {
        let model = format!("tensorzero::function_name::{function}");
        Self { path: "/openai/v1/chat/completions", ..Self::openai(&model) }
    }

    /// A turn of Helm's.
    pub(crate) fn helm() -> Self {
        let body = json!({ "user_id": "u1", "task": "bench", "message": "Say something, please." });
        Self { path: "/chat", body }
    }

    fn request(&self) -> String {
        let (path, body) = (self.path, self.body.to_string());
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// How long each request took, from its first byte written to its answer's last one read.
pub(crate) struct Told {
    /// In order of size.
    pub(crate) times: Vec<Duration>,
    took: Duration,
}

impl Told {
    pub(crate) fn at(&self, percent: usize) -> Duration {
        let at = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }
}

/// How much longer than asked for a server may take with its last answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets so many ask for so long, each over its own connection. Any answer other than 200 ends it, and none at all.
pub(crate) async fn ask(server: SocketAddr, ask: &Ask, callers: usize, time: Duration) -> Any<Told> {
    let request = ask.request();
    let began = Instant::now();
    let callers = (0..callers).map(|_| caller(server, &request, began + time));
    let times = tokio::time::timeout(time + PATIENCE, futures::future::try_join_all(callers)).await;
    let times = times.map_err(|_| format!("a request was not answered within {PATIENCE:?}"))??;
    let took = began.elapsed();
    let mut times: Vec<Duration> = times.into_iter().flatten().collect();
    times.sort();
    Ok(Told { times, took })
}

async fn caller(server: SocketAddr, request: &str, until: Instant) -> Any<Vec<Duration>> {
    let mut connection = TcpStream::connect(server).await?;
    connection.set_nodelay(true)?;
    let (mut times, mut answer) = (Vec::new(), Vec::new());
    while times.is_empty() || Instant::now() < until {
        let asked = Instant::now();
        connection.write_all(request.as_bytes()).await?;
        read(&mut connection, &mut answer).await?;
        times.push(asked.elapsed());
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err(format!("it answered {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    Ok(times)
}

/// Reads one message to its end, which its length or its last chunk tells.
pub(crate) async fn read<R: AsyncReadExt + Unpin>(from: &mut R, message: &mut Vec<u8>) -> Any<bool> {
    message.clear();
    let mut end = None;
    loop {
        if message.len() >= end.unwrap_or(usize::MAX) {
            return Ok(true);
        }
        if from.read_buf(message).await? == 0 {
            let text = String::from_utf8_lossy(message);
            return if message.is_empty() { Ok(false) } else { Err(format!("it broke off: {text}").into()) };
        }
        if end.is_none() {
            end = ends(message);
        }
    }
}

/// Where a message ends, as soon as that is known.
fn ends(message: &[u8]) -> Option<usize> {
    let head = message.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(message.get(..head)?).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    match length {
        Some(length) => Some(head + length),
        None if text.contains("transfer-encoding: chunked") => {
            message.ends_with(b"\r\n0\r\n\r\n").then_some(message.len())
        }
        None => Some(head),
    }
}
