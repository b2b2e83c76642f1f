//! The conformance suite accepts what keeps the contract, and names what breaks it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod detectors;

use detectors::{Hate, Keys, Longer, Numbers, Phrase, Unended};
use helm_core::{Category, Severity, Span};
use helm_guardrails::{Detector, Finding, Findings, Reach, TextView, Unfit, check_detector};

const SAMPLES: [&str; 5] = [
    "card 1234 5678 and 99 88 77, card\u{200b} ４２ 4242",
    "it is <key>abc def ghi jkl mno pqr stu</key> and <key>so on",
    "a bad word, b\u{200b}ad w\u{301}ord and bad",
    "I hate it. I do not. I hate\nit",
    "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0",
];

#[test]
fn detectors_that_keep_the_contract_pass() {
    check_detector(&Numbers, &SAMPLES).unwrap();
    check_detector(&Keys, &SAMPLES).unwrap();
    check_detector(&Phrase(Reach::Bounded(8)), &SAMPLES).unwrap();
    check_detector(&Phrase(Reach::Tracked(8)), &SAMPLES).unwrap();
    check_detector(&Hate(Reach::Sentence), &SAMPLES).unwrap();
    check_detector(&Longer(40), &SAMPLES).unwrap();
    check_detector(&Unended, &SAMPLES).unwrap();
}

/// What one of [`Broken`] does wrong.
#[derive(Clone, Copy)]
enum Fault {
    Span,
    Category,
    Reach,
    Context,
    Pending,
    Sleep,
    Open,
    Close,
    Shrink,
}

/// Finds `a+b` with the faults of its name.
struct Broken(Fault);

impl Detector for Broken {
    fn id(&self) -> &'static str {
        "broken"
    }

    fn categories(&self) -> &[Category] {
        match self.0 {
            Fault::Category => &[Category::Url],
            _ => &[Category::Topic],
        }
    }

    fn reach(&self) -> Reach {
        match self.0 {
            Fault::Reach => Reach::Bounded(2),
            Fault::Shrink => Reach::Growing,
            Fault::Close => Reach::Tracked(4),
            _ => Reach::Tracked(8),
        }
    }

    fn wakes(&self, _: &TextView<'_>) -> bool {
        !matches!(self.0, Fault::Sleep)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        let mut find = |start: usize, end: usize| {
            let finding = Finding::new(Category::Topic, "AB", Span { start, end }, Severity::Low);
            findings.push(if matches!(self.0, Fault::Open) { finding.open() } else { finding });
        };
        match self.0 {
            Fault::Span => find(0, text.len() + 1),
            Fault::Context if text.starts_with("before") => {}
            Fault::Shrink if text.len() > 30 => {}
            Fault::Close => {
                let (start, end) = (text.find("a+b"), text.find("end"));
                match (start, end) {
                    (Some(start), Some(end)) if start < end => find(start, end + 3),
                    (Some(start), _) => {
                        let span = Span { start, end: text.len() };
                        findings.push(Finding::new(Category::Topic, "AB", span, Severity::Low).open());
                    }
                    _ => {}
                }
            }
            // Two words that nobody was told to wait for.
            Fault::Pending => text.match_indices("x y").for_each(|(at, _)| find(at, at + 3)),
            _ => text.match_indices("a+b").for_each(|(at, _)| find(at, at + 3)),
        }
    }
}

#[test]
fn every_breach_is_named() {
    let unfit = |fault| check_detector(&Broken(fault), &["some a+b, x y there and some more"]).unwrap_err();
    assert!(matches!(unfit(Fault::Span), Unfit::BadSpan { .. }));
    assert!(matches!(unfit(Fault::Category), Unfit::Untold { .. }));
    assert!(matches!(unfit(Fault::Reach), Unfit::TooLong { length: 3, reach: 2 }));
    assert!(matches!(unfit(Fault::Context), Unfit::CutMatters { .. }));
    assert!(matches!(unfit(Fault::Pending), Unfit::Undecided { .. }));
    assert!(matches!(unfit(Fault::Sleep), Unfit::Asleep { .. }));
    assert!(matches!(unfit(Fault::Open), Unfit::ClosedOpen { .. }));
    assert!(matches!(unfit(Fault::Close), Unfit::ClosesElsewhere { .. }));
    assert!(matches!(unfit(Fault::Shrink), Unfit::Shrinks { .. }));
}
