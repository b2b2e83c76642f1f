//! What is done about what is found.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{Category, GuardAction, Severity, Span, Stage, UnitInterval};
use helm_guardrails::{
    Detector, Error, Finding, Findings, GuardrailBuilder, GuardrailConfig, GuardrailEngine, OnError,
    PseudonymKey, RanOutcome, Reach, RedactStyle, Rule, StagePolicy, StreamStep, TextView,
};

/// Finds a literal.
#[derive(Clone, Copy)]
struct Literal {
    id: &'static str,
    category: Category,
    literal: &'static str,
    severity: Severity,
    score: f64,
}

const ANA: Literal =
    Literal { id: "ana", category: Category::Pii, literal: "ana", severity: Severity::Medium, score: 0.8 };

impl Detector for Literal {
    fn id(&self) -> &str {
        self.id
    }

    fn categories(&self) -> &[Category] {
        std::slice::from_ref(&self.category)
    }

    fn entities(&self) -> Vec<&str> {
        vec!["LITERAL"]
    }

    fn reach(&self) -> Reach {
        Reach::Bounded(self.literal.len())
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        for (start, found) in view.text().match_indices(self.literal) {
            let span = Span { start, end: start + found.len() };
            let finding = Finding::new(self.category, "LITERAL", span, self.severity);
            findings.push(finding.with_score(UnitInterval::new(self.score).unwrap()));
        }
    }
}

/// Panics at the letter q.
struct Fragile;

impl Detector for Fragile {
    fn id(&self) -> &'static str {
        "fragile"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Unicode]
    }

    fn reach(&self) -> Reach {
        Reach::Bounded(1)
    }

    fn scan(&self, view: &TextView<'_>, _: &mut Findings) {
        assert!(!view.text().contains('q'), "a q");
    }
}

fn with(detector: Literal, rule: Rule) -> GuardrailBuilder {
    let builder = GuardrailEngine::builder().detector(Arc::new(detector));
    builder.rule(Stage::Output, detector.category, rule)
}

fn passed(builder: GuardrailBuilder, text: &str) -> String {
    builder.build().unwrap().check_output(text).text(text).to_owned()
}

#[test]
fn a_span_is_replaced_in_the_style_of_its_rule() {
    let redact = |style| with(ANA, Rule::new(GuardAction::Redact).with_style(style));
    assert_eq!(passed(redact(RedactStyle::Label), "hi ana!"), "hi [LITERAL]!");
    assert_eq!(passed(redact(RedactStyle::Mask { keep: 0 }), "hi ana!"), "hi ***!");
    assert_eq!(passed(redact(RedactStyle::Mask { keep: 4 }), "hi ana!"), "hi ***!", "a quarter of 3 is none");
    let long = Literal { literal: "4111111111111111", ..ANA };
    let masked = with(long, Rule::new(GuardAction::Redact).with_style(RedactStyle::Mask { keep: 4 }));
    assert_eq!(passed(masked, "4111111111111111"), "************1111");

    let hashed = passed(redact(RedactStyle::Hash), "ana ana");
    let (one, other) = hashed.split_once(' ').unwrap();
    assert_eq!(one, other);
    assert!(one.starts_with("[LITERAL#") && one.len() == 26, "{one}");

    let keyed = |key: &[u8]| {
        let builder = redact(RedactStyle::Pseudonym).pseudonym_key(PseudonymKey::new(key.to_vec()).unwrap());
        passed(builder, "ana")
    };
    assert_eq!(keyed(&[1; 32]), keyed(&[1; 32]));
    assert_ne!(keyed(&[1; 32]), keyed(&[2; 32]));
    assert_ne!(keyed(&[1; 32]), one);
    assert_eq!(redact(RedactStyle::Pseudonym).build().err(), Some(Error::MissingKey));
    assert_eq!(PseudonymKey::new("short").err(), Some(Error::InvalidKey));
    assert_eq!(format!("{:?}", PseudonymKey::new([7; 32]).unwrap()), "PseudonymKey");
}

#[test]
fn findings_below_the_threshold_or_the_severity_are_ignored() {
    let action = |rule| with(ANA, rule).build().unwrap().check_output("ana").action;
    let flag = Rule::new(GuardAction::Flag);
    assert_eq!(action(flag), GuardAction::Flag);
    assert_eq!(action(flag.with_threshold(0.8)), GuardAction::Flag);
    assert_eq!(action(flag.with_threshold(0.81)), GuardAction::Allow);
    assert_eq!(action(flag.with_severity(Severity::Medium)), GuardAction::Flag);
    assert_eq!(action(flag.with_severity(Severity::High)), GuardAction::Allow);
    let error = with(ANA, flag.with_threshold(f64::NAN)).build().err().unwrap();
    assert!(error.to_string().contains("pii"), "{error}");
}

#[test]
fn an_entity_may_have_a_rule_of_its_own() {
    let policy = |entity: &str| {
        StagePolicy::new()
            .with_rule(Category::Pii, Rule::new(GuardAction::Redact))
            .with_entity(entity, Rule::new(GuardAction::Block))
    };
    let build = |entity| {
        GuardrailEngine::builder().detector(Arc::new(ANA)).stage(Stage::Output, policy(entity)).build()
    };
    assert_eq!(build("LITERAL").unwrap().check_output("ana").action, GuardAction::Block);
    assert_eq!(build("LITERALS").err(), Some(Error::UnknownEntity { entity: "LITERALS".to_owned() }));
    // A detector that does not tell its entities may have any.
    let open = GuardrailEngine::builder().detector(Arc::new(Fragile)).stage(Stage::Output, policy("ANY"));
    assert!(open.build().is_ok());
}

#[test]
fn of_what_overlaps_the_surest_counts_and_then_the_longest() {
    let found = |parts: &[Literal], rule: fn(&Literal) -> GuardAction| {
        let mut builder = GuardrailEngine::builder();
        for part in parts {
            builder = builder.detector(Arc::new(*part));
            builder = builder.rule(Stage::Output, part.category, Rule::new(rule(part)));
        }
        let result = builder.build().unwrap().check_output("x banana y");
        let ids: Vec<_> = result.violations.iter().map(|violation| violation.detector.clone()).collect();
        (ids.join(" "), result.text("x banana y").to_owned())
    };
    let flag = |_: &Literal| GuardAction::Redact;
    let inner = Literal { id: "inner", literal: "nan", ..ANA };
    let outer = Literal { id: "outer", literal: "banana", ..ANA };
    let twin = Literal { id: "twin", ..outer };
    let begin = Literal { id: "begin", literal: "bana", ..ANA };
    let end = Literal { id: "end", literal: "nana", ..ANA };
    assert_eq!(found(&[inner, outer], flag).0, "outer");
    assert_eq!(found(&[outer, twin], flag).0, "outer");
    assert_eq!(found(&[twin, outer], flag).0, "twin");
    assert_eq!(found(&[Literal { score: 0.9, ..inner }, outer], flag).0, "outer inner");
    assert_eq!(found(&[begin, end], flag), ("begin end".to_owned(), "x [LITERAL] y".to_owned()));
    let other = Literal { category: Category::Topic, ..inner };
    assert_eq!(found(&[other, outer], flag).0, "outer inner", "other categories are told too");
    // What is only flagged does not shield what is to be replaced.
    let mixed = |part: &Literal| if part.id == "outer" { GuardAction::Flag } else { GuardAction::Redact };
    assert_eq!(found(&[other, outer], mixed).1, "x ba[LITERAL]a y");
}

#[test]
fn nothing_passes_that_is_to_be_asked_about_or_rewritten() {
    for action in [GuardAction::Ask, GuardAction::Rewrite, GuardAction::Block] {
        let guard = with(ANA, Rule::new(action)).build().unwrap();
        let result = guard.check_output("hi ana");
        assert!(result.is_blocked());
        assert_eq!((result.action, result.text("hi ana")), (action, ""));
        let mut stream = guard.stream(Stage::Output);
        let step = match stream.push("hi ana and so on and on and on. ") {
            StreamStep::Emit(_) => panic!("it was let through"),
            StreamStep::Blocked(result) => result,
        };
        assert_eq!(step.action, action);
    }
}

#[test]
fn what_is_rewritten_is_checked_again() {
    let rewriting = |to: &'static str| {
        with(ANA, Rule::new(GuardAction::Rewrite)).rewrite(Arc::new(move |_, _| Some(to.to_owned())))
    };
    assert_eq!(passed(rewriting("hi somebody"), "hi ana"), "hi somebody");
    assert_eq!(passed(rewriting("hi ana again"), "hi ana"), "");
    let result = rewriting("hi somebody").build().unwrap().check_output("hi ana");
    assert_eq!((result.action, result.is_blocked()), (GuardAction::Rewrite, false));
    assert_eq!(result.violations.len(), 1);
}

#[test]
fn a_monitored_stage_records_what_it_would_do() {
    let guard = with(ANA, Rule::new(GuardAction::Block)).monitor().build().unwrap();
    let result = guard.check_output("hi ana");
    assert_eq!((result.action, result.intended), (GuardAction::Flag, GuardAction::Block));
    assert_eq!(result.text("hi ana"), "hi ana");
    assert_ne!(guard.version(), with(ANA, Rule::new(GuardAction::Block)).build().unwrap().version());
}

#[test]
fn a_detector_that_panics_blocks_or_is_recorded() {
    let guard = |on_error| {
        let policy = StagePolicy::new().with_rule(Category::Unicode, Rule::new(GuardAction::Flag));
        let builder = GuardrailEngine::builder().detector(Arc::new(Fragile));
        builder.stage(Stage::Output, policy.with_on_error(on_error)).build().unwrap()
    };
    let closed = guard(OnError::Closed).check_output("a q");
    assert!(closed.is_blocked());
    assert_eq!(closed.violations.first().unwrap().entity, "CHECK_FAILED");
    assert_eq!(closed.ran.first().unwrap().outcome, RanOutcome::Panicked);
    let open = guard(OnError::Open).check_output("a q");
    assert_eq!((open.action, open.text("a q")), (GuardAction::Flag, "a q"));
    assert_eq!(guard(OnError::Closed).check_output("no").ran.first().unwrap().outcome, RanOutcome::Done);
    let mut stream = guard(OnError::Closed).stream(Stage::Output);
    stream.push("a q and ");
    let (_, result) = stream.finish();
    assert!(result.is_blocked());
}

#[test]
fn stages_have_their_own_rules_and_detectors() {
    let guard = GuardrailEngine::builder()
        .detector_at(Stage::ToolCall, Arc::new(ANA))
        .rule(Stage::ToolCall, Category::Pii, Rule::new(GuardAction::Block))
        .rule(Stage::ToolResult, Category::Pii, Rule::new(GuardAction::Block))
        .build()
        .unwrap();
    assert!(guard.check(Stage::ToolCall, "ana").is_blocked());
    assert!(!guard.check(Stage::ToolResult, "ana").is_blocked());
    assert_eq!(guard.detectors(Stage::ToolCall).collect::<Vec<_>>(), ["ana"]);
    assert_eq!(guard.detectors(Stage::ToolResult).count(), 0);
}

#[test]
fn results_say_what_ran_and_show_nothing_of_the_text() {
    let guard = with(ANA, Rule::new(GuardAction::Redact)).build().unwrap();
    let result = guard.check_output("the secret of ana is safe");
    assert!(!format!("{result:?}").contains("safe"));
    assert!(!serde_json::to_string(&result).unwrap().contains("safe"));
    let names = |result: &helm_guardrails::GuardrailResult| {
        result.ran.iter().map(|ran| (ran.detector.to_string(), ran.took.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(names(&result), [("ana".to_owned(), false)]);
    let timed = with(ANA, Rule::new(GuardAction::Redact)).timing().build().unwrap();
    assert_eq!(names(&timed.check_output("ana")), [("ana".to_owned(), true)]);
}

fn configured(text: &str) -> Result<GuardrailEngine, String> {
    let config: GuardrailConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    GuardrailEngine::from_config(&config).map_err(|error| error.to_string())
}

#[test]
fn configuration_says_for_every_stage_what_is_done() {
    let guard = configured(
        r#"
        rewrite_to = "I had better not say that."
        [tool_result]
        pii = { action = "redact", threshold = 0.1, style = "mask", keep = 3 }
        [output]
        profanity = "rewrite"
        toxicity = "allow"
        on_error = "open"
        hold = "sentence"
        [input]
        monitor = true
        [input.entities]
        EMAIL = "ask"
        "#,
    )
    .unwrap();
    let shown = |stage, text: &str| guard.check(stage, text).text(text).to_owned();
    assert_eq!(shown(Stage::ToolResult, "ana@example.com"), "************com");
    assert_eq!(shown(Stage::Output, "what shit"), "I had better not say that.");
    let asked = guard.check_input("ana@example.com");
    assert_eq!((asked.action, asked.intended), (GuardAction::Flag, GuardAction::Ask));
}

#[test]
fn configuration_that_is_wrong_is_refused_in_words_that_help() {
    for (text, expected) in [
        ("[input]\npii = \"delete\"", "unknown variant `delete`"),
        ("[input]\npii = 3", "an action, such as"),
        ("[input]\npii = { act = \"flag\" }", "unknown field `act`"),
        ("[input]\npi = \"flag\"", "unknown field `pi`"),
        ("[inputs]", "unknown field `inputs`"),
        ("[input]\npii = { threshold = 1.5 }", "threshold of pii must be a number from 0 to 1"),
        ("[input]\npii = { style = \"hash\", keep = 2 }", "needs style = \"mask\""),
        ("[input]\npii = { style = \"pseudonym\" }", "pseudonym_key_env"),
        ("[input.entities]\nEMAIL = { threshold = 0.5 }", "needs an action"),
        ("[input.entities]\nE_MAIL = \"flag\"", "no detector finds \"E_MAIL\""),
        ("max_bytes = 0", "at least 1"),
    ] {
        let error = configured(text).err().unwrap_or_default();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
