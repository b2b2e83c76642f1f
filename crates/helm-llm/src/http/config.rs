use std::time::Duration;

use helm_core::ModelName;

use super::trace::TraceHeaders;
use crate::capabilities::Capabilities;
use crate::prices::PriceSource;
use crate::redacted::RedactedUrl;
use crate::secret::Secret;

/// Where a model is and what is known about it, whatever its wire format.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The name it is configured under.
    pub name: ModelName,
    /// Its address up to and without the wire format's own path. A query stays behind the whole path.
    pub base_url: RedactedUrl,
    /// The key. Default: none is sent.
    pub api_key: Option<Secret>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What its tokens cost. Default: unknown.
    pub prices: Option<PriceSource>,
    /// What it can do, as far as its wire format can say it. Default: everything.
    pub capabilities: Capabilities,
    /// What tells its provider of the trace. Default: it is not told.
    pub trace: Option<TraceHeaders>,
}

impl HttpConfig {
    /// The defaults, for this address.
    #[must_use]
    pub fn new(name: ModelName, base_url: impl Into<RedactedUrl>) -> Self {
        Self {
            name,
            base_url: base_url.into(),
            api_key: None,
            timeouts: Timeouts::default(),
            prices: None,
            capabilities: Capabilities::default(),
            trace: None,
        }
    }

    /// Tells its provider of the trace that each request is a part of.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceHeaders) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Sends this key.
    #[must_use]
    pub fn with_api_key(mut self, key: Secret) -> Self {
        self.api_key = Some(key);
        self
    }

    /// Sets how long things may take.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets what it can do.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets what its tokens cost.
    #[must_use]
    pub fn with_prices(mut self, prices: impl Into<PriceSource>) -> Self {
        self.prices = Some(prices.into());
        self
    }
}

/// How long parts of a call may take. All of it, and a whole answer, is bounded by the call's deadline alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Reaching the provider. Default: 5 s.
    pub connect: Duration,
    /// From the request to the first content of a streamed answer. Default: 30 s.
    pub first_token: Duration,
    /// Waiting for the next content of a streamed answer. Default: 30 s.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(30),
            idle: Duration::from_secs(30),
        }
    }
}
