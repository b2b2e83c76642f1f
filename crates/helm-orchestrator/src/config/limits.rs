//! Limits on requests, tokens and money, as the configuration writes them.

use std::time::Duration;

use helm_store::{Limit, Limits, Resource};
use serde::{Deserialize, Serialize};

use crate::admission::AdmissionLimits;
use crate::error::{Error, Result};

/// Whom the limits bind. Default: nobody.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LimitsSection {
    /// The whole installation.
    pub tenant: LimitSection,
    /// Each user.
    pub user: LimitSection,
    /// Each API key.
    pub key: LimitSection,
}

/// How much may be used, at most, in each span of time. Default: no limit.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LimitSection {
    /// Turns in a minute.
    pub requests_per_minute: Option<u64>,
    /// Turns in a day.
    pub requests_per_day: Option<u64>,
    /// Tokens, read and written, in a minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens, read and written, in a day.
    pub tokens_per_day: Option<u64>,
    /// Dollars in a day, of models whose prices are known.
    pub dollars_per_day: Option<f64>,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl LimitsSection {
    /// The limits.
    ///
    /// # Errors
    ///
    /// Fails with the place of a limit that cannot be kept.
    pub(super) fn limits(&self) -> Result<AdmissionLimits> {
        Ok(AdmissionLimits::default()
            .with_tenant(self.tenant.limits("limits.tenant")?)
            .with_user(self.user.limits("limits.user")?)
            .with_key(self.key.limits("limits.key")?))
    }
}

impl LimitSection {
    fn limits(&self, place: &str) -> Result<Limits> {
        let nanos = self.dollars_per_day.map(|dollars| dollars * 1e9);
        if let Some(nanos) = nanos.filter(|nanos| !(1.0..=1e15).contains(nanos)) {
            let message = format!("write a number of dollars up to a million, not {}", nanos / 1e9);
            return Err(Error::config(format!("{place}.dollars_per_day"), message));
        }
        let given = [
            ("requests_per_minute", Resource::Requests, self.requests_per_minute, MINUTE),
            ("requests_per_day", Resource::Requests, self.requests_per_day, DAY),
            ("tokens_per_minute", Resource::Tokens, self.tokens_per_minute, MINUTE),
            ("tokens_per_day", Resource::Tokens, self.tokens_per_day, DAY),
            ("dollars_per_day", Resource::NanoUsd, nanos.map(|nanos| nanos as u64), DAY),
        ];
        let mut limits = Vec::new();
        for (key, resource, amount, window) in given {
            let Some(amount) = amount else { continue };
            let limit = Limit::new(resource, amount, window);
            limits.push(limit.map_err(|error| Error::config(format!("{place}.{key}"), error.to_string()))?);
        }
        Limits::new(limits).map_err(|error| Error::config(place, error.to_string()))
    }
}
