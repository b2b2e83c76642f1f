//! Who may have a turn now: limits on requests, tokens and money, of a tenant, a user and an API key.

use std::sync::Arc;

use helm_core::{TenantId, TokenCount, TokenCounter, UserId};
use helm_store::{Cost, Denied, LimitKey, Limiter, Limits, Permit};

use crate::error::{Error, Result};
use crate::request::{TurnRequest, TurnResponse};

/// How much each of those may use. Default: no limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AdmissionLimits {
    /// A whole tenant.
    pub tenant: Limits,
    /// Each of its users.
    pub user: Limits,
    /// Each of its API keys.
    pub key: Limits,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { tenant: Limits::none(), user: Limits::none(), key: Limits::none() }
    }
}

impl AdmissionLimits {
    /// Limits a whole tenant.
    #[must_use]
    pub fn with_tenant(mut self, limits: Limits) -> Self {
        self.tenant = limits;
        self
    }

    /// Limits each user.
    #[must_use]
    pub fn with_user(mut self, limits: Limits) -> Self {
        self.user = limits;
        self
    }

    /// Limits each API key.
    #[must_use]
    pub fn with_key(mut self, limits: Limits) -> Self {
        self.key = limits;
        self
    }
}

/// What a turn is thought to write before it has.
const EXPECTED_OUTPUT: u64 = 256;

/// Whose limits, which, and what they are called.
type Applying<'a> = (LimitKey, &'a Limits, &'static str);

/// Keeps the limits.
pub(crate) struct Admission {
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) limits: AdmissionLimits,
}

/// What an admitted turn has taken.
pub(crate) struct Admitted {
    limiter: Arc<dyn Limiter>,
    permits: Vec<Permit>,
}

impl Admission {
    /// Takes what a turn is expected to use from every limit, or nothing from any.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] when a limit does not have that much now.
    pub(crate) async fn admit(
        &self,
        tenant: &TenantId,
        request: &TurnRequest,
        counter: &dyn TokenCounter,
    ) -> Result<Admitted> {
        let mut admitted = Admitted { limiter: Arc::clone(&self.limiter), permits: Vec::new() };
        let cost = expected(request, counter);
        for (key, limits, whose) in self.applying(tenant, request) {
            match self.limiter.acquire(&key, limits, cost).await {
                Ok(permit) => admitted.permits.push(permit),
                Err(denied) => {
                    admitted.unused().await;
                    return Err(refusal(&denied, whose));
                }
            }
        }
        Ok(admitted)
    }

    /// Takes what work beside the turns has used, whatever is left: it is done, and the turns to come wait for it.
    pub(crate) async fn charge(&self, tenant: &TenantId, user: &UserId, used: Cost) {
        for (key, limits, _) in self.of(tenant, user).into_iter().filter(|(_, limits, _)| !limits.is_empty())
        {
            self.limiter.settle(Permit::new(key, limits.clone(), Cost::default()), used).await;
        }
    }

    fn applying<'a>(
        &'a self,
        tenant: &TenantId,
        request: &TurnRequest,
    ) -> impl Iterator<Item = Applying<'a>> {
        let key = request.caller.as_ref().map(|name| {
            let key = LimitKey::named(tenant.clone(), "api_key", Arc::clone(name));
            (key, &self.limits.key, "this key")
        });
        let all = self.of(tenant, &request.user).into_iter().chain(key);
        all.filter(|(_, limits, _)| !limits.is_empty())
    }

    fn of<'a>(&'a self, tenant: &TenantId, user: &UserId) -> [Applying<'a>; 2] {
        let user = LimitKey::user(tenant.clone(), user.clone());
        [
            (LimitKey::tenant(tenant.clone()), &self.limits.tenant, "this installation"),
            (user, &self.limits.user, "this user"),
        ]
    }
}

impl Admitted {
    /// Corrects what was taken to what a turn used.
    pub(crate) async fn used(self, turn: &TurnResponse) {
        let cost = Cost::request().with_tokens(turn.usage.total());
        self.settle(turn.cost.map_or(cost, |money| cost.with_money(money))).await;
    }

    /// Gives back what was taken for a turn that did not begin.
    pub(crate) async fn unused(self) {
        self.settle(Cost::default()).await;
    }

    async fn settle(self, actual: Cost) {
        for permit in self.permits {
            self.limiter.settle(permit, actual).await;
        }
    }
}

fn expected(request: &TurnRequest, counter: &dyn TokenCounter) -> Cost {
    let own = request.chat.iter().flat_map(|chat| &chat.messages);
    let own: u64 = own.map(|message| counter.count(&message.joined_text()).get()).sum();
    let asked = own.max(counter.count(&request.message).get());
    let bound = request.chat.as_ref().and_then(|chat| chat.max_output_tokens).map(TokenCount::get);
    let answer = bound.map_or(EXPECTED_OUTPUT, |bound| bound.min(EXPECTED_OUTPUT));
    Cost::request().with_tokens(TokenCount::new(asked.saturating_add(answer)))
}

fn refusal(denied: &Denied, whose: &'static str) -> Error {
    Error::RateLimited { limit: format!("{whose}: {denied}"), retry_after: denied.retry_after }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use helm_store::{Limit, MemoryLimiter, MemoryLimiterOptions, Resource};

    use super::*;

    fn admission(limits: AdmissionLimits) -> Admission {
        Admission { limiter: Arc::new(MemoryLimiter::new(MemoryLimiterOptions::default())), limits }
    }

    fn per_day(resource: Resource, amount: u64) -> Limits {
        Limits::new([Limit::new(resource, amount, Duration::from_secs(86_400)).unwrap()]).unwrap()
    }

    async fn ask(admission: &Admission, user: &str) -> Result<Admitted> {
        let request = TurnRequest::new(user, "support", "Hello there").unwrap();
        admission.admit(&TenantId::single(), &request, &helm_core::HeuristicTokenCounter).await
    }

    #[tokio::test]
    async fn each_user_has_its_own_limit_and_a_refused_turn_takes_nothing() {
        let limits = AdmissionLimits::default().with_tenant(per_day(Resource::Requests, 3));
        let admission = admission(limits.with_user(per_day(Resource::Requests, 2)));
        for _ in 0..2 {
            assert!(ask(&admission, "ana").await.is_ok());
        }
        for _ in 0..5 {
            let Err(Error::RateLimited { limit, retry_after }) = ask(&admission, "ana").await else {
                panic!("ana has used up hers")
            };
            assert!(limit.contains("this user") && retry_after.is_some(), "{limit}");
        }
        assert!(ask(&admission, "bob").await.is_ok(), "what was refused took nothing of the tenant's");
        assert!(ask(&admission, "eve").await.is_err());
    }

    #[tokio::test]
    async fn what_is_done_is_charged_whatever_is_left() {
        let limits = AdmissionLimits::default().with_tenant(per_day(Resource::Tokens, 1_000));
        let admission = admission(limits.with_user(per_day(Resource::NanoUsd, 50)));
        let ana = UserId::new("ana").unwrap();
        let used = Cost::default().with_money(helm_core::NanoUsd::from_nanos(80));
        admission.charge(&TenantId::single(), &ana, used).await;
        assert!(ask(&admission, "bob").await.is_ok(), "the money was ana's");
        let Err(Error::RateLimited { retry_after: Some(wait), .. }) = ask(&admission, "ana").await else {
            panic!("more is owed than she may spend")
        };
        assert!(wait > Duration::from_secs(86_400 / 2));
        let used = Cost::default().with_tokens(TokenCount::new(900));
        admission.charge(&TenantId::single(), &ana, used).await;
        assert!(ask(&admission, "bob").await.is_err(), "the tenant has no tokens left for another turn");
    }

    #[tokio::test]
    async fn what_is_larger_than_the_limit_is_never_admitted() {
        let limits = AdmissionLimits::default().with_user(per_day(Resource::Tokens, 10));
        let Err(Error::RateLimited { retry_after, .. }) = ask(&admission(limits), "ana").await else {
            panic!("it is too large")
        };
        assert_eq!(retry_after, None);
    }
}
