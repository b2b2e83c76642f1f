use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use helm_core::{Decision, Outcome, Reward, SourceName, StatsRow, UnitInterval};

use crate::error::{Error, ErrorKind, Result as StoreResult};

/// Why a decision's evidence could not be turned into a contribution. The write is rolled back.
pub type SettleError = Box<dyn std::error::Error + Send + Sync>;

/// Turns all that is known about one decision into its reward and its contribution to learning state.
///
/// Called by a store under the decision's row, inside the transaction that changes the evidence. Must be pure:
/// the same case always gives the same settlement, in any process.
pub trait Settle: Send + Sync {
    /// Settles one decision.
    ///
    /// # Errors
    ///
    /// Whatever makes the evidence unusable; the store rolls back and reports it as
    /// [`ErrorKind::Unsettled`](crate::ErrorKind::Unsettled).
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError>;
}

impl<S: Settle + ?Sized> Settle for Arc<S> {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        (**self).settle(case)
    }
}

impl<S: Settle + ?Sized> Settle for Box<S> {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        (**self).settle(case)
    }
}

/// All that is known about one decision.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case<'a> {
    /// The decision.
    pub decision: &'a Decision,
    /// How it went; `None` while the turn is still running.
    pub outcome: Option<&'a Outcome>,
    /// Current judgements of people and model judges, one for each source, sorted by source.
    pub feedback: &'a [(SourceName, UnitInterval)],
    /// Whether the task's reward window has ended.
    pub silence_ended: bool,
}

impl<'a> Case<'a> {
    /// A case with the evidence at hand.
    #[must_use]
    pub fn new(
        decision: &'a Decision,
        outcome: Option<&'a Outcome>,
        feedback: &'a [(SourceName, UnitInterval)],
        silence_ended: bool,
    ) -> Self {
        Self { decision, outcome, feedback, silence_ended }
    }
}

/// What a decision amounts to under the present evidence.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settlement {
    /// Its reward; `None` while there is not enough evidence.
    pub reward: Option<Reward>,
    /// Everything this decision adds to learning state: the whole, not a difference. At most one row for each
    /// scope, strategy, epoch and layout.
    pub contribution: Vec<StatsRow>,
}

/// Settles for a backend. Settlements are the application's code, which may also panic: then this decision is
/// refused, and the store goes on.
pub(crate) fn settled(
    backend: &'static str,
    settle: &dyn Settle,
    case: &Case<'_>,
) -> StoreResult<Settlement> {
    const OPERATION: &str = "settle";
    match catch_unwind(AssertUnwindSafe(|| settle.settle(case))) {
        Ok(settled) => settled.map_err(|error| {
            let message = "the decision cannot be settled under the present configuration";
            Error::new(ErrorKind::Unsettled, backend, OPERATION, message).with_source(error)
        }),
        Err(panic) => {
            let message = format!("the settlement panicked{}", said(&*panic));
            Err(Error::new(ErrorKind::Internal, backend, OPERATION, message))
        }
    }
}

/// A panic's message, when it has one, to go after a text.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(String::new, |text| format!(": {text}"))
}
