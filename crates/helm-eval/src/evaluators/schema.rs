use helm_core::{EvaluatorName, NotScored, ScoreOutcome};
use jsonschema::PatternOptions;
use serde_json::Value;

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs};

/// Is it JSON that fits the schema?
///
/// 1 when the whole answer, but for white space around it, is JSON that the [schema](Exchange::schema) allows, else 0:
/// whoever reads it as JSON would fail, too. Patterns are matched in linear time, so they have no look-around. A schema
/// that is none, or refers to anything outside itself, is not scored. The schema is compiled for each answer.
///
/// Needs a schema.
#[derive(Clone, Debug)]
pub struct SchemaFit(EvaluatorName);

impl SchemaFit {
    /// The evaluator, called `schema`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self(EvaluatorName::new("schema")?))
    }
}

impl Heuristic for SchemaFit {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Schema])
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let Some(schema) = exchange.schema else {
            return ScoreOutcome::NotScored(NotScored::Missing(Need::Schema.to_string()));
        };
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator = match options.build(schema) {
            Ok(validator) => validator,
            Err(error) => return ScoreOutcome::NotScored(NotScored::Failed(format!("no schema: {error}"))),
        };
        match serde_json::from_str::<Value>(exchange.response) {
            Err(error) => scored(0.0, 1.0, || format!("no JSON: {error}")),
            Ok(value) => match validator.iter_errors(&value).next() {
                Some(error) => {
                    scored(0.0, 1.0, || format!("at `{}` the JSON does not fit", error.instance_path()))
                }
                None => scored(1.0, 1.0, || "the JSON fits the schema".to_owned()),
            },
        }
    }
}
