//! What the whole text decides: its language, and whether it is JSON of a schema.

#![cfg(all(feature = "language", feature = "schema"))]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{Category, GuardAction, Stage};
use helm_guardrails::{
    Detector, Error, GuardrailConfig, GuardrailEngine, LanguageFilter, Rule, SchemaFilter, check_detector,
};
use serde_json::json;

fn found(detector: impl Detector + 'static, text: &str) -> Vec<(String, f64)> {
    let category = detector.categories()[0];
    let rule = Rule::new(GuardAction::Block).with_threshold(0.0);
    let builder = GuardrailEngine::builder().detector(Arc::new(detector)).rule(Stage::Output, category, rule);
    let result = builder.build().unwrap().check_output(text);
    result.violations.iter().map(|found| (found.entity.clone(), found.score.get())).collect()
}

const GERMAN: &str = "Guten Tag, ich möchte gerne wissen, wann meine Bestellung endlich ankommt. ";
const ENGLISH: &str = "Good morning, I should like to know when my order is going to arrive. ";

#[test]
fn a_text_in_another_language_is_found_with_its_share() {
    let english = || LanguageFilter::allowing(["eng"]).unwrap();
    assert_eq!(found(english(), ENGLISH), []);
    assert_eq!(found(english(), GERMAN), [("LANGUAGE_DEU".to_owned(), 1.0)]);
    let both = LanguageFilter::allowing(["eng", "deu"]).unwrap();
    assert_eq!(found(both, GERMAN), []);
    let mixed = format!("{}{}", GERMAN.repeat(12), ENGLISH.repeat(4));
    let share = found(english(), &mixed)[0].1;
    assert!((0.6..0.9).contains(&share), "{share}");
    let shy = GERMAN.replace('o', "o\u{ad}");
    assert_eq!(
        found(english(), &shy),
        [("LANGUAGE_DEU".to_owned(), 1.0)],
        "invisible characters change nothing"
    );
    for text in ["", "Grüße", "12345 67890 12345 67890 12345 67890", "ok :-)"] {
        assert_eq!(found(english(), text), [], "{text}");
    }
    check_detector(&english(), &[GERMAN, ENGLISH]).unwrap();
}

#[test]
fn unknown_languages_are_refused() {
    for codes in [vec!["en"], vec!["eng", "xxx"], vec![]] {
        assert!(matches!(LanguageFilter::allowing(&codes), Err(Error::UnknownLanguage { .. })), "{codes:?}");
    }
}

#[test]
fn a_text_must_be_json_of_the_schema() {
    let schema =
        json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "maximum": 9}}});
    let filter = SchemaFilter::new(&schema).unwrap();
    let entities =
        |text: &str| found(filter.clone(), text).into_iter().map(|(entity, _)| entity).collect::<String>();
    assert_eq!(entities(" {\"n\": 3} \n"), "");
    for text in ["{\"n\": 12}", "{}", "[]", "\"n\""] {
        assert_eq!(entities(text), "SCHEMA", "{text}");
    }
    for text in ["", "{\"n\": 3", "```json\n{\"n\": 3}\n```", "{\"n\": 3} done"] {
        assert_eq!(entities(text), "NOT_JSON", "{text}");
    }
    check_detector(&filter, &["{\"n\": 3}"]).unwrap();
    for wrong in
        [json!({"type": "thing"}), json!({"pattern": "(?=a)b"}), json!({"$ref": "https://example.com/s"})]
    {
        assert!(matches!(SchemaFilter::new(&wrong), Err(Error::InvalidSchema { .. })), "{wrong}");
    }
}

#[test]
fn configuration_turns_them_on_by_stage() {
    let config: GuardrailConfig = toml::from_str(
        r#"
        [output]
        json_schema = '{"type": "array"}'
        [input]
        allowed_languages = ["eng"]
        language = { action = "block", threshold = 0.6 }
        "#,
    )
    .unwrap();
    let guard = GuardrailEngine::from_config(&config).unwrap();
    assert!(guard.check_output("{}").is_blocked() && !guard.check_output("[]").is_blocked());
    assert!(guard.check_input(GERMAN).is_blocked() && !guard.check_input(ENGLISH).is_blocked());
    assert_eq!(guard.check_input(GERMAN).violations[0].category, Category::Language);
    let refused = |text: &str| GuardrailEngine::from_config(&toml::from_str(text).unwrap()).is_err();
    assert!(refused("[input]\nallowed_languages = [\"english\"]"));
    assert!(refused("[input]\njson_schema = \"{\""));
}
