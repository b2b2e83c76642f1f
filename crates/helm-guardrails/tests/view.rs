//! Folded views, and the way from them back to the original.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use helm_guardrails::{Folded, TextView};
use proptest::prelude::*;

#[test]
fn the_digits_view_keeps_case_and_undoes_width_typeface_and_script() {
    for (text, expected) in [
        ("AbC 123", "AbC 123"),
        ("ＡＫＩＡ＠ｘ．ｃｏｍ", "AKIA@x.com"),
        ("𝟒𝟏𝟏𝟏 and ٤١١١ and ४१११ and 𝐁ob", "4111 and 4111 and 4111 and Bob"),
        ("4\u{200b}1\u{ad}1\u{2060}1", "4111"),
        ("030\u{a0}901\u{202f}820\u{2011}1\u{2013}2", "030 901 820-1-2"),
        ("café Привет", "café Привет"),
        ("раураl", "раураl"),
    ] {
        assert_eq!(TextView::new(text).digits().text(), expected, "{text}");
    }
}

#[test]
fn the_words_view_sees_through_accents_case_and_look_alikes() {
    for (text, expected) in [
        ("Hello, World", "hello, world"),
        ("Ünïcödé ﬁne ǅ", "unicode fine dz"),
        ("pаypаl and ѕех", "paypal and sex"),
        ("Привет, как дела", "привет, как дела"),
        ("ｆｕｌｌ 𝐛𝐨𝐥𝐝 ٤", "full bold 4"),
        ("z\u{335}\u{336}al\u{34f}go", "zalgo"),
        ("łøđ", "lod"),
    ] {
        assert_eq!(TextView::new(text).words().text(), expected, "{text}");
    }
}

#[test]
fn a_text_that_is_not_changed_is_borrowed() {
    for text in ["all lower case, 123", "naïveté", ""] {
        let view = TextView::new(text);
        assert_eq!(view.digits().text().as_ptr(), text.as_ptr(), "{text}");
    }
    let view = TextView::new("all lower case, 123");
    assert_eq!(view.words().text().as_ptr(), view.text().as_ptr());
    assert!(view.words().is_in_place());
}

#[test]
fn spans_take_in_what_was_dropped_inside_them_and_nothing_around() {
    let text = "\u{200b}a\u{200b}b\u{200b}ﷺ\u{301}c";
    let view = TextView::new(text);
    let (folded, span) = (view.words(), |range| view.words().original(range));
    let letters = |span: helm_core::Span| &text[span.start..span.end];
    assert_eq!(letters(span(0..1)), "a");
    assert_eq!(letters(span(0..2)), "a\u{200b}b");
    assert_eq!(letters(span(2..4)), "ﷺ");
    assert_eq!(letters(span(folded.text().len() - 1..folded.text().len())), "c");
    let dots = TextView::new("a︙b");
    assert_eq!(dots.words().text(), "a...b");
    let dot = dots.words().original(2..3);
    assert_eq!((dot.start, dot.end), (1, 4), "as long as three full stops, and one character all the same");
    let place = span(1..1);
    assert_eq!(place.start, place.end);
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9 ]{1,8}",
        "[０-９ａ-ｚ]{1,5}",
        "[а-яА-Я]{1,5}",
        "[\u{200b}\u{ad}\u{301}\u{fe0f}]{1,4}",
        "\\PC{0,6}",
        Just("ﷺ½İ\u{1d400}".to_owned()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Every character of a folded text, and the part of the original that it says it was made of.
fn parts<'t>(text: &'t str, folded: &'t Folded<'_>) -> impl Iterator<Item = (char, &'t str)> {
    folded.text().char_indices().map(move |(at, char)| {
        let span = folded.original(at..at + char.len_utf8());
        (char, text.get(span.start..span.end).unwrap())
    })
}

proptest! {
    #[test]
    fn every_character_of_a_view_leads_back_to_one_of_the_text(text in texts()) {
        let view = TextView::new(&text);
        for (char, part) in parts(&text, view.digits()) {
            let again = TextView::new(part).digits().text().to_owned();
            prop_assert_eq!(again, char.to_string());
        }
        for (_, part) in parts(&text, view.words()) {
            prop_assert_eq!(part.chars().count(), 1, "{}", part);
        }
    }

    #[test]
    fn a_span_of_a_view_is_from_its_first_to_its_last_character(text in texts()) {
        let view = TextView::new(&text);
        let folded = view.words();
        let places: Vec<_> = folded.text().char_indices().map(|(at, char)| at..at + char.len_utf8()).collect();
        for (first, last) in places.iter().zip(places.iter().skip(3)) {
            let span = folded.original(first.start..last.end);
            prop_assert_eq!(span.start, folded.original(first.clone()).start);
            prop_assert_eq!(span.end, folded.original(last.clone()).end);
        }
    }

    #[test]
    fn folding_again_changes_nothing(text in texts()) {
        let once = TextView::new(&text).digits().text().to_owned();
        let view = TextView::new(&once);
        prop_assert_eq!(view.digits().text(), once.as_str());
    }
}
