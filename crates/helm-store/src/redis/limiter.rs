use std::{fmt, sync::Arc};

use async_trait::async_trait;
use fred::{interfaces::LuaInterface, types::Value};
use helm_core::Clock;

use super::client::Redis;
use crate::cache::digest;
use crate::limit::{
    Cost, Denied, Exact, Limit, LimitKey, Limiter, LimiterCapabilities, Limits, MemoryLimiter, Permit,
    Refusal, count_denied, span,
};

/// A [`Limiter`] whose limits hold over all replicas that use the Redis server with one prefix.
///
/// Each call is one script. The time is the server's, so the replicas' clocks need not agree, unless a clock is
/// given. A key's buckets are a hash `prefix:schema:limit:tenant:digest` that expires when all that was taken has
/// come back.
///
/// Without the server it fails open: an in-process limiter stands in, with the same limits for this replica
/// alone, so that `n` replicas admit at most `n` times the limit. `helm_limiter_stand_in_total` counts its
/// decisions. What was taken from it is settled with it; a correction that the server did not get is lost, and
/// the estimate stands.
#[derive(Clone)]
pub struct RedisLimiter {
    redis: Redis,
    stand_in: MemoryLimiter,
    clock: Option<Arc<dyn Clock>>,
}

const ACQUIRE: &str = include_str!("acquire.lua");
const SETTLE: &str = include_str!("settle.lua");

impl RedisLimiter {
    /// A limiter on this server, with `stand_in` for when it is away.
    #[must_use]
    pub fn new(redis: &Redis, stand_in: MemoryLimiter) -> Self {
        Self { redis: redis.clone(), stand_in, clock: None }
    }

    /// Takes the time from `clock` instead of the server. All replicas must then agree on it.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    fn key(&self, key: &LimitKey) -> String {
        let (kind, name) = key.subject();
        let (tenant, digest) = (key.owner(), digest(&[kind, name]));
        self.redis.link().options.key(format_args!("limit:{tenant}:{digest}"))
    }

    /// Nothing for the server's time.
    fn now(&self) -> Value {
        let now = self.clock.as_ref().map(|clock| clock.now().as_micros().to_string());
        now.unwrap_or_default().into()
    }

    /// `None` when the server does not answer.
    async fn ask(&self, key: &LimitKey, limits: &Limits, cost: Cost) -> Option<Result<(), Denied>> {
        let mut arguments = vec![self.now()];
        for limit in limits.iter() {
            arguments.extend([field(limit), number(limit.amount())]);
            arguments.extend(numbers(span(limit, cost.of(limit.resource()))));
            arguments.extend(numbers(span(limit, limit.burst())));
        }
        let key = self.key(key);
        let ask = self.redis.link().client.eval::<Vec<i64>, _, _, _>(ACQUIRE, key, arguments);
        let answer = self.redis.link().call(ask).await?;
        match *answer.as_slice() {
            [] => Some(Ok(())),
            [which, wait] => {
                let limit = limits.iter().nth(usize::try_from(which).ok()?)?;
                Some(Err(Denied::new(*limit, Refusal::Until(wait))))
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    fn capabilities(&self) -> LimiterCapabilities {
        LimiterCapabilities::new(super::BACKEND, true)
    }

    async fn acquire(&self, key: &LimitKey, limits: &Limits, cost: Cost) -> Result<Permit, Denied> {
        let permit = Permit::new(key.clone(), limits.clone(), cost);
        if limits.is_empty() {
            return Ok(permit);
        }
        if let Some(limit) = limits.iter().find(|limit| cost.of(limit.resource()) > limit.burst()) {
            return Err(Denied::new(*limit, Refusal::Never)).inspect_err(count_denied);
        }
        if let Some(answer) = self.ask(key, limits, cost).await {
            return answer.map(|()| permit).inspect_err(count_denied);
        }
        metrics::counter!("helm_limiter_stand_in_total").increment(1);
        let mut permit = self.stand_in.acquire(key, limits, cost).await?;
        permit.stand_in = true;
        Ok(permit)
    }

    async fn settle(&self, permit: Permit, actual: Cost) {
        if permit.stand_in {
            return self.stand_in.settle(permit, actual).await;
        }
        let mut arguments = vec![self.now()];
        for limit in permit.limits().iter() {
            let (reserved, actual) = (permit.reserved().of(limit.resource()), actual.of(limit.resource()));
            let (sign, units) =
                if actual < reserved { ("-", reserved - actual) } else { ("+", actual - reserved) };
            if units > 0 {
                arguments.extend([field(limit), number(limit.amount()), sign.into()]);
                arguments.extend(numbers(span(limit, units)));
            }
        }
        if arguments.len() > 1 {
            let key = self.key(permit.key());
            self.redis
                .link()
                .call(self.redis.link().client.eval::<(), _, _, _>(SETTLE, key, arguments))
                .await;
        }
    }
}

impl fmt::Debug for RedisLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimiter").field("redis", &self.redis).finish_non_exhaustive()
    }
}

/// A bucket's name: a limit that was changed begins anew, its fractions would mean something else.
fn field(limit: &Limit) -> Value {
    format!("{}:{}:{}", limit.resource().as_str(), limit.amount(), limit.window().as_micros()).into()
}

fn number(number: u64) -> Value {
    number.to_string().into()
}

fn numbers(time: Exact) -> [Value; 2] {
    [time.whole.to_string().into(), number(time.part)]
}
