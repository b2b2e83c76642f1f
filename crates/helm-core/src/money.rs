use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An amount of money in billionths of a US dollar. May be negative in differences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// This many billionths of a dollar.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Dollars, rounded to the nearest billionth.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `dollars` is not finite or beyond ±9 billion.
    pub fn from_dollars(dollars: f64) -> Result<Self> {
        if dollars.is_finite() && dollars.abs() < 9e9 {
            return Ok(Self((dollars * 1e9).round() as i64));
        }
        Err(Error::OutOfRange {
            what: "an amount of dollars",
            accepted: "a number between -9e9 and 9e9",
            value: dollars,
        })
    }

    /// Billionths of a dollar.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Dollars, to the nearest float.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("${:.6}", self.dollars()))
    }
}
