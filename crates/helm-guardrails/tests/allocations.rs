//! A clean short message costs no allocation.

use std::sync::Arc;

use helm_guardrails::core::{Category, GuardAction, Severity, Span, Stage};
use helm_guardrails::{Detector, Finding, Findings, GuardrailEngine, Reach, Rule, TextView};

/// Finds `voldemort` in either view.
struct Name(&'static str);

impl Detector for Name {
    fn id(&self) -> &str {
        self.0
    }

    fn categories(&self) -> &[Category] {
        &[Category::Topic]
    }

    fn reach(&self) -> Reach {
        Reach::Bounded(9)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = if self.0 == "words" { view.words() } else { view.digits() };
        if let Some(at) = folded.text().find("voldemort") {
            let Span { start, end } = folded.original(at..at + 9);
            findings.push(Finding::new(Category::Topic, "NAME", Span { start, end }, Severity::Low));
        }
    }
}

#[test]
fn a_clean_message_is_checked_without_allocating() {
    let guard = GuardrailEngine::builder()
        .detector(Arc::new(Name("words")))
        .detector(Arc::new(Name("digits")))
        .rule(Stage::Input, Category::Topic, Rule::new(GuardAction::Redact))
        .build()
        .unwrap();
    let message = "Hello! I have been waiting for my order since Tuesday, and nobody has told me where it is. \
                   Could you please have a look, and write to me when you know more? Thank you very much.";
    let mut action = None;
    let allocated = allocation_counter::measure(|| action = Some(guard.check_input(message).action));
    assert_eq!((action, allocated.count_total), (Some(GuardAction::Allow), 0));
    let found = allocation_counter::measure(|| action = Some(guard.check_input("Voldemort").action));
    assert!(action == Some(GuardAction::Redact) && found.count_total > 0, "the counter counts");
}

#[test]
fn the_standard_engine_checks_a_clean_message_without_allocating() {
    let guard = GuardrailEngine::standard();
    let message = "Thanks, that worked! One more question: how do I sort a list of dictionaries by two keys in Python, the \
                   first ascending and the second descending? I would like to keep the original list as it is.";
    for stage in [Stage::Input, Stage::Output, Stage::ToolCall] {
        // Tables are made when they are first used.
        let _ = guard.check(stage, message);
        let mut action = None;
        let allocated = allocation_counter::measure(|| action = Some(guard.check(stage, message).action));
        assert_eq!((action, allocated.count_total), (Some(GuardAction::Allow), 0), "{stage:?}");
    }
}
