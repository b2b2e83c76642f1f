use std::io::BufRead;

use helm_core::{Category, Stage};
use helm_orchestrator::guardrails::{GuardrailEngine, GuardrailResult, ToxicityFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::Direction;
use crate::error::{Failure, Result};
use crate::output;

#[derive(Deserialize)]
struct Line {
    id: Value,
    text: String,
}

/// One line out for each line in, in order.
pub(super) fn check(direction: Direction, scores: bool) -> Result<()> {
    let guard = GuardrailEngine::standard();
    let stage = if direction == Direction::Input { Stage::Input } else { Stage::Output };
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(&line)
            .map_err(|error| Failure::wrong(format!("standard input, line {}: {error}", number + 1)))?;
        let result = guard.check(stage, &line.text);
        output::line(&verdict(&line, &result, scores).to_string())?;
    }
    Ok(())
}

fn verdict(line: &Line, result: &GuardrailResult, scores: bool) -> Value {
    let violations: Vec<Value> = result
        .violations
        .iter()
        .map(|violation| {
            let span = violation.span.and_then(|span| span.in_code_points(&line.text));
            json!({
                "category": violation.category, "entity": violation.entity,
                "start": span.map(|span| span.start), "end": span.map(|span| span.end),
                "severity": violation.severity, "score": violation.score,
            })
        })
        .collect();
    let profane = f64::from(result.score(Category::Profanity) > 0.0);
    // What this version does not measure has no number, not a low one.
    let scores = scores.then(|| {
        json!({
            "toxic": ToxicityFilter::new().score(&line.text), "profane": profane,
            "injection": null, "suspicious": null,
        })
    });
    let text = result.text(&line.text);
    match scores {
        Some(scores) => json!({
            "id": line.id, "action": result.action, "text": text, "violations": violations, "scores": scores,
        }),
        None => json!({ "id": line.id, "action": result.action, "text": text, "violations": violations }),
    }
}
