use helm_orchestrator::guardrails::GuardrailEngine;
use serde_json::json;

use super::{check, stage};
use crate::arguments::{Direction, Global};
use crate::error::Result;
use crate::output::{self, Format};

/// What the guards make of a text, and why.
pub(super) async fn run(
    global: &Global,
    guard: &GuardrailEngine,
    text: &str,
    direction: Direction,
) -> Result<()> {
    let result = guard.check_async(stage(direction), text).await;
    if global.output != Format::Table {
        let ran: Vec<_> = guard.detectors(stage(direction)).collect();
        let mut violations = check::violations(text, &result);
        for (written, violation) in violations.iter_mut().zip(&result.violations) {
            written["action"] = json!(violation.action);
        }
        let verdict = json!({
            "action": result.action, "text": result.text(text), "violations": violations,
            "ran": ran, "policy": guard.version(),
        });
        return output::json(global.output, &verdict);
    }
    let rows = result.violations.iter().map(|violation| {
        let place = violation.span.and_then(|span| span.in_code_points(text));
        let place = place.map_or_else(|| "all".to_owned(), |span| format!("{}..{}", span.start, span.end));
        [
            violation.entity.to_string(),
            violation.category.as_str().to_owned(),
            place,
            violation.severity.as_str().to_owned(),
            output::number(Some(violation.score.get())),
            violation.action.as_str().to_owned(),
        ]
    });
    if !result.violations.is_empty() {
        let columns = ["found", "category", "characters", "severity", "score", "action"];
        output::line(&output::texts(columns, rows))?;
    }
    let ran: Vec<_> = guard.detectors(stage(direction)).collect();
    output::line(&format!("verdict  {}", result.action.as_str()))?;
    output::line(&format!("passes   {}", if result.is_blocked() { "nothing" } else { result.text(text) }))?;
    output::line(&format!("ran      {}", ran.join(", ")))
}
