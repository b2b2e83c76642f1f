//! Whatever text streams through the guards, in whatever pieces: what is let through is what the whole lets through.

use std::sync::{Arc, LazyLock};

use helm_orchestrator::guardrails::core::{Category, GuardAction, Stage};
use helm_orchestrator::guardrails::{
    GuardrailEngine, PiiFilter, ProfanityFilter, Rule, SecretFilter, StagePolicy, StreamStep, UnicodeFilter,
    UrlFilter,
};

/// Replaces whatever is found, and blocks nothing, so that all of a text leaves.
static GUARD: LazyLock<GuardrailEngine> = LazyLock::new(|| {
    let replaced = [Category::Pii, Category::Secret, Category::Profanity, Category::Unicode, Category::Url];
    let policy = replaced.into_iter().fold(StagePolicy::new(), |policy, category| {
        policy.with_rule(category, Rule::new(GuardAction::Redact))
    });
    GuardrailEngine::builder()
        .detector(Arc::new(SecretFilter::new()))
        .detector(Arc::new(PiiFilter::new()))
        .detector(Arc::new(UnicodeFilter::new()))
        .detector(Arc::new(ProfanityFilter::new()))
        .detector(Arc::new(UrlFilter::new()))
        .stage(Stage::Output, policy)
        .build()
        .expect("rules for what there is")
});

fn streamed(text: &str, size: usize) -> String {
    let (mut stream, mut passed, mut rest) = (GUARD.stream(Stage::Output), String::new(), text);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        match stream.push(piece) {
            StreamStep::Emit(part) => passed.push_str(&part),
            StreamStep::Blocked(result) => panic!("{:?}", result.action),
        }
        rest = later;
    }
    passed + &stream.finish().0
}

/// Reads these bytes. The last byte says how the rest is cut, so that texts can be seeds.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Some((size, bytes)) = data.split_last() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let whole = GUARD.check_output(text);
    for violation in &whole.violations {
        assert!(violation.span.is_none_or(|span| text.get(span.start..span.end).is_some()), "{violation:?}");
    }
    assert_eq!(streamed(text, usize::from(*size).max(1)), whole.text(text));
}
