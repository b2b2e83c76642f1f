use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{TaskId, UserId};
use minijinja::{
    Environment, UndefinedBehavior,
    value::{Enumerator, Object, Serde, Value},
};

use crate::error::{Error, Result};

/// What a prompt template may use.
pub(crate) struct PromptView<'a> {
    pub(crate) user: &'a UserId,
    pub(crate) task: &'a TaskId,
    pub(crate) preferences: &'a BTreeMap<String, serde_json::Value>,
    pub(crate) memories: &'a [String],
}

/// A task's compiled system prompts. Unknown variables are errors; a preference that the user has not set is
/// an empty text, since which ones are set differs between users.
pub(crate) struct Prompts {
    environment: Environment<'static>,
    task: TaskId,
}

impl Prompts {
    pub(crate) fn new(task: TaskId) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        Self { environment, task }
    }

    /// Compiles a template and renders it once for a user without preferences, so that a mistake in it is
    /// found now.
    pub(crate) fn add(&mut self, strategy: &str, template: &str) -> Result<()> {
        let added = self.environment.add_template_owned(strategy.to_owned(), template.to_owned());
        added.map_err(|source| self.failed(strategy, source))?;
        let user = UserId::new("somebody")?;
        let view = PromptView { user: &user, task: &self.task, preferences: &BTreeMap::new(), memories: &[] };
        self.render(strategy, &view).map(drop)
    }

    pub(crate) fn render(&self, strategy: &str, view: &PromptView<'_>) -> Result<String> {
        let template = self.environment.get_template(strategy).map_err(|e| self.failed(strategy, e))?;
        let preferences = PreferencesObject(view.preferences.clone());
        let variables = Value::from_pairs([
            ("user_id", Value::from(view.user.as_str())),
            ("task", Value::from(view.task.as_str())),
            ("preferences", Value::from_object(preferences)),
            ("memories", Value::from(Serde(view.memories))),
        ]);
        template.render(variables).map_err(|source| self.failed(strategy, source))
    }

    /// Whether the template itself uses a variable.
    pub(crate) fn uses(&self, strategy: &str, variable: &str) -> bool {
        let template = self.environment.get_template(strategy);
        template.is_ok_and(|template| template.undeclared_variables(false).contains(variable))
    }

    fn failed(&self, strategy: &str, source: minijinja::Error) -> Error {
        let place = format!("tasks.{}.strategies.{strategy}.system", self.task);
        Error::Template { place, source: Box::new(source) }
    }
}

#[derive(Debug)]
struct PreferencesObject(BTreeMap<String, serde_json::Value>);

impl Object for PreferencesObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = key.as_str().and_then(|name| self.0.get(name));
        Some(value.map_or_else(|| Value::from(""), |value| Value::from(Serde(value))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(name.as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, preferences: &BTreeMap<String, serde_json::Value>) -> Result<String> {
        let task = TaskId::new("support")?;
        let mut prompts = Prompts::new(task.clone());
        prompts.add("s", template)?;
        let user = UserId::new("ana")?;
        let view = PromptView { user: &user, task: &task, preferences, memories: &["likes tea".to_owned()] };
        prompts.render("s", &view)
    }

    #[test]
    fn templates_see_preferences_and_memories() {
        let preferences = BTreeMap::from([("tone".to_owned(), serde_json::json!("dry"))]);
        let text = render(
            "{{ task }}/{{ user_id }}: {{ preferences.tone }}, {{ memories[0] if memories }}",
            &preferences,
        );
        assert_eq!(text.unwrap(), "support/ana: dry, likes tea");
        assert_eq!(render("<{{ preferences.tone }}>", &BTreeMap::new()).unwrap(), "<>");
    }

    #[test]
    fn only_a_variable_places_memories() {
        let mut prompts = Prompts::new(TaskId::new("support").unwrap());
        for (name, template, places) in [
            ("mentions", "Help the user keep their memories.", false),
            ("loops", "{% for memory in memories %}{{ memory }}{% endfor %}", true),
            ("shadows", "{% set memories = 1 %}{{ memories }}", false),
        ] {
            prompts.add(name, template).unwrap();
            assert_eq!(prompts.uses(name, "memories"), places, "{name}");
        }
    }

    #[test]
    fn unknown_variables_and_syntax_errors_name_their_place() {
        for bad in ["{{ preferences.tone", "{{ temperament }}", "{% if %}"] {
            let error = render(bad, &BTreeMap::new()).unwrap_err();
            assert!(error.to_string().starts_with("tasks.support.strategies.s.system"), "{error}");
        }
    }
}
