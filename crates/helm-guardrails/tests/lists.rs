//! Links, phrases and lengths by somebody's lists.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{Category, GuardAction, HeuristicTokenCounter, Stage, TokenCount};
use helm_guardrails::{
    Detector, Findings, GuardrailConfig, GuardrailEngine, LengthLimit, PhraseFilter, Rule, StreamStep,
    TextView, UrlFilter,
};
use proptest::prelude::*;

fn found(detector: &dyn Detector, text: &str) -> Vec<String> {
    let mut findings = Findings::new();
    detector.scan(&TextView::new(text), &mut findings);
    let mut found: Vec<_> = findings
        .iter()
        .map(|finding| match finding.span {
            Some(span) => format!("{} {}", finding.entity, &text[span.start..span.end]),
            None => finding.entity.to_string(),
        })
        .collect();
    found.sort();
    found
}

#[test]
fn only_allowed_hosts_and_what_lies_under_them_pass() {
    let filter = UrlFilter::new().allow(["example.org", "*.bücher.example", "10.0.0.1"]).unwrap();
    for text in [
        "see https://example.org/x, http://www.EXAMPLE.org:8080 (and https://docs.example.org/a_(b)).",
        "https://xn--bcher-kva.example/ and https://shop.bücher.example",
        "https://ｅｘａｍｐｌｅ.org and http://10.0.0.1/x",
        "no link: a://, example.net, 1:2, http:",
    ] {
        assert_eq!(found(&filter, text), Vec::<String>::new(), "in {text:?}");
    }
    for (text, expected) in [
        ("see https://evil.example.", "URL_NOT_ALLOWED https://evil.example"),
        ("https://example.org.evil.example/x", "URL_NOT_ALLOWED https://example.org.evil.example/x"),
        ("https://notexample.org", "URL_NOT_ALLOWED https://notexample.org"),
        ("www.evil.example", "URL_NOT_ALLOWED www.evil.example"),
        ("![x](//evil.example/p.png)", "URL_NOT_ALLOWED //evil.example/p.png"),
        ("https://[::1", "URL_NOT_ALLOWED https://[::1"),
        ("https://1.10.0.0.1", "URL_NOT_ALLOWED https://1.10.0.0.1"),
    ] {
        assert_eq!(found(&filter, text), [expected]);
    }
}

#[test]
fn denied_hosts_are_found_even_where_they_are_allowed() {
    let filter = UrlFilter::new().allow(["example.org"]).unwrap().deny(["bad.example.org", "zip"]).unwrap();
    assert_eq!(found(&filter, "https://bad.example.org/x"), ["URL_DENIED https://bad.example.org/x"]);
    assert_eq!(found(&filter, "https://a.zip"), ["URL_DENIED https://a.zip"]);
    assert_eq!(found(&filter, "https://example.org"), Vec::<String>::new());
}

#[test]
fn links_that_lead_elsewhere_than_they_seem_to_are_found() {
    for text in [
        "https://bank.example@evil.example/",
        "https://u:p@evil.example",
        "http://2130706433/",
        "http://0x7f.1/",
        "https://pаypal.com",
        "https://xn--pypal-4ve.com/",
        "https://аррӏе.com",
        "javascript:alert(1)",
        "data:text/html,<x",
    ] {
        let found = found(&UrlFilter::new(), text);
        assert!(found.iter().any(|found| found.starts_with("URL_MISLEADING")), "{found:?} in {text:?}");
    }
    for text in
        ["https://example.org:443/a?b=c@d#e", "http://127.0.0.1:80", "https://пример.рф", "https://[::1]/"]
    {
        assert_eq!(found(&UrlFilter::new(), text), Vec::<String>::new(), "in {text:?}");
    }
}

#[test]
fn public_suffixes_and_what_is_no_host_cannot_be_allowed() {
    for host in ["co.uk", "com", "github.io", "", "a b", "https://example.org"] {
        assert!(UrlFilter::new().allow([host]).is_err(), "{host}");
    }
    assert!(UrlFilter::new().allow(["localhost", "example.co.uk"]).is_ok());
}

#[test]
fn phrases_are_whole_words_however_they_are_written() {
    let filter = PhraseFilter::new()
        .list("COMPETITOR", ["Acme Corp", "Initech"])
        .unwrap()
        .list("WEAPONS", ["bomb*", "how to make a gun", "爆弾"])
        .unwrap();
    for (text, expected) in [
        ("ACME, Corp.", "COMPETITOR ACME, Corp"),
        ("acme\n  côrp", "COMPETITOR acme\n  côrp"),
        ("i\u{200b}nitech", "COMPETITOR i\u{200b}nitech"),
        ("Bombing", "WEAPONS Bombing"),
        ("How to make a gun", "WEAPONS How to make a gun"),
        ("これは爆弾です", "WEAPONS 爆弾"),
    ] {
        assert_eq!(found(&filter, text), [expected]);
    }
    for text in ["acme corporation", "the acme of corp", "initechs", "abomb", "how to make a gunsight"] {
        assert_eq!(found(&filter, text), Vec::<String>::new(), "in {text:?}");
    }
    for phrase in ["", "...", &"x".repeat(300)] {
        assert!(PhraseFilter::new().list("X", [phrase]).is_err());
    }
}

#[test]
fn length_is_counted_in_bytes_characters_and_tokens() {
    let counter = Arc::new(HeuristicTokenCounter);
    let limit = LengthLimit::new().max_bytes(8).max_chars(4).max_tokens(counter, TokenCount::new(2));
    assert_eq!(found(&limit, "äöüß"), Vec::<String>::new());
    assert_eq!(found(&limit, "abcde"), ["TOO_MANY_CHARACTERS"]);
    assert_eq!(found(&limit, "123456789"), ["TOO_MANY_BYTES", "TOO_MANY_CHARACTERS", "TOO_MANY_TOKENS"]);
}

fn engine() -> GuardrailEngine {
    let phrases = PhraseFilter::new().list("X", ["a b c", "b a", "c*", "дa"]).unwrap();
    let urls = UrlFilter::new().allow(["example.org"]).unwrap();
    let mut builder = GuardrailEngine::builder().detector(Arc::new(phrases)).detector(Arc::new(urls));
    for category in [Category::Topic, Category::Url] {
        builder = builder.rule(Stage::Output, category, Rule::new(GuardAction::Redact));
    }
    builder.build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn a_stream_lets_through_what_the_whole_does(
        words in proptest::collection::vec("[abcd]{1,2}|https?://[a-e]\\.example|www\\.x|, |\\.|д", 0..40),
        sizes in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        let (text, engine) = (words.join(" "), engine());
        let mut guard = engine.stream(Stage::Output);
        let (mut sent, mut rest) = (String::new(), text.as_str());
        for size in sizes.iter().cycle() {
            let at = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
            if let StreamStep::Emit(part) = guard.push(&rest[..at]) {
                sent.push_str(&part);
            }
            rest = &rest[at..];
            if rest.is_empty() {
                break;
            }
        }
        sent.push_str(&guard.finish().0);
        let whole = engine.check_output(&text);
        prop_assert_eq!(sent, whole.text(&text));
    }
}

#[test]
fn lists_come_from_configuration() {
    let guard = |text: &str| {
        let config: GuardrailConfig = toml::from_str(text).unwrap();
        GuardrailEngine::from_config(&config)
    };
    let lists = guard(
        r#"
        [output]
        denied_hosts = ["bad.example"]
        banned_topics = { GAMBLING = ["bet on", "casino*"] }
        max_chars = 40
        url = "block"
        topic = "redact"
        "#,
    );
    let lists = lists.unwrap();
    let blocked = |text: &str| lists.check_output(text).is_blocked();
    assert!(blocked("See https://www.bad.example/x now") && !blocked("See https://good.example now"));
    assert!(blocked(&"word ".repeat(9)) && !blocked(&"word ".repeat(7)), "forty characters");
    let text = "The casinos are open";
    assert_eq!(lists.check_output(text).text(text), "The [GAMBLING] are open");
    assert_eq!(lists.check_input(text).text(text), text, "another stage has no such list");
    let few = guard("[input]\nmax_tokens = 10").unwrap();
    assert!(few.check_input(&"a".repeat(41)).is_blocked() && !few.check_input(&"a".repeat(40)).is_blocked());
    let only = guard("[output]\nallowed_hosts = [\"good.example\"]\nurl = \"block\"").unwrap();
    assert!(only.check_output("See https://other.example now").is_blocked());
    for wrong in
        ["allowed_hosts = [\"co.uk\"]", "denied_hosts = [\"no host\"]", "banned_topics = { A = [\"!\"] }"]
    {
        assert!(guard(&format!("[output]\n{wrong}")).is_err(), "{wrong}");
    }
}
