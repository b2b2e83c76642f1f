//! How long a piece of an answer is on its way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Any, at, chunks, figures, helm, request};

/// How many answers of 14 chunks are measured.
pub(crate) const ROUNDS: usize = 100;
/// Longer than a piece is on its way.
const PAUSE: Duration = Duration::from_millis(4);

/// When each piece was written.
type Writes = Arc<Mutex<Vec<Instant>>>;

/// Measures and prints it.
pub(crate) async fn measured(rounds: usize) -> Any<()> {
    let writes = Writes::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let direct = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the measurement")]
    drop(tokio::spawn(serve(listener, Arc::clone(&writes))));
    let upstream = format!("http://{direct}/v1");
    let helm = helm(&upstream).await?;
    println!(
        "\n{:<34}{:>14}{:>14}{:>20}",
        "a chunk every 4 ms", "on its way p50", "p99", "held for the next"
    );
    for (name, address) in [("the model's server itself", direct), ("helm, /v1/chat/completions", helm)] {
        let (times, held) = on_their_way(address, &writes, rounds).await?;
        let [middle, late] = [50, 99].map(|percent| at(&times, percent));
        println!("{name:<34}{middle:>14.3?}{late:>14.3?}{held:>20}");
        for (what, time) in [("a piece on its way, p50", middle), ("a piece on its way, p99", late)] {
            figures::figure(name, what, time.as_secs_f64() * 1e9, "ns");
        }
    }
    Ok(())
}

/// Answers each request by chunks with pauses between them.
async fn serve(listener: TcpListener, writes: Writes) {
    while let Ok((connection, _)) = listener.accept().await {
        let writes = Arc::clone(&writes);
        #[expect(clippy::disallowed_methods, reason = "it ends with the measurement")]
        drop(tokio::spawn(async move { answer_all(connection, &writes).await }));
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

async fn answer_all(mut connection: TcpStream, writes: &Writes) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let (mut asked, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        let read = connection.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        asked.extend_from_slice(piece.get(..read)?);
        // The body is one object.
        if !asked.ends_with(b"}") {
            continue;
        }
        asked.clear();
        connection.write_all(HEAD.as_bytes()).await.ok()?;
        for chunk in chunks() {
            tokio::time::sleep(PAUSE).await;
            let event = format!("data: {chunk}\n\n");
            let framed = format!("{:x}\r\n{event}\r\n", event.len());
            writes.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            connection.write_all(framed.as_bytes()).await.ok()?;
        }
        connection.write_all(b"0\r\n\r\n").await.ok()?;
    }
}

/// The times from each write to what arrived before the next one, in order of size, and after how many nothing did.
async fn on_their_way(address: SocketAddr, writes: &Writes, rounds: usize) -> Any<(Vec<Duration>, usize)> {
    let message = [json!({ "role": "user", "content": "Count, please." })];
    let body = json!({ "model": "helm/support", "messages": message, "stream": true });
    let request = request("/v1/chat/completions", &body);
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let (mut times, mut held) = (Vec::new(), 0);
    for round in 0..rounds + 1 {
        writes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        connection.write_all(request.as_bytes()).await?;
        let arrivals = arrivals(&mut connection).await?;
        let writes = writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The first answer makes connections; the last two chunks are the end, after which a turn is stored.
        for pair in writes.windows(2).rev().skip(1).filter(|_| round > 0) {
            let [written, following] = pair else { continue };
            match arrivals.iter().find(|arrived| *arrived > written).filter(|arrived| *arrived < following) {
                Some(arrived) => times.push(*arrived - *written),
                None => held += 1,
            }
        }
    }
    times.sort();
    Ok((times, held))
}

/// When something of an answer arrived, each time.
async fn arrivals(connection: &mut TcpStream) -> Any<Vec<Instant>> {
    let (mut seen, mut arrivals, mut piece) = (Vec::new(), Vec::new(), [0; 4_096]);
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let read = connection.read(&mut piece).await?;
        if read == 0 {
            return Err(format!("the answer broke off: {}", String::from_utf8_lossy(&seen)).into());
        }
        arrivals.push(Instant::now());
        seen.extend_from_slice(&piece[..read]);
    }
    Ok(arrivals)
}
