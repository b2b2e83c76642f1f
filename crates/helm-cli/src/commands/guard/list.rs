use helm_core::{Category, GuardAction, Stage};
use helm_orchestrator::guardrails::{
    Detector, GuardrailEngine, InjectionFilter, LengthLimit, PhraseFilter, PiiFilter, ProfanityFilter,
    SecretFilter, ToxicityFilter, UnicodeFilter, UrlFilter,
};
use serde_json::json;

use crate::arguments::Global;
use crate::error::Result;
use crate::output::{self, Format, Series};

/// Shows the built-in detectors, and what is usually done about what they find.
pub(super) fn run(global: &Global) -> Result<()> {
    let detectors: [Box<dyn Detector>; 9] = [
        Box::new(PiiFilter::new()),
        Box::new(SecretFilter::new()),
        Box::new(ProfanityFilter::new()),
        Box::new(ToxicityFilter::new()),
        Box::new(InjectionFilter::new()),
        Box::new(UnicodeFilter::new()),
        Box::new(UrlFilter::new()),
        Box::new(PhraseFilter::new()),
        Box::new(LengthLimit::new()),
    ];
    if global.output != Format::Table {
        let mut series = Series::new(global.output);
        for detector in &detectors {
            let value = json!({
                "detector": detector.id(), "categories": detector.categories(), "entities": detector.entities(),
            });
            series.value(&value)?;
        }
        return series.end();
    }
    let rows = detectors.iter().flat_map(|detector| {
        detector.categories().iter().map(|category| {
            [
                category.as_str().to_owned(),
                detector.entities().len().to_string(),
                usual(Stage::Input, *category),
                usual(Stage::Output, *category),
                usual(Stage::ToolCall, *category),
                usual(Stage::ToolResult, *category),
            ]
        })
    });
    let columns = ["category", "entities", "input", "output", "tool call", "tool result"];
    output::line(&output::texts(columns, rows))?;
    output::line(
        "`--output json` names the entities. Rules are changed by [guardrails.NAME]: docs/configuration.md.",
    )
}

/// What is done at a stage, unless the configuration says otherwise.
fn usual(stage: Stage, category: Category) -> String {
    let rule = GuardrailEngine::standard_policy(stage).rule(category);
    rule.map_or(GuardAction::Allow, |rule| rule.action).as_str().to_owned()
}
