//! Helm over HTTP.
//!
//! [`router`] is a plain [`axum::Router`] that others can mount; [`serve`] runs it on a listener until it is told
//! to stop, then drains.
//!
//! | method and path | does |
//! |---|---|
//! | `POST /chat` | answers a message, whole or as server-sent events |
//! | `POST /feedback` | takes a judgement |
//! | `GET /health`, `/livez`, `/readyz` | whether it works, runs, and takes requests |
//! | `GET /metrics` | Prometheus text, when metrics are installed |
//! | `GET /helm/v1/decisions/{id}` | explains a decision |
//! | `GET /helm/v1/tasks`, `/helm/v1/tasks/{task}/report` | the tasks, and what was learnt of one |
//!
//! Errors are `application/problem+json` (RFC 9457) with a request id. There is no authentication: bind it to
//! loopback only.
//!
//! ```
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use helm_orchestrator::{Helm, Task};
//! use helm_server::{ServerOptions, serve};
//! use tokio_util::sync::CancellationToken;
//!
//! let task = Task::new("support")?.strategy("concise", "Answer in at most two sentences.")?;
//! let helm = Helm::builder().task(task).build().await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let stop = CancellationToken::new();
//! serve(listener, helm, ServerOptions::default(), stop).await?;
//! # Ok(())
//! # }
//! ```

mod chat;
mod connection;
mod feedback;
pub mod json;
mod metrics;
mod problem;
mod request;
mod router;
mod serve;
mod status;
mod view;

pub use metrics::{MetricsError, install_metrics};
pub use router::{ServerOptions, router};
pub use serve::{ServeError, serve};

pub use metrics_exporter_prometheus::PrometheusHandle;
