//! Traces for a collector, where the configuration names one.

use helm_orchestrator::HelmConfig;
use helm_orchestrator::llm::TraceHeaders;
use helm_server::TraceParent;
use tracing_subscriber::{Layer, Registry};

use crate::error::Result;

/// What receives spans.
pub(crate) type Receiver = Box<dyn Layer<Registry> + Send + Sync>;

/// What sends spans to the collector; nothing where none is named.
#[cfg(not(feature = "otlp"))]
pub(crate) fn receiver(config: &HelmConfig) -> Result<Option<Receiver>> {
    match &config.traces.otlp {
        None => Ok(None),
        Some(_) => Err(crate::error::Failure::wrong(
            "traces.otlp (OTEL_EXPORTER_OTLP_ENDPOINT): this program was built without it; build helm-cli with --features otlp",
        )),
    }
}

/// What places spans of requests below those of their callers; nothing where no spans are sent.
#[cfg(not(feature = "otlp"))]
pub(crate) fn parent(_: &HelmConfig) -> Option<TraceParent> {
    None
}

/// What tells models of the trace; nothing where no spans are sent.
#[cfg(not(feature = "otlp"))]
pub(crate) fn headers(_: &HelmConfig) -> Option<TraceHeaders> {
    None
}

/// Sends what has not been sent yet.
#[cfg(not(feature = "otlp"))]
pub(crate) async fn end() {}

#[cfg(feature = "otlp")]
pub(crate) use otlp::{end, headers, parent, receiver};

#[cfg(feature = "otlp")]
mod otlp {
    use std::sync::OnceLock;
    use std::time::Duration;

    use async_trait::async_trait;
    use bytes::Bytes;
    use http::{HeaderMap, Request, Response};
    use opentelemetry::Context;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_http::{HeaderExtractor, HeaderInjector, HttpClient, HttpError};
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tokio::runtime::Handle;
    use tracing::Level;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::filter::filter_fn;

    use super::{HelmConfig, Layer, Receiver, Result, TraceHeaders, TraceParent};
    use crate::error::Failure;

    /// How long the collector may take.
    const PATIENCE: Duration = Duration::from_secs(10);

    static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

    /// What sends spans of Helm's own to the collector; nothing where none is named.
    pub(crate) fn receiver(config: &HelmConfig) -> Result<Option<Receiver>> {
        let Some(collector) = &config.traces.otlp else { return Ok(None) };
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::wrong(format!("traces.otlp (OTEL_EXPORTER_OTLP_ENDPOINT): {error}"))
        };
        let client =
            reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| unusable(&error))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { client, runtime: Handle::current() })
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(format!("{}/v1/traces", collector.expose().trim_end_matches('/')))
            .build()
            .map_err(|error| unusable(&error))?;
        let service = Resource::builder().with_service_name("helm").build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(service).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("helm"));
        PROVIDER.get_or_init(|| provider);
        // What sends them would otherwise trace itself. Events may hold the words of providers.
        let own = filter_fn(|about| {
            about.is_span() && about.target().starts_with("helm") && *about.level() <= Level::INFO
        });
        Ok(Some(layer.with_filter(own).boxed()))
    }

    /// What places spans of requests below those that the header `traceparent` names (W3C Trace Context); nothing where no
    /// spans are sent. A header that cannot be read is as none.
    pub(crate) fn parent(config: &HelmConfig) -> Option<TraceParent> {
        config.traces.otlp.as_ref()?;
        let propagator = TraceContextPropagator::new();
        Some(TraceParent::new(move |span, headers| {
            let given = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
            let is_named = given.span().span_context().is_valid();
            if is_named && let Err(error) = span.set_parent(given) {
                tracing::debug!(%error, "a request begins a trace of its own");
            }
        }))
    }

    /// What tells models, in the header `traceparent`, of the span of each attempt to ask them; nothing where no spans are
    /// sent. What callers wrote beside it in their own trace's state is not passed on.
    pub(crate) fn headers(config: &HelmConfig) -> Option<TraceHeaders> {
        const PARENT: &str = "traceparent";
        config.traces.otlp.as_ref()?;
        let propagator = TraceContextPropagator::new();
        Some(TraceHeaders::new(move |span, headers| {
            let mut told = HeaderMap::new();
            propagator.inject_context(&span.context(), &mut HeaderInjector(&mut told));
            if let Some(parent) = told.remove(PARENT) {
                headers.insert(PARENT, parent);
            }
        }))
    }

    /// Sends what has not been sent yet.
    pub(crate) async fn end() {
        let ended = tokio::task::spawn_blocking(|| PROVIDER.get().map(SdkTracerProvider::shutdown));
        if let Ok(Some(Err(error))) = ended.await {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }

    /// Sends over this program's own client. The exporter has a thread of its own, which is no runtime's.
    #[derive(Debug)]
    struct Sender {
        client: reqwest::Client,
        runtime: Handle,
    }

    #[async_trait]
    impl HttpClient for Sender {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let (parts, body) = request.into_parts();
            let asked = self.client.request(parts.method, parts.uri.to_string());
            let asked = asked.headers(parts.headers).body(body);
            let sending = async move {
                let response = asked.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.bytes().await?))
            };
            let (status, body) = self.runtime.spawn(sending).await??;
            Ok(Response::builder().status(status).body(body)?)
        }
    }
}
