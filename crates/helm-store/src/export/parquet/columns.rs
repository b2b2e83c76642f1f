//! Which columns a file has.

use std::borrow::Cow;

use helm_core::Timestamp;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::export::{BACKEND, unwritable};
use crate::rows::TurnRow;

/// A column: its name, what it holds, and how a row fills it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether every row has a value.
    pub(super) required: bool,
    pub(super) read: fn(&TurnRow) -> Result<Cell<'_>>,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Moment,
    Double,
    Flag,
    /// Never absent, but maybe empty.
    Doubles,
}

/// One value.
pub(super) enum Cell<'a> {
    Absent,
    Text(Cow<'a, str>),
    /// An integer, or a moment in microseconds.
    Integer(i64),
    Double(f64),
    Flag(bool),
    Doubles(&'a [f64]),
}

const fn required(name: &'static str, kind: Kind, read: fn(&TurnRow) -> Result<Cell<'_>>) -> Column {
    Column { name, kind, required: true, read }
}

const fn optional(name: &'static str, kind: Kind, read: fn(&TurnRow) -> Result<Cell<'_>>) -> Column {
    Column { name, kind, required: false, read }
}

/// The columns of every file, in order.
pub(super) const COLUMNS: &[Column] = &[
    required("format", Kind::Integer, |row| Ok(Cell::Integer(i64::from(row.format)))),
    required("tenant", Kind::Text, |row| Ok(text(row.tenant.as_str()))),
    required("id", Kind::Text, |row| Ok(shown(&row.id))),
    required("user", Kind::Text, |row| Ok(text(row.user.as_str()))),
    required("task", Kind::Text, |row| Ok(text(row.task.as_str()))),
    optional("conversation", Kind::Text, |row| {
        Ok(maybe(row.conversation.as_ref(), |name| text(name.as_str())))
    }),
    optional("segment", Kind::Text, |row| Ok(maybe(row.segment.as_ref(), |name| text(name.as_str())))),
    optional("strategy", Kind::Text, |row| Ok(maybe(row.strategy.as_ref(), shown))),
    optional("propensity", Kind::Double, |row| Ok(maybe(row.propensity, |value| Cell::Double(value.get())))),
    optional("mode", Kind::Text, |row| Ok(maybe(row.mode, |mode| text(mode.as_str())))),
    optional("policy", Kind::Text, |row| Ok(maybe(row.policy.as_ref(), |name| text(name.as_str())))),
    optional("policy_hash", Kind::Text, |row| {
        Ok(maybe(row.policy_hash.as_ref(), |hash| text(hash.as_str())))
    }),
    optional("experiment", Kind::Text, |row| Ok(maybe(row.experiment.as_ref(), |name| text(name.as_str())))),
    optional("variant", Kind::Text, |row| Ok(maybe(row.variant.as_ref(), |name| text(name.as_str())))),
    optional("variant_share", Kind::Double, |row| {
        Ok(maybe(row.variant_share, |share| Cell::Double(share.get())))
    }),
    optional("assigned_by", Kind::Text, |row| Ok(maybe(row.assigned_by, |by| text(by.as_str())))),
    optional("experiment_version", Kind::Integer, |row| {
        Ok(maybe(row.experiment_version, |version| Cell::Integer(i64::from(version))))
    }),
    optional("experiment_spec", Kind::Text, |row| {
        Ok(maybe(row.experiment_spec.as_ref(), |digest| text(digest.as_str())))
    }),
    required("candidates", Kind::Text, |row| json(&row.candidates)),
    optional("feature_schema", Kind::Text, |row| Ok(maybe(row.feature_schema.as_ref(), shown))),
    required("features", Kind::Doubles, |row| Ok(Cell::Doubles(&row.features))),
    required("status", Kind::Text, |row| Ok(text(row.status.as_str()))),
    optional("served", Kind::Text, |row| Ok(maybe(row.served.as_ref(), shown))),
    optional("model", Kind::Text, |row| Ok(maybe(row.model.as_ref(), |name| text(name.as_str())))),
    required("simulated", Kind::Flag, |row| Ok(Cell::Flag(row.simulated))),
    required("attempts", Kind::Integer, |row| Ok(Cell::Integer(i64::from(row.attempts)))),
    required("latency_us", Kind::Integer, |row| natural(row.latency_us)),
    optional("first_token_us", Kind::Integer, |row| row.first_token_us.map_or(Ok(Cell::Absent), natural)),
    required("input_tokens", Kind::Integer, |row| natural(row.input_tokens)),
    required("output_tokens", Kind::Integer, |row| natural(row.output_tokens)),
    optional("cost_nano_usd", Kind::Integer, |row| Ok(maybe(row.cost_nano_usd, Cell::Integer))),
    optional("reward", Kind::Double, |row| Ok(maybe(row.reward, |value| Cell::Double(value.get())))),
    optional("reward_stage", Kind::Text, |row| Ok(maybe(row.reward_stage, |stage| text(stage.as_str())))),
    required("scores", Kind::Text, |row| json(&row.scores)),
    required("feedback", Kind::Text, |row| json(&row.feedback)),
    required("violations", Kind::Text, |row| json(&row.violations)),
    required("began", Kind::Moment, |row| Ok(moment(row.began))),
    required("ended", Kind::Moment, |row| Ok(moment(row.ended))),
];

/// The columns of what was written and answered.
pub(super) const TEXTS: &[Column] = &[
    optional("input", Kind::Text, |row| Ok(maybe(row.input.as_deref(), text))),
    optional("output", Kind::Text, |row| Ok(maybe(row.output.as_deref(), text))),
];

/// The schema in Parquet's own language.
pub(super) fn message(columns: &[&Column]) -> String {
    let field = |column: &&Column| {
        let (name, presence) = (column.name, if column.required { "required" } else { "optional" });
        match column.kind {
            Kind::Text => format!("{presence} binary {name} (STRING);"),
            Kind::Integer => format!("{presence} int64 {name};"),
            Kind::Moment => format!("{presence} int64 {name} (TIMESTAMP(MICROS,true));"),
            Kind::Double => format!("{presence} double {name};"),
            Kind::Flag => format!("{presence} boolean {name};"),
            Kind::Doubles => {
                format!(
                    "required group {name} (LIST) {{ repeated group list {{ required double element; }} }}"
                )
            }
        }
    };
    format!("message turn {{ {} }}", columns.iter().map(field).collect::<Vec<_>>().join(" "))
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

fn shown<T: std::fmt::Display>(value: &T) -> Cell<'_> {
    Cell::Text(Cow::Owned(value.to_string()))
}

fn maybe<'a, T>(value: Option<T>, cell: impl FnOnce(T) -> Cell<'a>) -> Cell<'a> {
    value.map_or(Cell::Absent, cell)
}

fn moment(at: Timestamp) -> Cell<'static> {
    Cell::Integer(at.as_micros())
}

fn natural(value: u64) -> Result<Cell<'static>> {
    let value = i64::try_from(value).map_err(|error| {
        let message = format!("the number {value} does not fit into 64 bits with a sign");
        Error::new(ErrorKind::Invalid, BACKEND, "export", message).with_source(error)
    });
    value.map(Cell::Integer)
}

fn json<T: Serialize>(value: &T) -> Result<Cell<'static>> {
    serde_json::to_string(value).map(|text| Cell::Text(Cow::Owned(text))).map_err(unwritable)
}
