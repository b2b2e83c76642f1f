//! Filters as conditions on rows, each with the meaning of [`Filter::matches`].
//!
//! Conditions look at `facts`, which is the metadata as JSONB. What JSONB cannot express is left to the process that
//! reads the rows: see [`can_push`].

use std::ops::Bound;

use helm_core::Timestamp;
use sqlx::postgres::Postgres;
use sqlx::{Encode, Type};

use super::super::columns::Moment;
use super::sql::Sql;
use crate::error::Result;
use crate::vector::{Filter, MetadataPath, Scalar};

/// From here on doubles cannot tell all integers apart, and JSONB cannot tell doubles from integers.
const EXACT: u64 = 1 << 53;
/// The most names in all paths of a pushed filter, so that a statement stays one that a server takes.
const MOST_NAMES: usize = 1_024;
/// Years that PostgreSQL has, generously narrowed; microseconds.
const MOMENTS: (i64, i64) = (-200_000_000_000_000_000, 9_000_000_000_000_000_000);

/// Whether a statement can evaluate a filter just as [`Filter::matches`] does.
pub(super) fn can_push(filter: &Filter) -> bool {
    let mut names = 0;
    is_plain(filter, &mut names) && names <= MOST_NAMES
}

fn is_plain(filter: &Filter, names: &mut usize) -> bool {
    let mut is_path = |path: &MetadataPath| {
        *names += path.names().len();
        path.names().iter().all(|name| is_text(name))
    };
    match filter {
        Filter::Equals { path, value } | Filter::Contains { path, value } => {
            is_path(path) && is_scalar(value)
        }
        Filter::In { path, values } => is_path(path) && values.iter().all(is_scalar),
        Filter::Number { path, .. } | Filter::Time { path, .. } | Filter::Exists { path } => is_path(path),
        Filter::Made { .. } => true,
        Filter::All(filters) | Filter::Any(filters) => filters.iter().all(|filter| is_plain(filter, names)),
        Filter::Not(filter) => is_plain(filter, names),
    }
}

fn is_scalar(value: &Scalar) -> bool {
    match value {
        Scalar::Integer(number) => number.unsigned_abs() <= EXACT,
        Scalar::Text(text) => is_text(text),
        _ => true,
    }
}

/// NUL cannot be sent, and what `facts` has in its place must not be met.
fn is_text(text: &str) -> bool {
    !text.contains(['\0', '\u{ffff}'])
}

/// Goes on with the condition. It is true or false, never NULL, so that its negation is the other.
pub(super) fn push(sql: &mut Sql, filter: &Filter) -> Result<()> {
    match filter {
        Filter::Equals { path, value } => equals(sql, path, std::slice::from_ref(value)),
        Filter::In { path, values } => equals(sql, path, values),
        Filter::Contains { path, value } => contains(sql, path, value),
        Filter::Number { path, from, to } => range(sql, *from, *to, |sql| {
            value(sql.push("helm_number("), path)?.push(")");
            Ok(())
        }),
        Filter::Time { path, from, to } => range(sql, moment(*from), moment(*to), |sql| {
            value(sql.push("helm_time("), path)?.push(")");
            Ok(())
        }),
        Filter::Made { from, to } => range(sql, moment(*from), moment(*to), |sql| {
            sql.push("m.at");
            Ok(())
        }),
        Filter::Exists { path } => {
            value(sql.push("("), path)?.push(" IS NOT NULL)");
            Ok(())
        }
        Filter::All(filters) => joined(sql, filters, " AND ", "true"),
        Filter::Any(filters) => joined(sql, filters, " OR ", "false"),
        Filter::Not(filter) => {
            push(sql.push("(NOT "), filter)?;
            sql.push(")");
            Ok(())
        }
    }
}

fn joined(sql: &mut Sql, filters: &[Filter], word: &'static str, none: &'static str) -> Result<()> {
    sql.push("(");
    for (number, filter) in filters.iter().enumerate() {
        if number > 0 {
            sql.push(word);
        }
        push(sql, filter)?;
    }
    sql.push(if filters.is_empty() { none } else { "" }).push(")");
    Ok(())
}

/// Goes on with the value at a path. This operator goes into objects only.
fn value<'s>(sql: &'s mut Sql, path: &MetadataPath) -> Result<&'s mut Sql> {
    sql.push("(m.facts");
    for name in path.names() {
        sql.push(" -> ").bind(name.as_str())?;
    }
    Ok(sql.push(")"))
}

/// Whether the value is one of these: doubles are compared as such, all else as JSONB.
fn equals(sql: &mut Sql, path: &MetadataPath, values: &[Scalar]) -> Result<()> {
    let doubles: Vec<f64> = values.iter().filter_map(double).collect();
    let others: Vec<String> = values.iter().filter_map(written).collect();
    value(sql.push("(coalesce("), path)?.push(" = ANY (").bind(others)?.push("::jsonb[]), false)");
    if !doubles.is_empty() {
        value(sql.push(" OR coalesce(helm_number("), path)?;
        sql.push(") = ANY (").bind(doubles)?.push("), false)");
    }
    sql.push(")");
    Ok(())
}

fn contains(sql: &mut Sql, path: &MetadataPath, element: &Scalar) -> Result<()> {
    if let Some(number) = double(element) {
        sql.push("EXISTS (SELECT 1 FROM jsonb_array_elements(helm_array(");
        value(sql, path)?.push(")) e WHERE helm_number(e) = ").bind(number)?.push(")");
        return Ok(());
    }
    let array = format!("[{}]", written(element).unwrap_or_default());
    value(sql.push("coalesce("), path)?.push(" @> ").bind(array)?.push("::jsonb, false)");
    Ok(())
}

fn double(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Number(number) => Some(*number),
        _ => None,
    }
}

/// What is no double, as JSON.
fn written(value: &Scalar) -> Option<String> {
    match value {
        Scalar::Null => Some("null".to_owned()),
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Text(text) => Some(serde_json::Value::from(text.as_str()).to_string()),
        Scalar::Number(_) => None,
    }
}

fn range<'t, T>(
    sql: &mut Sql,
    from: Bound<T>,
    to: Bound<T>,
    subject: impl Fn(&mut Sql) -> Result<()>,
) -> Result<()>
where
    T: Encode<'t, Postgres> + Type<Postgres>,
{
    sql.push("coalesce(");
    subject(sql)?;
    sql.push(" IS NOT NULL");
    for (bound, included, excluded) in [(from, " >= ", " > "), (to, " <= ", " < ")] {
        let (word, bound) = match bound {
            Bound::Included(bound) => (included, bound),
            Bound::Excluded(bound) => (excluded, bound),
            Bound::Unbounded => continue,
        };
        subject(sql.push(" AND "))?;
        sql.push(word).bind(bound)?;
    }
    sql.push(", false)");
    Ok(())
}

/// A bound as PostgreSQL can hold it: beyond all years there is nothing that it could part.
fn moment(bound: Bound<Timestamp>) -> Bound<Moment> {
    let (first, last) = MOMENTS;
    bound.map(|at| match at.as_micros() {
        micros if micros < first => Moment::FIRST,
        micros if micros > last => Moment::LAST,
        _ => Moment(at),
    })
}
