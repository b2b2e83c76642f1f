use std::time::Duration;

use helm_core::{NanoUsd, TokenCount};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// Requests.
    Requests,
    /// Tokens of models.
    Tokens,
    /// Money, in billionths of a dollar.
    NanoUsd,
}

impl Resource {
    /// The name in configuration, messages and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::NanoUsd => "nano_usd",
        }
    }
}

/// What a request takes of each resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Requests, usually 1.
    pub requests: u64,
    /// Tokens read and written.
    pub tokens: TokenCount,
    /// Money. A negative amount counts as nothing.
    pub money: NanoUsd,
}

impl Cost {
    /// One request, whose tokens and money are nothing or not known yet.
    #[must_use]
    pub fn request() -> Self {
        Self { requests: 1, ..Self::default() }
    }

    /// Sets the tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenCount) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the money.
    #[must_use]
    pub fn with_money(mut self, money: NanoUsd) -> Self {
        self.money = money;
        self
    }

    pub(crate) fn of(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Requests => self.requests,
            Resource::Tokens => self.tokens.get(),
            Resource::NanoUsd => u64::try_from(self.money.nanos()).unwrap_or(0),
        }
    }
}

/// So much of a resource in so much time.
///
/// The whole amount may be taken at once ([`Limit::burst`] may say otherwise) and comes back evenly over the
/// window. Over a span `t` that is at most `burst + amount * t / window`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Limit {
    resource: Resource,
    amount: u64,
    burst: u64,
    /// In microseconds.
    window: u64,
}

/// Keeps every sum below 2^53, so that Redis, whose scripts count in doubles, counts exactly.
const MAX_AMOUNT: u64 = 1 << 50;
const MAX_WINDOW: Duration = Duration::from_secs(366 * 86_400);
/// The longest that filling a bucket may take, in microseconds: 17 years.
const MAX_FILLING: u128 = 1 << 49;

impl Limit {
    /// At most `amount` of `resource` in each `window`. The unit of money is a billionth of a dollar.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `amount` is 0 or above 2^50 (a million dollars), or `window` is shorter than
    /// a microsecond or longer than 366 days.
    pub fn new(resource: Resource, amount: u64, window: Duration) -> Result<Self> {
        if amount == 0 || amount > MAX_AMOUNT {
            return refuse(format!("a limit of {amount} {}: use 1 to 2^50", resource.as_str()));
        }
        if window < Duration::from_micros(1) || window > MAX_WINDOW {
            return refuse(format!("a window of {window:?}: use a microsecond to 366 days"));
        }
        let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        Ok(Self { resource, amount, burst: amount, window })
    }

    /// Sets how much may be taken at once. Default: the whole amount.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it is 0, or takes more than 17 years to come back.
    pub fn with_burst(mut self, burst: u64) -> Result<Self> {
        let filling = u128::from(burst) * u128::from(self.window) / u128::from(self.amount);
        if burst == 0 || filling > MAX_FILLING {
            return refuse(format!(
                "a burst of {burst} {}: it is 0 or never comes back",
                self.resource.as_str()
            ));
        }
        self.burst = burst;
        Ok(self)
    }

    /// Whether both draw on one bucket: they differ at most in their burst.
    pub(super) fn shares_bucket(&self, other: &Self) -> bool {
        self.bucket() == other.bucket()
    }

    fn bucket(&self) -> (Resource, u64, u64) {
        (self.resource, self.amount, self.window)
    }

    /// What is limited.
    #[must_use]
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// How much of it comes back in each window.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// How much may be taken at once.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.burst
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_micros(self.window)
    }
}

/// The limits that a request must keep together; several of one resource with different windows are fine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Limits(std::sync::Arc<[Limit]>);

impl Limits {
    /// No limits.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These limits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when there are more than 16, or two of one resource, amount and window.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Result<Self> {
        let limits: Vec<_> = limits.into_iter().collect();
        let mut buckets: Vec<_> = limits.iter().map(Limit::bucket).collect();
        buckets.sort_unstable();
        buckets.dedup();
        if limits.len() > 16 || buckets.len() < limits.len() {
            return refuse("use at most 16 limits, each of another resource, amount or window".to_owned());
        }
        Ok(Self(limits.into()))
    }

    /// The limits.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Limit> {
        self.0.iter()
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::Invalid, "limiter", "new", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked() {
        let day = Duration::from_secs(86_400);
        assert!(Limit::new(Resource::Tokens, 0, day).is_err());
        assert!(Limit::new(Resource::Tokens, u64::MAX, day).is_err());
        assert!(Limit::new(Resource::Tokens, 1, Duration::ZERO).is_err());
        assert!(Limit::new(Resource::Tokens, 1, day * 1_000).is_err());
        let limit = Limit::new(Resource::Tokens, 1, day).unwrap();
        assert!(limit.with_burst(0).is_err());
        assert!(limit.with_burst(1_000_000).is_err());
        assert!(Limits::new([limit, limit]).is_err());
        let other = limit.with_burst(2).unwrap();
        assert!(Limits::new([limit, other]).is_err(), "they would share a bucket");
    }

    #[test]
    fn negative_money_is_nothing() {
        let cost = Cost::request().with_money(NanoUsd::from_nanos(-5));
        assert_eq!(cost.of(Resource::NanoUsd), 0);
    }
}
