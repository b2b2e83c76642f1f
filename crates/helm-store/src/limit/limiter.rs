use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use helm_core::{TenantId, UserId};

use super::gcra::Refusal;
use super::resource::{Cost, Limit, Limits, Resource};

/// Admits requests as long as they keep their limits.
///
/// What a turn costs is known only when it has ended. So an estimate is reserved before it
/// ([`Limiter::acquire`]) and corrected after it ([`Limiter::settle`]). What was used beyond the estimate is owed
/// and comes off the following requests; what was not used is given back. Giving back never raises the long-run
/// rate, but a burst may be larger by what reservations made before it gave back.
///
/// A limiter answers in any case; one that is shared over replicas says in its own documentation what it does
/// without its server.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// What this limiter is.
    fn capabilities(&self) -> LimiterCapabilities;

    /// Takes `cost` from every limit of `key`, or nothing from any. A limit whose resource costs nothing refuses
    /// all the same while more of it is owed than may be taken at once.
    ///
    /// # Errors
    ///
    /// [`Denied`] when a limit does not have that much now.
    async fn acquire(&self, key: &LimitKey, limits: &Limits, cost: Cost) -> Result<Permit, Denied>;

    /// Corrects what a permit has taken to what was really used. Without it the estimate stands.
    async fn settle(&self, permit: Permit, actual: Cost);
}

/// What a [`Limiter`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LimiterCapabilities {
    /// The backend's name, for messages and metrics.
    pub backend: &'static str,
    /// Whether limits hold over several processes together.
    pub shared: bool,
}

impl LimiterCapabilities {
    /// The capabilities of `backend`.
    #[must_use]
    pub fn new(backend: &'static str, shared: bool) -> Self {
        Self { backend, shared }
    }
}

/// Whose limits they are: a tenant's, or those of somebody or something within it. Each has buckets of its own;
/// a request that is to keep the limits of both a tenant and its user acquires both, and settles the first with
/// [`Cost::default`] when the second is denied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LimitKey {
    tenant: TenantId,
    subject: Subject,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Subject {
    Tenant,
    User(UserId),
    Named(Cow<'static, str>, Arc<str>),
}

impl LimitKey {
    /// The tenant as a whole.
    #[must_use]
    pub fn tenant(tenant: TenantId) -> Self {
        Self { tenant, subject: Subject::Tenant }
    }

    /// One of its users.
    #[must_use]
    pub fn user(tenant: TenantId, user: UserId) -> Self {
        Self { tenant, subject: Subject::User(user) }
    }

    /// Anything else of the tenant's, for example the API key (`"api_key"`) with this identifier. The identifier
    /// is not the secret.
    pub fn named(tenant: TenantId, kind: impl Into<Cow<'static, str>>, name: impl Into<Arc<str>>) -> Self {
        Self { tenant, subject: Subject::Named(kind.into(), name.into()) }
    }

    /// Whose data it is.
    #[must_use]
    pub fn owner(&self) -> &TenantId {
        &self.tenant
    }

    /// What it is within the tenant, and its name there.
    #[cfg(feature = "redis")]
    pub(crate) fn subject(&self) -> (&str, &str) {
        match &self.subject {
            Subject::Tenant => ("tenant", ""),
            Subject::User(user) => ("user", user.as_str()),
            Subject::Named(kind, name) => (kind, name),
        }
    }
}

/// That a request was admitted, and what for.
#[must_use = "settle it with what was really used"]
#[derive(PartialEq, Eq, Debug)]
pub struct Permit {
    key: LimitKey,
    limits: Limits,
    reserved: Cost,
    /// Given by the limiter that stands in for a shared one.
    pub(crate) stand_in: bool,
}

impl Permit {
    /// A permit for what a limiter has taken. Only limiters make them.
    pub fn new(key: LimitKey, limits: Limits, reserved: Cost) -> Self {
        Self { key, limits, reserved, stand_in: false }
    }

    /// Whose limits it was taken from.
    #[must_use]
    pub fn key(&self) -> &LimitKey {
        &self.key
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was taken.
    #[must_use]
    pub fn reserved(&self) -> Cost {
        self.reserved
    }
}

/// A limit does not have what a request costs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Denied {
    /// After how long it may be tried again: then there is enough, unless others take it first. `None` when the
    /// request costs more than can ever be taken at once: it must become smaller, or the limit larger.
    pub retry_after: Option<Duration>,
    /// The limit: of all that do not have enough, the one with the longest wait.
    pub which: Limit,
}

impl Denied {
    pub(crate) fn new(which: Limit, refusal: Refusal) -> Self {
        let retry_after = match refusal {
            Refusal::Until(micros) => Some(Duration::from_micros(micros.max(0).unsigned_abs())),
            Refusal::Never => None,
        };
        Self { retry_after, which }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, per) = (self.which.amount(), self.which.window());
        match self.which.resource() {
            Resource::NanoUsd => write!(f, "the limit of {} in {per:?}", dollars(limit))?,
            resource => write!(f, "the limit of {limit} {} in {per:?}", resource.as_str())?,
        }
        match self.retry_after {
            Some(wait) => write!(f, " is used up; try again in {:.3} s", wait.as_secs_f64()),
            None => f.write_str(" allows no request as large as this one at once"),
        }
    }
}

fn dollars(nanos: u64) -> String {
    helm_core::NanoUsd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string()
}

/// Counts a denial.
pub(crate) fn count_denied(denied: &Denied) {
    metrics::counter!("helm_limiter_denied_total", "resource" => denied.which.resource().as_str())
        .increment(1);
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Limiter + ?Sized> Limiter for $pointer<T> {
            fn capabilities(&self) -> LimiterCapabilities {
                (**self).capabilities()
            }

            async fn acquire(&self, key: &LimitKey, limits: &Limits, cost: Cost) -> Result<Permit, Denied> {
                (**self).acquire(key, limits, cost).await
            }

            async fn settle(&self, permit: Permit, actual: Cost) {
                (**self).settle(permit, actual).await;
            }
        }
    };
}

forward!(Arc);
forward!(Box);
