//! The generic cell rate algorithm in exact integers.
//!
//! Source: ITU-T Recommendation I.371, annex A, "virtual scheduling algorithm" (the ATM Forum's UNI 3.1, 1994,
//! section 3.6.2.4.1, has the same figure). Its one number is the theoretical arrival time: when everything
//! taken so far will have come back. Taking `c` moves it by `c * window / amount`; it may be at most
//! `burst * window / amount` ahead of the present. That is a token bucket whose fill never needs updating.
//!
//! Where the original has equal cells, a cost here is any integer. Times are whole microseconds plus so many
//! `amount`ths of one, so nothing is ever rounded, and every number stays below 2^53 for the scripts of Redis,
//! which follow this file step by step.

use std::cmp::Ordering;

use helm_core::Timestamp;

use super::resource::Limit;

/// No time is beyond this: in the year 2112, and twice that is below 2^53.
const END: i64 = 1 << 52;
/// No single cost takes longer to come back: 17 years.
const LONGEST: i64 = 1 << 49;

/// A moment or a span: microseconds, and a fraction of one in `amount`ths of its limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Exact {
    pub(crate) whole: i64,
    /// Below the limit's amount.
    pub(crate) part: u64,
}

impl Exact {
    fn at(now: Timestamp) -> Self {
        Self { whole: now.as_micros(), part: 0 }
    }

    fn plus(self, other: Self, limit: &Limit) -> Self {
        let part = self.part + other.part;
        let carried = part >= limit.amount();
        let part = if carried { part - limit.amount() } else { part };
        let whole = self.whole.saturating_add(other.whole).saturating_add(carried.into());
        if whole < END { Self { whole, part } } else { Self { whole: END, part: 0 } }
    }

    fn minus(self, other: Self, limit: &Limit) -> Self {
        let borrowed = self.part < other.part;
        let part = if borrowed { self.part + limit.amount() } else { self.part };
        let whole = self.whole.saturating_sub(other.whole).saturating_sub(borrowed.into());
        Self { whole, part: part - other.part }
    }

    /// In microseconds, rounded up.
    fn ceiling(self) -> i64 {
        self.whole.saturating_add((self.part > 0).into())
    }
}

/// How long `units` of the limit's resource take to come back.
pub(crate) fn span(limit: &Limit, units: u64) -> Exact {
    let amount = u128::from(limit.amount());
    let parts = u128::from(units) * limit.window().as_micros();
    match (i64::try_from(parts / amount), u64::try_from(parts % amount)) {
        (Ok(whole), Ok(part)) if whole < LONGEST => Exact { whole, part },
        _ => Exact { whole: LONGEST, part: 0 },
    }
}

/// Why something cannot be taken now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Refusal {
    /// It can be, after so many microseconds, if nothing else is taken.
    Until(i64),
    /// It is more than the burst.
    Never,
}

/// The theoretical arrival time after `units` have been taken at `now`.
pub(crate) fn take(limit: &Limit, held: Option<Exact>, now: Timestamp, units: u64) -> Result<Exact, Refusal> {
    if units > limit.burst() {
        return Err(Refusal::Never);
    }
    let now = Exact::at(now);
    let after = held.unwrap_or(now).max(now).plus(span(limit, units), limit);
    let latest = now.plus(span(limit, limit.burst()), limit);
    if after <= latest { Ok(after) } else { Err(Refusal::Until(after.minus(latest, limit).ceiling())) }
}

/// The theoretical arrival time once it is known that `actual` was taken where `reserved` had been.
pub(crate) fn correct(
    limit: &Limit,
    held: Option<Exact>,
    now: Timestamp,
    (reserved, actual): (u64, u64),
) -> Option<Exact> {
    match actual.cmp(&reserved) {
        Ordering::Equal => held,
        Ordering::Greater => {
            let now = Exact::at(now);
            Some(held.unwrap_or(now).max(now).plus(span(limit, actual - reserved), limit))
        }
        Ordering::Less => held.map(|held| held.minus(span(limit, reserved - actual), limit)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::resource::Resource;
    use super::*;

    fn limit(amount: u64, window: u64, burst: u64) -> Limit {
        let limit = Limit::new(Resource::Tokens, amount, Duration::from_micros(window)).unwrap();
        limit.with_burst(burst).unwrap()
    }

    /// A token bucket as a textbook has it, in `window`ths of a unit: the fill is an exact integer.
    struct Bucket {
        limit: Limit,
        fill: i128,
        at: i64,
    }

    impl Bucket {
        fn full(limit: Limit) -> Self {
            Self { limit, fill: Self::parts(&limit, limit.burst()), at: 0 }
        }

        fn parts(limit: &Limit, units: u64) -> i128 {
            i128::from(units) * limit.window().as_micros() as i128
        }

        fn refill(&mut self, now: i64) {
            let back = i128::from(now - self.at) * i128::from(self.limit.amount());
            self.fill = (self.fill + back).min(Self::parts(&self.limit, self.limit.burst()));
            self.at = now;
        }

        fn take(&mut self, now: i64, units: u64) -> bool {
            self.refill(now);
            let after = self.fill - Self::parts(&self.limit, units);
            let taken = after >= 0;
            self.fill = if taken { after } else { self.fill };
            taken
        }

        fn correct(&mut self, now: i64, reserved: u64, actual: u64) {
            self.refill(now);
            self.fill += Self::parts(&self.limit, reserved) - Self::parts(&self.limit, actual);
        }
    }

    proptest! {
        #[test]
        fn it_is_a_token_bucket(
            amount in 1_u64..2_000,
            window in 1_u64..2_000,
            burst in 1_u64..50,
            steps in prop::collection::vec((0_i64..3_000, 0_u64..60, 0_u64..60), 1..200),
        ) {
            let limit = limit(amount, window, burst);
            let (mut bucket, mut held, mut now) = (Bucket::full(limit), None, 0);
            for (wait, units, actual) in steps {
                now += wait;
                let at = Timestamp::from_micros(now);
                let taken = take(&limit, held, at, units);
                prop_assert_eq!(taken.is_ok(), bucket.take(now, units));
                match taken {
                    Ok(after) => {
                        held = correct(&limit, Some(after), at, (units, actual));
                        bucket.correct(now, units, actual);
                    }
                    Err(Refusal::Never) => prop_assert!(units > burst),
                    Err(Refusal::Until(wait)) => {
                        let later = |micros| take(&limit, held, Timestamp::from_micros(now + micros), units);
                        prop_assert!(later(wait).is_ok(), "the wait is enough");
                        prop_assert!(later(wait - 1).is_err(), "and no longer than needed");
                    }
                }
            }
        }

        #[test]
        fn no_number_leaves_what_a_double_holds(
            amount in 1_u64..=1 << 50,
            window in 1_u64..=366 * 86_400 * 1_000_000,
            units: u64,
            now in 0_i64..4_000_000_000_000_000,
        ) {
            let limit = Limit::new(Resource::NanoUsd, amount, Duration::from_micros(window)).unwrap();
            let mut held = None;
            for _ in 0..4 {
                held = correct(&limit, held, Timestamp::from_micros(now), (0, units));
                let held = held.unwrap();
                prop_assert!(held.whole <= END && held.part < amount);
            }
        }
    }
}
