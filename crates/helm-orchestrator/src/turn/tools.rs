//! Calling a task's own tools.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use helm_core::{Stage, ToolCall, ToolResult, Violation};
use helm_llm::{RequestedCall, ToolContext, ToolHandler};
use tracing::Instrument;

use super::execute::Ending;
use super::progress::Progress;
use super::round::Work;
use crate::observe;

/// A tool that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(60);
/// The most bytes of a result that the model is told.
const MOST_OF_RESULT: usize = 64 << 10;

/// What the guards say of a call.
pub(super) struct Checked {
    /// The call with the arguments that may be used; `None` when it is refused.
    pub(super) call: Option<ToolCall>,
    pub(super) violations: Vec<Violation>,
}

impl Work<'_> {
    /// The results of calls, in their order, as the guards let them pass; all are made at the same time.
    pub(super) async fn call_tools(
        &self,
        calls: &[RequestedCall],
        progress: &mut Progress,
    ) -> Result<Vec<ToolResult>, Ending> {
        let mut results = Vec::with_capacity(calls.len());
        for done in join_all(calls.iter().map(|call| self.guarded(call))).await {
            let (result, violations) = done?;
            progress.violations.extend(violations);
            results.push(result);
        }
        Ok(results)
    }

    /// Makes a call whose arguments the guards let pass; what they refuse, the model is told as the call's result.
    async fn guarded(&self, requested: &RequestedCall) -> Result<(ToolResult, Vec<Violation>), Ending> {
        let Checked { call, mut violations } = self.checked(&requested.call).await;
        let Some(call) = call else {
            let refused = "the guardrails refused the arguments of this call";
            return Ok((ToolResult::error(requested.call.id.clone(), refused.to_owned()), violations));
        };
        let mut passed = requested.clone();
        passed.call = call;
        let mut result = self.call_tool(&passed).await;
        let guards = &self.task.guardrails;
        let verdict = self.turn.check(guards, Stage::ToolResult, &result.content).await;
        let verdict = verdict.map_err(Ending::Stopped)?;
        if verdict.is_blocked() {
            let refused = "the guardrails refused the result of this call";
            result = ToolResult::error(result.id, refused.to_owned());
        } else {
            result.content = verdict.text(&result.content).to_owned();
        }
        violations.extend(verdict.violations);
        Ok((result, violations))
    }

    /// A call as the guards let it pass.
    pub(super) async fn checked(&self, call: &ToolCall) -> Checked {
        let verdict = self.task.guardrails.check_json_async(Stage::ToolCall, &call.arguments).await;
        let mut passed = call.clone();
        passed.arguments = verdict.text(&call.arguments).to_owned();
        Checked { call: (!verdict.is_blocked()).then_some(passed), violations: verdict.violations }
    }

    async fn call_tool(&self, requested: &RequestedCall) -> ToolResult {
        let (id, name) = (requested.call.id.clone(), requested.call.name.as_str());
        let known = self.task.tools.iter().find(|handler| handler.tool().name.as_str() == name);
        let done = match known {
            Some(handler) => self.use_tool(handler, requested).instrument(observe::tool_span(name)).await,
            None => Err(format!("there is no tool {name:?}")),
        };
        let outcome = if done.is_ok() { "ok" } else { "failed" };
        // What a model made up is no label.
        let tool = known.map_or_else(|| "unknown".to_owned(), |handler| handler.tool().name.to_string());
        metrics::counter!("helm_tool_calls_total",
            "task" => self.task.id.to_string(), "tool" => tool, "outcome" => outcome)
        .increment(1);
        match done {
            Ok(text) => ToolResult::new(id, shortened(text)),
            Err(why) => {
                tracing::debug!(decision = %self.decision.id, tool = name, why, "a tool has no result");
                ToolResult::error(id, shortened(why))
            }
        }
    }

    async fn use_tool(
        &self,
        handler: &Arc<dyn ToolHandler>,
        requested: &RequestedCall,
    ) -> Result<String, String> {
        let arguments = requested.arguments().map_err(|problem| problem.to_string())?;
        let mut context = ToolContext::new(self.turn.tenant.clone(), self.turn.request.user.clone())
            .with_cancel(self.call.cancel.clone());
        context.deadline = self.call.deadline;
        let calling = AssertUnwindSafe(handler.call(arguments, &context)).catch_unwind();
        match tokio::time::timeout(LONGEST, calling).await {
            Ok(Ok(Ok(text))) => Ok(text),
            Ok(Ok(Err(failure))) => Err(failure.to_string()),
            Ok(Err(_)) => {
                tracing::error!(decision = %self.decision.id, tool = %handler.tool().name, "a tool panicked");
                Err("the tool failed".to_owned())
            }
            Err(_) => Err(format!("no answer within {} s", LONGEST.as_secs())),
        }
    }
}

/// As much as a model is told, on a character's boundary.
fn shortened(mut text: String) -> String {
    if text.len() > MOST_OF_RESULT {
        let end = (0..=MOST_OF_RESULT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n[the rest is left out]");
    }
    text
}
