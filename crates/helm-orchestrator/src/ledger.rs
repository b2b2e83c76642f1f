use helm_core::{EvaluatorName, TenantId, UserId};
use helm_store::{PreferenceChange, Preferences};

use crate::error::Result;
use crate::inner::Inner;

/// In whose preferences it is kept what judges have spent on which day. Nobody else may change them.
pub(crate) const LEDGER: &str = "helm/judges";
const DAY: i64 = 86_400_000_000;

/// What a judge has spent and set aside today, in the store: all processes see the same, and it outlives them.
pub(crate) struct Ledger<'a> {
    inner: &'a Inner,
    tenant: &'a TenantId,
    judge: &'a EvaluatorName,
    day: i64,
}

/// How often somebody was asked, and for how many billionths of a dollar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) judgements: i64,
    pub(crate) nanos: i64,
}

impl Spent {
    pub(crate) fn negated(self) -> Self {
        Self { judgements: -self.judgements, nanos: -self.nanos }
    }
}

impl<'a> Ledger<'a> {
    /// The ledger of the present day, in UTC. What is set aside on a day is settled there, also after midnight.
    pub(crate) fn of_today(inner: &'a Inner, tenant: &'a TenantId, judge: &'a EvaluatorName) -> Self {
        Self { inner, tenant, judge, day: inner.clock.now().as_micros().div_euclid(DAY) }
    }

    /// Adds so much; the sums of the day after it.
    pub(crate) async fn add(&self, more: Spent) -> Result<Spent> {
        let [dollars, judgements] = [self.name(self.day, "nano_usd"), self.name(self.day, "judgements")];
        let add = |name: &str, by| PreferenceChange::Increment { name: name.to_owned(), by };
        let after = self.apply(&[add(&dollars, more.nanos), add(&judgements, more.judgements)]).await?;
        let sum = |name: &str| after.values.get(name).and_then(serde_json::Value::as_i64).unwrap_or(i64::MAX);
        let spent = Spent { judgements: sum(&judgements), nanos: sum(&dollars) };
        let old = after.values.keys().filter(|name| self.is_over(name));
        let old: Vec<_> = old.map(|name| PreferenceChange::Remove { name: name.clone() }).collect();
        // They do no harm, and are found again with the next judgement.
        if !old.is_empty()
            && let Err(error) = self.apply(&old).await
        {
            tracing::debug!(error = %error.report(), "days that are over were not removed");
        }
        Ok(spent)
    }

    async fn apply(&self, changes: &[PreferenceChange]) -> Result<Preferences> {
        let user = UserId::new(LEDGER)?;
        Ok(self.inner.store.preferences().apply(self.tenant, &user, changes, None).await?)
    }

    fn name(&self, day: i64, what: &str) -> String {
        format!("{}/{day}/{what}", self.judge)
    }

    /// Whether a name is of a day that no judgement can still be settled on.
    fn is_over(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.judge.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let day = rest.and_then(|rest| rest.split_once('/')).and_then(|(day, _)| day.parse::<i64>().ok());
        day.is_some_and(|day| day < self.day - 1)
    }
}
