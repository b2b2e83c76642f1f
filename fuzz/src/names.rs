//! Whatever text stands for an identity, a moment, a scope or an event: what is read is written the same, and read again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use helm_orchestrator::core::{DecisionId, Scope, StrategyId, TaskId, TenantId, Timestamp, UserId};
use helm_orchestrator::eval::dataset::Condition;
use helm_orchestrator::experiment::spec::Event;

/// Reads this text as each of them.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    returns::<TenantId>(text);
    returns::<UserId>(text);
    returns::<TaskId>(text);
    returns::<StrategyId>(text);
    returns::<DecisionId>(text);
    returns::<Scope>(text);
    returns::<Timestamp>(text);
    drop(text.parse::<Event>());
    drop(text.parse::<Condition>());
}

fn returns<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&value), "{text} is written as {value}");
    }
}
