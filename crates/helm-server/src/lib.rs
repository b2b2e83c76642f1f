#![doc = include_str!("../README.md")]
//!
//! # Paths
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
//! | `POST /v1/chat/completions`, `/v1/embeddings`, `GET /v1/models` | as clients of OpenAI's API ask for it |
//! | `POST /v1/messages`, `/v1/messages/count_tokens` | as clients of Anthropic's API ask for it |
//! | `GET /helm/v1/decisions/{id}` | explains a decision |
//! | `GET /helm/v1/decisions` | the log, newest first, or as it goes on |
//! | `GET /helm/v1/overview`, `/helm/v1/guardrails/findings` | how turns went over time, what guards found |
//! | `GET /helm/v1/tasks`, `/helm/v1/tasks/{task}/…` | the tasks, and what was learnt of one and of its users |
//! | `/helm/v1/users/{user}/…` | preferences, conversations and memories |
//! | `GET /helm/v1/openapi.json` | all of this as an OpenAPI document |
//! | `GET /ui` | a dashboard of it, for browsers |
//!
//! Errors are `application/problem+json` (RFC 9457) with a request id, and under `/v1` what the clients of that API
//! expect. With [`ApiKeys`] everything but the three that say whether it works, and the dashboard's files, wants a key; without, bind it to
//! loopback only.

mod anthropic;
mod body;
mod caller;
mod chat;
mod connection;
mod dialect;
mod events;
mod experiments;
mod feedback;
pub mod json;
mod keys;
mod memories;
mod metrics;
mod openai;
mod openapi;
mod overload;
mod picture;
mod problem;
mod request;
mod router;
mod schemas;
mod serve;
mod shown;
mod status;
mod target;
mod ui;
mod users;
mod view;
mod watch;
mod wire;

pub use keys::{ApiKeys, ApiKeysError, Role, UnknownRole};
pub use metrics::{METRICS, Metric, MetricKind, MetricsError, install_metrics, metrics_table};
pub use openapi::openapi;
pub use overload::InFlight;
pub use router::{ServerOptions, TraceParent, router};
pub use serve::{ServeError, serve};
pub use wire::RequestLimits;

pub use metrics_exporter_prometheus::PrometheusHandle;
