//! A detector of one's own: ticket numbers such as `TKT-123456`, which must not leave the house.
//!
//! `cargo run -p helm-guardrails --example own_detector`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use helm_guardrails::core::{Category, GuardAction, Severity, Stage};
use helm_guardrails::{
    Detector, Finding, Findings, GuardrailEngine, Reach, Rule, StreamStep, TextView, check_detector,
};

struct Tickets;

impl Detector for Tickets {
    fn id(&self) -> &str {
        "tickets"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Topic]
    }

    fn reach(&self) -> Reach {
        // "TKT-" and six digits, of up to four bytes each.
        Reach::Bounded(40)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        // Sees through `ＴＫＴ-１２３` and invisible characters; spans lead back to what was written.
        let folded = view.digits();
        for (start, _) in folded.text().match_indices("TKT-") {
            let number = folded.text().bytes().skip(start + 4).take(6);
            if number.filter(u8::is_ascii_digit).count() == 6 {
                let span = folded.original(start..start + 10);
                findings.push(Finding::new(Category::Topic, "TICKET", span, Severity::Medium));
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    check_detector(&Tickets, &["see TKT-123456 and ＴＫＴ-12\u{200b}3456, not TKT-12"])?;
    let guard = GuardrailEngine::builder()
        .detector(Arc::new(Tickets))
        .rule(Stage::Output, Category::Topic, Rule::new(GuardAction::Redact))
        .build()?;

    let mut stream = guard.stream(Stage::Output);
    for piece in ["I looked at TK", "T-123", "456, and it has been ", "closed since Monday."] {
        if let StreamStep::Emit(text) = stream.push(piece) {
            print!("{text}");
        }
    }
    let (rest, result) = stream.finish();
    println!("{rest}");
    assert_eq!(result.violations.len(), 1);
    Ok(())
}
