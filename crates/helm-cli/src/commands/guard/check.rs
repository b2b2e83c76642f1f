use helm_core::{Category, Stage};
use helm_orchestrator::guardrails::{GuardrailEngine, GuardrailResult, InjectionFilter, ToxicityFilter};
use serde_json::{Value, json};

use serde::Deserialize;

use super::{lines, stage};
use crate::arguments::Direction;
use crate::error::Result;
use crate::output;

#[derive(Deserialize)]
struct Line {
    id: Value,
    text: String,
}

/// One line out for each line in, in order.
pub(super) async fn run(guard: &GuardrailEngine, direction: Direction, scores: bool) -> Result<()> {
    let (stage, scores) = (stage(direction), scores.then(Scores::new));
    for line in lines() {
        let line: Line = line?;
        let result = guard.check_async(stage, &line.text).await;
        let mut verdict = verdict(&line, &result);
        if let (Some(scores), Some(verdict)) = (&scores, verdict.as_object_mut()) {
            verdict.insert("scores".to_owned(), scores.of(&line.text));
        }
        output::line(&verdict.to_string())?;
    }
    Ok(())
}

fn verdict(line: &Line, result: &GuardrailResult) -> Value {
    json!({
        "id": line.id, "action": result.action, "text": result.text(&line.text),
        "violations": violations(&line.text, result),
    })
}

/// What was found, in code points of the text.
pub(super) fn violations(text: &str, result: &GuardrailResult) -> Vec<Value> {
    let written = result.violations.iter().map(|violation| {
        let span = violation.span.and_then(|span| span.in_code_points(text));
        json!({
            "category": violation.category, "entity": violation.entity,
            "start": span.map(|span| span.start), "end": span.map(|span| span.end),
            "severity": violation.severity, "score": violation.score,
        })
    });
    written.collect()
}

/// What texts are given a number for.
struct Scores {
    guard: GuardrailEngine,
    toxicity: ToxicityFilter,
    injection: InjectionFilter,
}

impl Scores {
    fn new() -> Self {
        Self {
            guard: GuardrailEngine::standard(),
            toxicity: ToxicityFilter::new(),
            injection: InjectionFilter::new(),
        }
    }

    fn of(&self, text: &str) -> Value {
        let found = self.guard.check(Stage::Input, text);
        json!({
            "toxic": self.toxicity.score(text),
            "injection": self.injection.score(text),
            "profane": found.score(Category::Profanity),
            "suspicious": found.score(Category::Unicode),
        })
    }
}
