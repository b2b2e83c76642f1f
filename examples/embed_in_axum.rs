//! Helm inside an application's own axum server: its own route, and Helm's API beside it. Run it:
//! `cargo run --example embed_in_axum`, then
//! `curl -s -d '{"user":"ana","text":"How do I reset my password?"}' -H 'content-type: application/json' http://127.0.0.1:8081/ask`
//!
//! With `--once` it asks itself one question and ends.

#[path = "shared/say.rs"]
mod say;

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use helm_orchestrator::{ErrorKind, Helm, Task, TurnRequest};
use say::say;
use serde::{Deserialize, Serialize};
use std::future::IntoFuture;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Question {
    user: String,
    text: String,
}

#[derive(Serialize)]
struct Answer {
    text: Option<String>,
    decision_id: String,
    simulated: bool,
}

async fn ask(
    State(helm): State<Helm>,
    Json(question): Json<Question>,
) -> Result<Json<Answer>, (StatusCode, String)> {
    let refuse = |error: helm_orchestrator::Error| {
        let status = match error.kind() {
            ErrorKind::InvalidRequest => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.report())
    };
    let request = TurnRequest::new(question.user, "support", question.text).map_err(refuse)?;
    let turn = helm.turn(request).await.map_err(refuse)?;
    Ok(Json(Answer {
        text: turn.answer,
        decision_id: turn.decision_id.to_string(),
        simulated: turn.simulated,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let once = std::env::args().any(|argument| argument == "--once");
    let task = Task::new("support")?
        .strategy("concise", "Answer in at most two sentences.")?
        .strategy("stepwise", "Answer step by step, as a numbered list.")?;
    let helm = Helm::builder().task(task).build().await?;

    let helm_api = helm_server::router(helm.clone(), helm_server::ServerOptions::default());
    let app = Router::new().route("/ask", post(ask)).with_state(helm.clone()).nest_service("/helm", helm_api);

    let listener = TcpListener::bind(if once { "127.0.0.1:0" } else { "127.0.0.1:8081" }).await?;
    let address = listener.local_addr()?;
    say(format_args!("listening on http://{address}: POST /ask is ours, /helm/chat and the rest are Helm's"));
    let server = axum::serve(listener, app);
    if once {
        let asked = ask(
            State(helm.clone()),
            Json(Question { user: "ana".to_owned(), text: "How do I reset my password?".to_owned() }),
        );
        tokio::select! {
            served = server.into_future() => served?,
            answer = asked => say(format_args!("{}", serde_json::to_string_pretty(&answer.map_err(|(_, text)| text)?.0)?)),
        }
    } else {
        server.with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    }
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
