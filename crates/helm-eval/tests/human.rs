//! What people do with an answer, as a score.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use helm_eval::HumanSignal;

fn value(signal: HumanSignal<'_>) -> f64 {
    signal.score().expect("a score").value.get()
}

#[test]
fn what_is_said_outright_is_surer_than_what_is_only_done() {
    assert_eq!((value(HumanSignal::Rating(1.0)), value(HumanSignal::Rating(4.0))), (0.0, 0.75));
    assert_eq!((value(HumanSignal::Thumbs(true)), value(HumanSignal::Thumbs(false))), (1.0, 0.0));
    let confidence = |signal: HumanSignal<'_>| signal.score().expect("a score").confidence;
    assert!(confidence(HumanSignal::Rating(2.0)) > confidence(HumanSignal::Regenerated));
    assert!(confidence(HumanSignal::Copied) > confidence(HumanSignal::Abandoned(Duration::ZERO)));
    assert!(value(HumanSignal::Copied) > value(HumanSignal::Abandoned(Duration::from_secs(60))));
    assert!(value(HumanSignal::Rephrased) > value(HumanSignal::Regenerated));
    for wrong in [0.0, 5.5, f64::NAN] {
        assert!(HumanSignal::Rating(wrong).score().is_err());
    }
}

#[test]
fn the_more_of_an_answer_is_left_the_better_it_was() {
    let answer = "Press the button for ten seconds, then wait for the green light.";
    let edited = |used| value(HumanSignal::Edited { answer, used });
    assert_eq!(edited(" Press the button for ten seconds, then wait for the green light. "), 1.0);
    let little = edited("Press the button for twelve seconds, then wait for the green light.");
    let much = edited("Call the hotline.");
    assert!(little > 0.7 && little < 1.0 && much < 0.3, "{little} {much}");
    assert_eq!(edited(""), 0.0);
}
