use std::fmt;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use tracing::Span;

/// What tells a provider of which trace a request is a part: it is given the span of the attempt and the request's headers,
/// and adds to these. Libraries know no tracer; the binary that installs one does.
#[derive(Clone)]
pub struct TraceHeaders(Arc<Add>);

type Add = dyn Fn(&Span, &mut HeaderMap) + Send + Sync;

impl TraceHeaders {
    /// Told by this function, which takes no time to speak of.
    pub fn new(add: impl Fn(&Span, &mut HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(add))
    }

    /// Adds what the present span is to these headers.
    pub(super) fn add(&self, headers: &mut HeaderMap) {
        (self.0)(&Span::current(), headers);
    }
}

impl fmt::Debug for TraceHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceHeaders")
    }
}
