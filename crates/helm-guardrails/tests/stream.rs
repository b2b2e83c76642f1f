//! What a stream lets through is what the whole text would let through, however it is cut.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod detectors;

use std::sync::Arc;

use detectors::{Hate, Keys, Longer, Numbers, Phrase, Unended};
use helm_core::{Category, GuardAction, Stage};
use helm_guardrails::{
    GuardrailBuilder, GuardrailEngine, Hold, PiiFilter, ProfanityFilter, Reach, Rule, SecretFilter,
    StagePolicy, StreamStep, UnicodeFilter,
};
use proptest::prelude::*;

/// What left, step by step, and whether it was stopped.
fn stream<'t>(guard: &GuardrailEngine, pieces: impl IntoIterator<Item = &'t str>) -> (Vec<String>, bool) {
    let mut guard = guard.stream(Stage::Output);
    let mut sent = Vec::new();
    for piece in pieces {
        match guard.push(piece) {
            StreamStep::Emit(text) => sent.push(text),
            StreamStep::Blocked(result) => return (sent, result.is_blocked()),
        }
    }
    let (rest, result) = guard.finish();
    sent.push(rest);
    (sent, result.is_blocked())
}

/// `text` in pieces of so many characters, over and over.
fn cut<'t>(text: &'t str, sizes: &[usize]) -> Vec<&'t str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for size in sizes.iter().cycle() {
        let at = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

fn spots(policy: StagePolicy) -> GuardrailBuilder {
    spots_with(policy, Phrase(Reach::Bounded(8)))
}

fn spots_with(policy: StagePolicy, phrase: Phrase) -> GuardrailBuilder {
    let policy = policy
        .with_rule(Category::Pii, Rule::new(GuardAction::Redact).with_threshold(0.5))
        .with_rule(Category::Secret, Rule::new(GuardAction::Redact))
        .with_rule(Category::Topic, Rule::new(GuardAction::Redact));
    let builder = GuardrailEngine::builder().stage(Stage::Output, policy);
    builder.detector(Arc::new(Numbers)).detector(Arc::new(Keys)).detector(Arc::new(phrase))
}

fn redacting() -> GuardrailEngine {
    spots(StagePolicy::new()).build().unwrap()
}

/// Nothing that leaves is ever not a beginning of what the whole lets through.
fn check(guard: &GuardrailEngine, text: &str, pieces: Vec<&str>) -> Result<(), TestCaseError> {
    let whole = guard.check_output(text);
    let (sent, blocked) = stream(guard, pieces);
    prop_assert!(!blocked);
    let mut all = String::new();
    for part in sent {
        all.push_str(&part);
        prop_assert!(whole.text(text).starts_with(&all), "{:?} of {:?}", all, whole.text(text));
    }
    prop_assert_eq!(whole.text(text), all);
    Ok(())
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        3 => "[a-c]{1,4}",
        2 => "[0-9]{1,7}",
        1 => Just("card".to_owned()),
        1 => Just("bad".to_owned()),
        1 => Just("word".to_owned()),
        1 => Just("<key>".to_owned()),
        1 => Just("</key>".to_owned()),
        1 => Just("b\u{200b}a\u{301}d".to_owned()),
        1 => Just("４\u{200b}２".to_owned()),
        1 => Just("。".to_owned()),
    ];
    let gap = prop_oneof![6 => Just(" "), 1 => Just(""), 1 => Just("\n"), 1 => Just(". "), 1 => Just("\u{200b}\u{200b}")];
    proptest::collection::vec((word, gap), 0..60)
        .prop_map(|pairs| pairs.into_iter().map(|(word, gap)| word + gap).collect())
}

/// The built-in detectors of bounded reach.
fn built_in() -> GuardrailEngine {
    let builder = GuardrailEngine::builder()
        .stage(Stage::Output, GuardrailEngine::standard_policy(Stage::Output))
        .detector(Arc::new(PiiFilter::new()))
        .detector(Arc::new(SecretFilter::new()))
        .detector(Arc::new(UnicodeFilter::new()));
    builder.detector(Arc::new(ProfanityFilter::new())).build().unwrap()
}

/// Texts full of what the built-in detectors wake for, keep pending, and look behind for.
fn dense() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "4111",
        "1111",
        "1111",
        "123",
        "456",
        "5",
        "12.34",
        "SSN",
        "phone",
        "card",
        "078-05-1120",
        "ana.b",
        "[at]",
        "(dot)",
        "at",
        "dot",
        "example",
        "org",
        "ana@example.org",
        "password=",
        "hunter2!x",
        "sk-",
        "http://a.b/c",
        "www.",
        "nie",
        "X",
        "1234567",
        "L",
        "24",
        "euros",
        "GB82",
        "WEST",
        "a",
        "l-m",
        "４１",
        "٤١",
        "пароль:",
        "电话",
        "é.b",
        "f*ck",
        "::1",
        "+49",
        "(030)",
        "\u{200b}",
    ]);
    let gap = proptest::sample::select(vec![" ", " ", " ", "", "\n", ". ", "。", "-"]);
    proptest::collection::vec((word, gap), 0..250)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(word, gap)| [word, gap]).collect())
}

#[test]
fn a_number_whose_first_letter_stands_alone_does_not_leave_behind_it() {
    let policy = StagePolicy::new().with_rule(Category::Pii, Rule::new(GuardAction::Redact));
    let guard = GuardrailEngine::builder().stage(Stage::Output, policy).detector(Arc::new(PiiFilter::new()));
    let guard = guard.build().unwrap();
    for (first, second) in [
        ("I paid 24 euros, my nie is X ", "1234567 L and so on"),
        ("I paid much money, my nie is X ", "1234567 L and so on"),
        ("I paid much money, my nie is Ｙ ", "1234567 X and so on"),
    ] {
        let whole = guard.check_output(&[first, second].concat());
        assert_eq!(whole.violations.len(), 1, "{first}");
        check(&guard, &[first, second].concat(), [first, second].into_iter().collect()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_waits_for_more_before_it_is_looked_at_is_what_the_whole_lets_through(
        text in dense(), sizes in proptest::collection::vec(1_usize..30, 1..8),
    ) {
        let guard = built_in();
        check(&guard, &text, cut(&text, &sizes))?;
        let mut stream = guard.stream(Stage::Output);
        for piece in cut(&text, &sizes) {
            stream.push(piece);
        }
        prop_assert_eq!(stream.finish().1, guard.check_output(&text));
    }

    #[test]
    fn any_cutting_lets_through_what_the_whole_does(
        text in words(),
        sizes in proptest::collection::vec(1_usize..30, 1..8),
    ) {
        check(&redacting(), &text, cut(&text, &sizes))?;
    }

    #[test]
    fn any_cutting_does_where_detectors_say_what_is_pending(
        text in words(),
        sizes in proptest::collection::vec(1_usize..30, 1..8),
    ) {
        let guard = spots_with(StagePolicy::new(), Phrase(Reach::Tracked(8))).build().unwrap();
        check(&guard, &text, cut(&text, &sizes))?;
    }

    #[test]
    fn a_long_run_without_white_space_too(
        words in proptest::collection::vec(words(), 30..60),
        sizes in proptest::collection::vec(1_usize..200, 1..8),
    ) {
        let text = words.concat().replace([' ', '\n', '。'], "");
        check(&redacting(), &text, cut(&text, &sizes))?;
    }

    #[test]
    fn sentences_are_replaced_whole(text in words(), sizes in proptest::collection::vec(1_usize..30, 1..8)) {
        let policy = StagePolicy::new().with_rule(Category::Toxicity, Rule::new(GuardAction::Redact));
        let guard = spots(policy).detector(Arc::new(Hate(Reach::Sentence))).build().unwrap();
        let text = text.replace("aa", "hate");
        check(&guard, &text, cut(&text, &sizes))?;
    }

    #[test]
    fn the_verdict_of_a_stream_is_that_of_the_whole(text in words(), sizes in proptest::collection::vec(1_usize..30, 1..8)) {
        // Of what is open less is seen: what lies inside it is not looked for.
        let text = text.replace("<key>", "key");
        let guard = redacting();
        let mut stream = guard.stream(Stage::Output);
        for piece in cut(&text, &sizes) {
            stream.push(piece);
        }
        prop_assert_eq!(stream.finish().1, guard.check_output(&text));
    }

    #[test]
    fn what_blocks_stops_the_stream_behind_a_prefix(
        before in words(), after in words(), sizes in proptest::collection::vec(1_usize..30, 1..8),
        hold in prop_oneof![Just(Hold::Awake), Just(Hold::Sentence), Just(Hold::All), Just(Hold::Nothing)],
    ) {
        let policy = StagePolicy::new().with_rule(Category::Toxicity, Rule::new(GuardAction::Block)).with_hold(hold);
        let guard = spots(policy).detector(Arc::new(Hate(Reach::Windowed))).build().unwrap();
        let text = format!("{before}. I hate it all. {after}");
        let (sent, blocked) = stream(&guard, cut(&text, &sizes));
        prop_assert!(blocked);
        let harmless = redacting().check_output(&text).text(&text).to_owned();
        let sent = sent.concat();
        prop_assert!(harmless.starts_with(&sent), "{sent:?}");
        if hold != Hold::Nothing {
            prop_assert!(!sent.contains("hate"), "{sent:?}");
        }
    }
}

#[test]
fn all_cuttings_of_short_texts_let_through_what_the_whole_does() {
    for text in ["card 12 34567", "a bad word b", "x<key>a</key>y", "b\u{200b}ad w card", "123 4567 890"] {
        let guard = redacting();
        let inner: Vec<usize> = text.char_indices().skip(1).map(|(at, _)| at).collect();
        for cuts in 0_u32..1 << inner.len() {
            let places = inner.iter().enumerate().filter(|(bit, _)| cuts >> bit & 1 == 1).map(|(_, at)| *at);
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in places.chain([text.len()]) {
                pieces.push(text.get(from..at).unwrap());
                from = at;
            }
            check(&guard, text, pieces).unwrap();
        }
    }
}

#[test]
fn a_key_is_replaced_when_it_begins_and_swallowed_to_its_end() {
    let guard = redacting();
    let body = "abcd efgh\n".repeat(500);
    for (text, expected) in [
        (format!("it is <key>{body}</key> and so on and on and on"), "it is [KEY] and so on and on and on"),
        (format!("it is <key>{body} and so on"), "it is [KEY]"),
    ] {
        let (sent, _) = stream(&guard, cut(&text, &[4]));
        assert_eq!(sent.concat(), expected);
        let early: String = sent.iter().take(30).map(String::as_str).collect();
        assert_eq!(early, "it is [KEY]", "the replacement leaves at once");
        assert_eq!(guard.check_output(&text).text(&text), expected);
    }
}

#[test]
fn a_detector_of_the_whole_text_holds_it_back_and_a_growing_one_stops_it() {
    let engine = |hold| {
        let block = Rule::new(GuardAction::Block);
        let policy = StagePolicy::new().with_rule(Category::Schema, block).with_rule(Category::Length, block);
        let builder = GuardrailEngine::builder().stage(Stage::Output, policy.with_hold(hold));
        builder.detector(Arc::new(Unended)).detector(Arc::new(Longer(2_000))).build().unwrap()
    };
    let (sent, blocked) = stream(&engine(Hold::Awake), ["no end ", "here"]);
    assert_eq!((sent.concat().as_str(), blocked), ("", true));
    let (sent, blocked) = stream(&engine(Hold::Awake), ["an end ", "here."]);
    assert_eq!((sent.concat().as_str(), blocked), ("an end here.", false));
    let (sent, blocked) = stream(&engine(Hold::Nothing), ["no end ", "here"]);
    assert_eq!((sent.concat().as_str(), blocked), ("no end here", true));
    let text = "on and on ".repeat(1_000);
    let (sent, blocked) = stream(&engine(Hold::Nothing), cut(&text, &[10]));
    let sent = sent.concat();
    assert!(blocked && text.starts_with(&sent) && sent.len() < 2_600, "{}", sent.len());
}

#[test]
fn a_rule_for_an_entity_of_another_detector_holds_nothing_back() {
    let policy = StagePolicy::new()
        .with_rule(Category::Toxicity, Rule::new(GuardAction::Block))
        .with_entity("OTHER", Rule::new(GuardAction::Redact));
    let guard =
        GuardrailEngine::builder().detector(Arc::new(Hate(Reach::Sentence))).stage(Stage::Output, policy);
    let mut stream = guard.detector(Arc::new(Keys)).build().unwrap().stream(Stage::Output);
    let text = "nothing of this is a sentence yet ";
    assert_eq!(stream.push(text), StreamStep::Emit(text.to_owned()));
}

#[test]
fn monitored_text_passes_at_once() {
    let policy = StagePolicy::new().with_rule(Category::Toxicity, Rule::new(GuardAction::Block)).monitored();
    let guard = spots(policy).detector(Arc::new(Hate(Reach::Sentence))).build().unwrap();
    let text = "I hate card 1234567. <key>";
    let mut stream = guard.stream(Stage::Output);
    for piece in cut(text, &[3]) {
        assert_eq!(stream.push(piece), StreamStep::Emit(piece.to_owned()));
    }
    let (rest, result) = stream.finish();
    assert_eq!((rest.as_str(), result.action, result.intended), ("", GuardAction::Flag, GuardAction::Block));
    assert_eq!(result.violations.len(), 3);
}

#[test]
fn not_much_of_numbers_is_held_back() {
    // Flagged, so as much leaves as arrives.
    let policy = StagePolicy::new().with_rule(Category::Pii, Rule::new(GuardAction::Flag));
    let policy = policy.with_entity("IBAN", Rule::new(GuardAction::Redact));
    let builder = GuardrailEngine::builder().stage(Stage::Output, policy);
    let guard = builder.detector(Arc::new(PiiFilter::new())).build().unwrap();
    for piece in ["4111 ", "123 456 ", "SSN 1234567 ", "ana@example.org ", "٤١ "] {
        let text = piece.repeat(4_000 / piece.len());
        let mut stream = guard.stream(Stage::Output);
        let (mut arrived, mut left, mut most) = (0, 0, 0);
        for part in cut(&text, &[4]) {
            arrived += part.len();
            if let StreamStep::Emit(text) = stream.push(part) {
                left += text.len();
            }
            most = most.max(arrived - left);
        }
        assert!(most <= 512, "{piece}: {most}");
    }
}

#[test]
fn little_of_ordinary_prose_is_held_back() {
    let prose = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of \
                 foolishness, it was the epoch of belief, it was the epoch of incredulity. ";
    let text = prose.repeat(40);
    let policy = StagePolicy::new().with_rule(Category::Toxicity, Rule::new(GuardAction::Block));
    let builder = spots_with(policy, Phrase(Reach::Tracked(8))).detector(Arc::new(Hate(Reach::Windowed)));
    let guard = builder.build().unwrap();
    let (sent, _) = stream(&guard, cut(&text, &[4]));
    let (mut arrived, mut left, mut held) = (0, 0, Vec::new());
    for part in sent.iter().take(text.len() / 4) {
        (arrived, left) = (arrived + 4, left + part.len());
        held.push(arrived - left);
    }
    held.sort_unstable();
    let median = *held.get(held.len() / 2).unwrap();
    assert!(median < 16 && *held.last().unwrap() <= 64, "median {median}, most {:?}", held.last());
}
