use std::ops::{Bound, RangeBounds};

use helm_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scalar::{MetadataPath, Scalar};
use crate::error::{Error, ErrorKind, Result};

/// The most conditions in one filter, nested ones included.
const MOST_CONDITIONS: usize = 1_024;
/// The deepest nesting of a filter.
const DEEPEST: usize = 32;

/// A condition on a memory's metadata and moment, with one meaning on every backend: [`Filter::matches`].
///
/// A condition on what is not there, or is of another type, does not hold; its negation does.
///
/// # Examples
///
/// ```
/// use helm_core::Timestamp;
/// use helm_store::Filter;
/// use serde_json::json;
///
/// let filter = Filter::equals("task", "support") & !Filter::number(["price", "net"], 100.0..);
/// let made = Timestamp::from_micros(0);
/// assert!(filter.matches(&json!({ "task": "support", "price": { "net": 99.5 } }), made));
/// assert!(filter.matches(&json!({ "task": "support" }), made));
/// assert!(!filter.matches(&json!({ "task": "support", "price": { "net": 100 } }), made));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// The value is this one. See [`Scalar`] for when two values are equal.
    Equals {
        /// Where the value is.
        path: MetadataPath,
        /// What it must be.
        value: Scalar,
    },
    /// The value is one of these.
    In {
        /// Where the value is.
        path: MetadataPath,
        /// What it may be.
        values: Vec<Scalar>,
    },
    /// The value is an array with this element.
    Contains {
        /// Where the array is.
        path: MetadataPath,
        /// What it must hold.
        value: Scalar,
    },
    /// The value is a number in this range, compared in double precision.
    Number {
        /// Where the number is.
        path: MetadataPath,
        /// Where the range begins.
        from: Bound<f64>,
        /// Where it ends.
        to: Bound<f64>,
    },
    /// The value is a text that is a moment in this range, written as
    /// `YYYY-MM-DDThh:mm:ss[.f]` with 1 to 6 decimals and `Z` or `+hh:mm` or `-hh:mm`; no other text is a moment.
    Time {
        /// Where the text is.
        path: MetadataPath,
        /// Where the range begins.
        from: Bound<Timestamp>,
        /// Where it ends.
        to: Bound<Timestamp>,
    },
    /// The memory was made in this range.
    Made {
        /// Where the range begins.
        from: Bound<Timestamp>,
        /// Where it ends.
        to: Bound<Timestamp>,
    },
    /// There is a value, be it null.
    Exists {
        /// Where the value is.
        path: MetadataPath,
    },
    /// All of these hold; so with none.
    All(Vec<Filter>),
    /// One of these holds; with none, none does.
    Any(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
}

impl Filter {
    /// The value at `path` is `value`.
    pub fn equals(path: impl Into<MetadataPath>, value: impl Into<Scalar>) -> Self {
        Self::Equals { path: path.into(), value: value.into() }
    }

    /// The value at `path` is one of `values`.
    pub fn one_of<S: Into<Scalar>>(
        path: impl Into<MetadataPath>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::In { path: path.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// The value at `path` is an array with the element `value`.
    pub fn contains(path: impl Into<MetadataPath>, value: impl Into<Scalar>) -> Self {
        Self::Contains { path: path.into(), value: value.into() }
    }

    /// The value at `path` is a number in `range`.
    pub fn number(path: impl Into<MetadataPath>, range: impl RangeBounds<f64>) -> Self {
        let (from, to) = bounds(&range);
        Self::Number { path: path.into(), from, to }
    }

    /// The value at `path` is a moment in `range`.
    pub fn time(path: impl Into<MetadataPath>, range: impl RangeBounds<Timestamp>) -> Self {
        let (from, to) = bounds(&range);
        Self::Time { path: path.into(), from, to }
    }

    /// The memory was made in `range`.
    pub fn made(range: impl RangeBounds<Timestamp>) -> Self {
        let (from, to) = bounds(&range);
        Self::Made { from, to }
    }

    /// There is a value at `path`.
    pub fn exists(path: impl Into<MetadataPath>) -> Self {
        Self::Exists { path: path.into() }
    }

    /// Whether a memory with this metadata, made at this moment, is meant.
    #[must_use]
    pub fn matches(&self, metadata: &Value, made: Timestamp) -> bool {
        match self {
            Self::Equals { path, value } => path.of(metadata).is_some_and(|found| value.is(found)),
            Self::In { path, values } => {
                path.of(metadata).is_some_and(|found| values.iter().any(|value| value.is(found)))
            }
            Self::Contains { path, value } => {
                let found = path.of(metadata).and_then(Value::as_array);
                found.is_some_and(|found| found.iter().any(|element| value.is(element)))
            }
            Self::Number { path, from, to } => {
                let found = path.of(metadata).and_then(Value::as_f64);
                found.is_some_and(|found| (*from, *to).contains(&found))
            }
            Self::Time { path, from, to } => {
                let found = path.of(metadata).and_then(Value::as_str).and_then(moment);
                found.is_some_and(|found| (*from, *to).contains(&found))
            }
            Self::Made { from, to } => (*from, *to).contains(&made),
            Self::Exists { path } => path.of(metadata).is_some(),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(metadata, made)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(metadata, made)),
            Self::Not(filter) => !filter.matches(metadata, made),
        }
    }

    /// Refuses what cannot be compared with, and what is too large to be evaluated for each memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when a number is NaN or an equal one infinite, when the filter has more than 1,024
    /// conditions and values, or is nested deeper than 32.
    pub fn check(&self, backend: &'static str, operation: &'static str) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, backend, operation, message));
        let (mut left, mut found) = (vec![(self, 1)], 0);
        while let Some((filter, depth)) = left.pop() {
            found += filter.size();
            if found > MOST_CONDITIONS || depth > DEEPEST {
                return refuse(format!(
                    "a filter has at most {MOST_CONDITIONS} conditions and values, nested at most {DEEPEST} deep"
                ));
            }
            if let Some(number) = filter.odd_number() {
                return refuse(format!(
                    "a filter compares with {number}, which is no number to compare with"
                ));
            }
            left.extend(filter.parts().iter().map(|part| (part, depth + 1)));
        }
        Ok(())
    }

    /// Conditions and values, nested ones not included.
    fn size(&self) -> usize {
        match self {
            Self::In { values, .. } => 1 + values.len(),
            _ => 1,
        }
    }

    fn parts(&self) -> &[Self] {
        match self {
            Self::All(filters) | Self::Any(filters) => filters,
            Self::Not(filter) => std::slice::from_ref(filter),
            _ => &[],
        }
    }

    fn odd_number(&self) -> Option<f64> {
        let infinite = |value: &Scalar| match value {
            Scalar::Number(number) if !number.is_finite() => Some(*number),
            _ => None,
        };
        match self {
            Self::Equals { value, .. } | Self::Contains { value, .. } => infinite(value),
            Self::In { values, .. } => values.iter().find_map(infinite),
            Self::Number { from, to, .. } => [from, to].into_iter().find_map(|bound| match bound {
                Bound::Included(number) | Bound::Excluded(number) if number.is_nan() => Some(*number),
                _ => None,
            }),
            _ => None,
        }
    }
}

impl std::ops::BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }
}

impl std::ops::BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::Any(vec![self, other])
    }
}

impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

fn bounds<T: Copy>(range: &impl RangeBounds<T>) -> (Bound<T>, Bound<T>) {
    (range.start_bound().cloned(), range.end_bound().cloned())
}

/// The moment that a text of the grammar in [`Filter::Time`] stands for. Stricter than the parser, so that other
/// databases can agree.
fn moment(text: &str) -> Option<Timestamp> {
    let (seconds, rest) = text.split_at_checked("YYYY-MM-DDThh:mm:ss".len())?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (decimals, zone) = rest.split_at_checked(zone)?;
    let shaped = has_shape(seconds, "0000-00-00T00:00:00")
        && (zone == "Z" || has_shape(zone, "+00:00") || has_shape(zone, "-00:00"))
        && (decimals.is_empty() || (2..=7).contains(&decimals.len()) && is_fraction(decimals));
    // A leap second has no moment of its own.
    let leap = seconds.ends_with(":60");
    (shaped && !leap).then(|| text.parse().ok()).flatten()
}

fn is_fraction(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Whether a text has digits where `shape` has zeros, and is equal elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(found, wanted): (u8, u8)| match wanted {
        b'0' => found.is_ascii_digit(),
        _ => found == wanted,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn conditions_hold_for_what_is_there() {
        let metadata = json!({
            "n": 3, "x": 2.5, "big": u64::MAX, "s": "tea", "b": true, "none": null, "tags": ["a", 1],
            "deep": { "er": { "n": -1 } }, "when": "1970-01-01T00:01:00.5+00:00",
        });
        for (filter, holds) in [
            (Filter::equals("n", 3), true),
            (Filter::equals("n", 3.0), true),
            (Filter::equals("n", "3"), false),
            (Filter::equals("x", 2.5), true),
            (Filter::equals("big", -1), false),
            (Filter::equals("big", u64::MAX as f64), true),
            (Filter::equals("s", "tea"), true),
            (Filter::equals("s", "Tea"), false),
            (Filter::equals("b", true), true),
            (Filter::equals("none", Scalar::Null), true),
            (Filter::equals("missing", Scalar::Null), false),
            (Filter::exists("none"), true),
            (Filter::exists("missing"), false),
            (Filter::exists(["deep", "er"]), true),
            (Filter::equals(["deep", "er", "n"], -1), true),
            (Filter::exists(["tags", "0"]), false),
            (Filter::exists(vec![]), true),
            (Filter::one_of("s", ["milk", "tea"]), true),
            (Filter::one_of("s", Vec::<&str>::new()), false),
            (Filter::contains("tags", "a"), true),
            (Filter::contains("tags", 2), false),
            (Filter::contains("s", "tea"), false),
            (Filter::number("n", 3.0..), true),
            (Filter::number("n", ..3.0), false),
            (Filter::number("s", ..), false),
            (!Filter::number("missing", ..), true),
            (Filter::time("when", at(60)..at(61)), true),
            (Filter::time("when", at(61)..), false),
            (Filter::time("s", ..), false),
            (Filter::made(at(5)..=at(5)), true),
            (Filter::made(..at(5)), false),
            (Filter::All(vec![]), true),
            (Filter::Any(vec![]), false),
            (Filter::exists("n") | Filter::exists("missing"), true),
            (Filter::exists("n") & Filter::exists("missing"), false),
        ] {
            assert_eq!(filter.matches(&metadata, at(5)), holds, "{filter:?}");
            let text = serde_json::to_string(&filter).unwrap();
            assert_eq!(serde_json::from_str::<Filter>(&text).unwrap(), filter, "{text}");
        }
    }

    #[test]
    fn integers_that_doubles_cannot_tell_apart_differ() {
        let metadata = json!({ "id": 9_007_199_254_740_993_i64 });
        assert!(Filter::equals("id", 9_007_199_254_740_993_i64).matches(&metadata, at(0)));
        assert!(!Filter::equals("id", 9_007_199_254_740_992_i64).matches(&metadata, at(0)));
    }

    #[test]
    fn only_one_way_of_writing_a_moment_is_one() {
        for text in ["1970-01-01T00:00:01Z", "1970-01-01T01:00:01+01:00", "1970-01-01T00:00:01.000000Z"] {
            assert_eq!(moment(text), Some(at(1)), "{text}");
        }
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:01",
            "1970-01-01 00:00:01Z",
            "1970-01-01t00:00:01z",
            "1970-01-01T00:00:60Z",
            "1970-13-01T00:00:01Z",
            "1970-01-01T00:00:01.Z",
            "1970-01-01T00:00:01.1234567Z",
            "1970-01-01T00:00:01+0100",
            "1970-01-01T00:00:01Z[UTC]",
            "ééééééééééé",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        let deep = (0..40).fold(Filter::exists("x"), |filter, _| !filter);
        let wide = Filter::one_of("x", 0..2_000);
        for filter in [Filter::number("x", f64::NAN..), !Filter::equals("x", f64::INFINITY), deep, wide] {
            let error = filter.check("memory", "search").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{filter:?}");
        }
        Filter::number("x", f64::NEG_INFINITY..).check("memory", "search").unwrap();
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3..3_i64).prop_map(Value::from),
            (-3..3_i64).prop_map(|n| json!(n as f64 / 2.0)),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn conditions_are_each_others_special_cases(
            metadata in value(), path in prop::collection::vec("[ab]", 0..3), n in -3..3_i64, m in -3..3_i64,
        ) {
            let matches = |filter: &Filter| filter.matches(&metadata, at(0));
            let path = || MetadataPath::from(path.clone());
            let equal = Filter::equals(path(), n);
            prop_assert_eq!(matches(&equal), matches(&Filter::number(path(), n as f64..=n as f64)));
            prop_assert_eq!(matches(&equal), matches(&Filter::equals(path(), n as f64)));
            let either = equal.clone() | Filter::equals(path(), m);
            prop_assert_eq!(matches(&Filter::one_of(path(), [n, m])), matches(&either));
            prop_assert!(!matches(&equal) || matches(&Filter::exists(path())));
            let both = !(equal.clone() | Filter::exists(path()));
            prop_assert_eq!(matches(&both), matches(&(!equal & !Filter::exists(path()))));
        }

        #[test]
        fn a_moment_is_read_back(micros in 0..253_402_300_799_000_000_i64) {
            let made = Timestamp::from_micros(micros);
            prop_assert_eq!(moment(&made.to_string()), Some(made));
        }

        #[test]
        fn any_text_is_a_moment_or_not(text in ".{0,40}") {
            let _ = moment(&text);
        }
    }
}
