use helm_core::{EvaluatorName, NotScored, ScoreOutcome, ToolCall};
use serde_json::Value;

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs};

/// Calls beyond this number are not compared.
const MOST_CALLS: usize = 256;

/// Were the right tools called, with the right arguments, in the right order?
///
/// Calls and [expected calls](Exchange::expected_tools) are matched in their order, so that what they share is greatest;
/// a match of names counts one half, and the other half by the share of arguments that are equal. The score is the sum
/// over the greater number of calls: from 0 to 1, and 1 when no call was expected and none made. Numbers are equal within
/// a part of 10⁻⁹, texts but for white space at their ends; arguments that are no JSON are equal to none. At most 256 calls
/// of each are compared.
///
/// Needs expected [tools](Exchange::with_expected_tools). Fails where several orders are right.
#[derive(Clone, Debug)]
pub struct ToolCalls(EvaluatorName);

impl ToolCalls {
    /// The evaluator, called `tool_calls`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self(EvaluatorName::new("tool_calls")?))
    }
}

impl Heuristic for ToolCalls {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Tools])
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let Some(expected) = exchange.expected_tools else {
            return ScoreOutcome::NotScored(NotScored::Missing(Need::Tools.to_string()));
        };
        let most = expected.len().max(exchange.tools.len());
        if most == 0 {
            return scored(1.0, 1.0, || "no call was expected and none made".to_owned());
        }
        let matched = matched(exchange.tools, expected);
        scored(matched / most as f64, 1.0, || {
            format!("{matched:.1} of {} expected calls among {}", expected.len(), exchange.tools.len())
        })
    }
}

/// The greatest sum of likenesses of calls that are matched in order.
fn matched(made: &[ToolCall], expected: &[ToolCall]) -> f64 {
    let arguments = |calls: &[ToolCall]| -> Vec<Option<Value>> {
        calls.iter().take(MOST_CALLS).map(|call| call.parsed_arguments().ok()).collect()
    };
    let (made_arguments, wanted_arguments) = (arguments(made), arguments(expected));
    let mut row = vec![0.0_f64; wanted_arguments.len() + 1];
    for (call, found) in made.iter().zip(&made_arguments) {
        let (mut diagonal, mut before) = (0.0, 0.0);
        for (cell, (other, wanted)) in row.iter_mut().skip(1).zip(expected.iter().zip(&wanted_arguments)) {
            let above = *cell;
            let likeness =
                if call.name == other.name { f64::midpoint(1.0, likeness(found, wanted)) } else { 0.0 };
            *cell = above.max(before).max(diagonal + likeness);
            (diagonal, before) = (above, *cell);
        }
    }
    row.last().copied().unwrap_or(0.0)
}

/// The share of arguments, of either side, that are equal.
fn likeness(found: &Option<Value>, wanted: &Option<Value>) -> f64 {
    match (found, wanted) {
        (Some(Value::Object(found)), Some(Value::Object(wanted))) => {
            let equal =
                wanted.iter().filter(|(name, value)| found.get(*name).is_some_and(|f| is_same(f, value)));
            let equal = equal.count();
            let all = found.len() + wanted.keys().filter(|name| !found.contains_key(*name)).count();
            if all == 0 { 1.0 } else { equal as f64 / all as f64 }
        }
        (Some(found), Some(wanted)) => f64::from(u8::from(is_same(found, wanted))),
        _ => 0.0,
    }
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.trim() == right.trim(),
        (Value::Number(l), Value::Number(r)) => match (l.as_f64(), r.as_f64()) {
            (Some(left), Some(right)) => l == r || (left - right).abs() <= 1e-9 * left.abs().max(right.abs()),
            _ => l == r,
        },
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| is_same(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, l)| right.get(name).is_some_and(|r| is_same(l, r)))
        }
        _ => left == right,
    }
}
