use std::collections::BTreeMap;
use std::time::Duration;

use helm_core::{Epoch, Stats, StrategyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::posterior::Posterior;
use crate::snapshot::Snapshot;

/// What a task may spend, by tenant. In configuration `budget = { usd_per_day = 5.0 }`.
///
/// Beliefs are lowered by λ times a strategy's expected spending, in parts of the dearest eligible one's, before the
/// rule sees them. λ is a price that rises while the task spends faster than its budget allows and falls while it
/// spends more slowly: λ ← max(0, λ + η (spent / allowed − 1)) for each closed epoch of the last week (dual
/// ascent; Agrawal & Devanur 2014; Badanidiyuru, Kleinberg & Slivkins 2013). Rewards and costs stay apart in the
/// statistics. λ is a function of them alone, so replicas that read the same state charge the same price.
///
/// A day whose budget is spent leaves only the cheapest strategy, but for the floor; days begin at midnight UTC.
/// Turns whose cost is not known count as free, and turns that teach nothing, because somebody named the strategy
/// or nothing was eligible, do not count.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Budget {
    /// Dollars in a day.
    UsdPerDay(f64),
    /// Tokens in a day, of prompts and answers.
    TokensPerDay(f64),
    /// Seconds that a turn may take on average.
    SecondsPerTurn(f64),
}

/// η: how much λ rises in an epoch that spends twice what is allowed, in units of reward.
const STEP: f64 = 0.1;
/// An epoch counts as spending at most so many times what is allowed.
const MOST_OVER: f64 = 5.0;
/// The most that the dearest strategy can be charged: twice the range of rewards, so the cheapest surely wins.
const HIGHEST_PRICE: f64 = 2.0;
const DAY: i64 = 86_400;
/// What lies further back than this many days has no say.
const DAYS: i64 = 7;

impl Budget {
    /// Checks the amount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when it is not a finite number above 0.
    pub fn checked(self) -> Result<Self> {
        let amount = self.amount();
        if amount.is_finite() && amount > 0.0 {
            return Ok(self);
        }
        let accepted = "a finite amount above 0";
        Err(Error::InvalidParameter { parameter: "budget", accepted, value: amount.to_string() })
    }

    fn amount(self) -> f64 {
        match self {
            Self::UsdPerDay(amount) | Self::TokensPerDay(amount) | Self::SecondsPerTurn(amount) => amount,
        }
    }

    /// What these turns have spent, in the budget's unit.
    fn spent(self, stats: &Stats) -> f64 {
        match self {
            Self::UsdPerDay(_) => stats.cost.nanos() as f64 / 1e9,
            Self::TokensPerDay(_) => stats.tokens as f64,
            Self::SecondsPerTurn(_) => stats.latency_us as f64 / 1e6,
        }
    }

    /// What an epoch of this length and so many turns may spend.
    fn allowed(self, length: Duration, turns: f64) -> f64 {
        match self {
            Self::UsdPerDay(amount) | Self::TokensPerDay(amount) => {
                amount * length.as_secs_f64() / DAY as f64
            }
            Self::SecondsPerTurn(amount) => amount * turns,
        }
    }

    /// The first epoch that it looks at.
    pub(crate) fn since(now: Timestamp, length: Duration) -> Epoch {
        let back = now.as_micros().saturating_sub(DAYS.saturating_mul(DAY).saturating_mul(1_000_000));
        Epoch::containing(Timestamp::from_micros(back), length)
    }

    /// λ at this moment, in units of reward for the dearest strategy's expected spending.
    #[must_use]
    pub fn price(&self, snapshot: &Snapshot, length: Duration, now: Timestamp) -> f64 {
        let (first, open) = (Self::since(now, length), Epoch::containing(now, length));
        let mut epochs: BTreeMap<Epoch, (f64, f64)> = BTreeMap::new();
        for (_, arm) in snapshot.arms() {
            for (epoch, stats) in arm.task.epochs.range(first..=open) {
                let (spent, turns) = epochs.entry(*epoch).or_default();
                *spent += self.spent(stats);
                *turns += turns_of(stats);
            }
        }
        if self.is_spent(&epochs, now) {
            return HIGHEST_PRICE;
        }
        let mut price = 0.0_f64;
        let mut next = epochs.keys().next().map_or(open.start(), |epoch| epoch.start());
        while next < open.start() {
            let (spent, turns) = epochs.get(&Epoch::starting_at(next)).copied().unwrap_or_default();
            let allowed = self.allowed(length, turns);
            let over = if allowed > 0.0 { (spent / allowed).min(MOST_OVER) - 1.0 } else { -1.0 };
            price = (price + STEP * over).clamp(0.0, HIGHEST_PRICE);
            next = next.saturating_add(i64::try_from(length.as_secs()).unwrap_or(i64::MAX).max(1));
        }
        price
    }

    /// Whether today's budget is used up.
    fn is_spent(self, epochs: &BTreeMap<Epoch, (f64, f64)>, now: Timestamp) -> bool {
        if matches!(self, Self::SecondsPerTurn(_)) {
            return false;
        }
        let midnight = Epoch::starting_at(now.as_seconds().div_euclid(DAY) * DAY);
        epochs.range(midnight..).map(|(_, (spent, _))| spent).sum::<f64>() >= self.amount()
    }

    /// Lowers each belief by λ times its strategy's expected spending.
    pub(crate) fn charge(
        self,
        price: f64,
        snapshot: &Snapshot,
        ids: &[&StrategyId],
        beliefs: &mut [Posterior],
    ) {
        if price <= 0.0 {
            return;
        }
        let mean = |id: &&StrategyId| -> Option<f64> {
            let total = snapshot.total(id)?;
            let turns = turns_of(total);
            (turns > 0.0).then(|| self.spent(total) / turns)
        };
        let means: Vec<Option<f64>> = ids.iter().map(mean).collect();
        let known = || means.iter().flatten().copied();
        let dearest = known().fold(0.0, f64::max);
        if dearest <= 0.0 {
            return;
        }
        // A strategy that nobody has paid for yet is taken for an average one.
        let average = known().sum::<f64>() / known().count() as f64;
        for (belief, mean) in beliefs.iter_mut().zip(&means) {
            *belief = belief.lowered(price * mean.unwrap_or(average) / dearest);
        }
    }
}

fn turns_of(stats: &Stats) -> f64 {
    stats.turns.max(0) as f64
}
