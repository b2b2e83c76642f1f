//! The model behind all servers, which answers at once, and the server that only copies.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::{Any, callers};

/// Starts a model that speaks OpenAI's chat; its address.
pub(crate) async fn start() -> Any<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let message =
        json!({ "role": "assistant", "content": "Bees live in hives, where they make honey and wax." });
    let usage = json!({ "prompt_tokens": 12, "completion_tokens": 12, "total_tokens": 24 });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    let body = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage })
        .to_string();
    let about = "content-type: application/json";
    let answer = format!("HTTP/1.1 200 OK\r\n{about}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    #[expect(clippy::disallowed_methods, reason = "it ends with the measurement")]
    drop(tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(tokio::spawn(model(connection, answer.clone())));
        }
    }));
    Ok(address)
}

async fn model(mut connection: TcpStream, answer: String) {
    let mut request = Vec::new();
    if connection.set_nodelay(true).is_err() {
        return;
    }
    // Whoever hangs up has seen enough.
    while matches!(callers::read(&mut connection, &mut request).await, Ok(true)) {
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Copies what comes in to this address and back, and never ends.
pub(crate) async fn pass_through(upstream: SocketAddr) -> Any<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening http://{}", listener.local_addr()?);
    loop {
        let (mut caller, _) = listener.accept().await?;
        #[expect(clippy::disallowed_methods, reason = "it ends with its caller")]
        drop(tokio::spawn(async move {
            let mut model = TcpStream::connect(upstream).await?;
            model.set_nodelay(true)?;
            caller.set_nodelay(true)?;
            copy_bidirectional(&mut caller, &mut model).await
        }));
    }
}
