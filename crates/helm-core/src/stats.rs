//! Additive fixed-point statistics: all that learning state consists of.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result as CoreResult, excerpt};
use crate::{NanoUsd, SegmentName, StrategyId, Timestamp, UnitInterval, UserId};

/// A number in units of 2^-32, held in 64 bits: range ±2^31, resolution 2.3e-10.
///
/// Sums of floats depend on their order; sums of these do not, so replicas and replays agree bit for bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fixed(i64);

impl Fixed {
    /// Binary digits after the point.
    pub const FRACTION_BITS: u32 = 32;
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1 << Self::FRACTION_BITS);

    /// The number with these 64 bits.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// The 64 bits, which are what stores keep.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// The nearest multiple of 2^-32, ties away from zero.
    ///
    /// # Errors
    ///
    /// [`StatsError::Overflow`] when `value` is NaN, infinite or beyond ±2^31.
    pub fn quantize(value: f64) -> Result<Self, StatsError> {
        let scaled = (value * 4_294_967_296.0).round();
        if scaled.abs() < 9_223_372_036_854_775_808.0 {
            return Ok(Self(scaled as i64));
        }
        Err(StatsError::Overflow { field: "fixed-point number" })
    }

    /// The nearest float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 4_294_967_296.0
    }

    fn of_unit(value: UnitInterval) -> Self {
        Self((value.get() * 4_294_967_296.0).round() as i64)
    }

    /// The square of a number in \[0, 1\], rounded to the nearest multiple of 2^-32.
    fn unit_square(self) -> Self {
        let product = i128::from(self.0) * i128::from(self.0);
        let rounded = (product + (1 << 31)) >> Self::FRACTION_BITS;
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

/// Why two statistics could not be added. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// A sum left the range of its integer.
    #[error("the statistic `{field}` would overflow; start a new epoch or strategy version")]
    Overflow {
        /// Which component.
        field: &'static str,
    },
    /// The packed components of two linear learners have different lengths.
    #[error(
        "packed statistics of {left} and {right} components cannot be added: they belong to different feature schemas"
    )]
    Shape {
        /// Components on the left.
        left: usize,
        /// Components on the right.
        right: usize,
    },
}

/// Sufficient statistics of rewards, or a signed difference of such statistics.
///
/// All components are integers, so addition is exactly commutative and associative, and `Stats::default()` is
/// its neutral element.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    /// How many decisions have a reward.
    pub count: i64,
    /// Sum of rewards.
    pub reward: Fixed,
    /// Sum of squared rewards.
    pub reward_sq: Fixed,
    /// How many turns have ended, with a reward or without: what the three sums below are over.
    pub turns: i64,
    /// Sum of costs whose price is known.
    pub cost: NanoUsd,
    /// Sum of tokens, of prompts and answers together.
    pub tokens: i64,
    /// Sum of latencies, in microseconds.
    pub latency_us: i64,
    /// How many turns failed for reasons that say nothing about quality.
    pub failures: i64,
    /// Sum of importance-weighted losses, for adversarial rules.
    pub loss: Fixed,
    /// Components of a linear learner; [`StatsRow::layout`] says what they mean. Empty otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packed: Vec<i128>,
}

impl Stats {
    /// The statistics of one decision that earned `reward`.
    #[must_use]
    pub fn of_reward(reward: UnitInterval) -> Self {
        let reward = Fixed::of_unit(reward);
        Self { count: 1, reward, reward_sq: reward.unit_square(), ..Self::default() }
    }

    /// The statistics of one failed turn.
    #[must_use]
    pub fn of_failure() -> Self {
        Self { failures: 1, ..Self::default() }
    }

    /// The same without packed components.
    #[must_use]
    pub fn scalars(&self) -> Self {
        let Self { count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed: _ } =
            *self;
        Self { count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed: Vec::new() }
    }

    /// Adds the cost of a turn.
    #[must_use]
    pub fn with_cost(mut self, cost: NanoUsd) -> Self {
        self.cost = cost;
        self
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// [`StatsError::Overflow`] when a component leaves its range; [`StatsError::Shape`] when both have packed
    /// components and their numbers differ.
    pub fn checked_add(&self, other: &Self) -> Result<Self, StatsError> {
        self.zip(other, i64::checked_add, i128::checked_add)
    }

    /// The difference, which added to `other` gives `self` again.
    ///
    /// # Errors
    ///
    /// As for [`Stats::checked_add`].
    pub fn checked_sub(&self, other: &Self) -> Result<Self, StatsError> {
        self.zip(other, i64::checked_sub, i128::checked_sub)
    }

    /// Whether adding this changes nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        let Self { count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed } = self;
        let narrow =
            [*count, reward.0, reward_sq.0, *turns, cost.nanos(), *tokens, *latency_us, *failures, loss.0];
        narrow.iter().all(|part| *part == 0) && packed.iter().all(|part| *part == 0)
    }

    fn zip(
        &self,
        other: &Self,
        narrow: fn(i64, i64) -> Option<i64>,
        wide: fn(i128, i128) -> Option<i128>,
    ) -> Result<Self, StatsError> {
        let part = |field, a, b| narrow(a, b).ok_or(StatsError::Overflow { field });
        Ok(Self {
            count: part("count", self.count, other.count)?,
            reward: Fixed(part("reward", self.reward.0, other.reward.0)?),
            reward_sq: Fixed(part("reward_sq", self.reward_sq.0, other.reward_sq.0)?),
            cost: NanoUsd::from_nanos(part("cost", self.cost.nanos(), other.cost.nanos())?),
            turns: part("turns", self.turns, other.turns)?,
            tokens: part("tokens", self.tokens, other.tokens)?,
            latency_us: part("latency_us", self.latency_us, other.latency_us)?,
            failures: part("failures", self.failures, other.failures)?,
            loss: Fixed(part("loss", self.loss.0, other.loss.0)?),
            packed: zip_packed(&self.packed, &other.packed, wide)?,
        })
    }
}

/// Combines packed components; an empty side stands for zeros.
fn zip_packed(
    left: &[i128],
    right: &[i128],
    combine: fn(i128, i128) -> Option<i128>,
) -> Result<Vec<i128>, StatsError> {
    if !left.is_empty() && !right.is_empty() && left.len() != right.len() {
        return Err(StatsError::Shape { left: left.len(), right: right.len() });
    }
    let length = left.len().max(right.len());
    let padded =
        |side: &[i128]| side.iter().copied().chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
    padded(left)
        .into_iter()
        .zip(padded(right))
        .map(|(a, b)| combine(a, b).ok_or(StatsError::Overflow { field: "packed" }))
        .collect()
}

/// A time bucket, named by its first second since the Unix epoch. Discounts and windows are weights on
/// buckets at read time, so they commute with merging.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(i64);

impl Epoch {
    /// The bucket of this length that holds `at`. A length under one second counts as one second.
    #[must_use]
    pub fn containing(at: Timestamp, length: Duration) -> Self {
        let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX).max(1);
        Self(at.as_seconds().div_euclid(length) * length)
    }

    /// The bucket that begins at this second.
    #[must_use]
    pub const fn starting_at(second: i64) -> Self {
        Self(second)
    }

    /// The bucket's first second since the Unix epoch.
    #[must_use]
    pub const fn start(self) -> i64 {
        self.0
    }
}

/// What the packed components of a row mean: a number that a linear learner derives from its layout and feature
/// schema. Packed components of different layouts are never added; rows without any have layout 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Layout(i64);

impl Layout {
    /// No packed components.
    pub const NONE: Self = Self(0);

    /// The layout with this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Its number, which is what stores keep.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// Whose experience a row of statistics holds. Written `task`, `segment:NAME` or `user:ID`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Scope {
    /// Everybody's, within one tenant and task.
    Task,
    /// That of a group of users, named by the application.
    Segment(SegmentName),
    /// One user's.
    User(UserId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task => f.write_str("task"),
            Self::Segment(segment) => write!(f, "segment:{segment}"),
            Self::User(user) => write!(f, "user:{user}"),
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> CoreResult<Self> {
        match text.split_once(':') {
            None if text == "task" => Ok(Self::Task),
            Some(("segment", segment)) => SegmentName::new(segment).map(Self::Segment),
            Some(("user", user)) => UserId::new(user).map(Self::User),
            _ => {
                let reason = "write task, segment:NAME or user:ID";
                Err(Error::InvalidId { kind: "scope", value: excerpt(text), reason })
            }
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One row of learning state, or one change to it, within a tenant and task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatsRow {
    /// Whose experience.
    pub scope: Scope,
    /// Of which strategy.
    pub strategy: StrategyId,
    /// From which time bucket.
    pub epoch: Epoch,
    /// What the packed components mean.
    pub layout: Layout,
    /// The statistics, or their signed change.
    pub stats: Stats,
}
